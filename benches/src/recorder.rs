//! [`Recorder`]: stands before an engine, passes everything on, and keeps what was written and what was looked for.

use std::mem;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use tokio::net::TcpListener;

use crate::Result;
use crate::engine::client;

/// A request that was passed on.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Without its first slash, and with what is behind the question mark.
    pub path: String,
    /// What was sent.
    pub body: Bytes,
}

/// A proxy in a task of its own, for as long as the runtime lives.
#[derive(Debug)]
pub struct Recorder {
    addr: SocketAddr,
    kept: Arc<Mutex<Vec<Recorded>>>,
}

#[derive(Clone)]
struct Way {
    engine: String,
    http: reqwest::Client,
    kept: Arc<Mutex<Vec<Recorded>>>,
}

impl Recorder {
    /// One before an engine.
    ///
    /// # Errors
    /// If it cannot listen.
    pub async fn start(engine: &str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let addr = listener.local_addr()?;
        let kept = Arc::default();
        let way = Way { engine: engine.to_owned(), http: client()?, kept: Arc::clone(&kept) };
        tokio::spawn(axum::serve(listener, Router::new().fallback(pass).with_state(way)).into_future());
        Ok(Self { addr, kept })
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// What came since the last time.
    pub fn take(&self) -> Vec<Recorded> {
        mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn pass(State(way): State<Way>, request: Request) -> Response {
    match passed(&way, request).await {
        Ok(response) => response,
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}

async fn passed(way: &Way, request: Request) -> Result<Response> {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await?;
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    if path.starts_with("/_bulk") || path.contains("/_search") {
        let recorded = Recorded { path: path.trim_start_matches('/').to_owned(), body: body.clone() };
        way.kept.lock().unwrap_or_else(PoisonError::into_inner).push(recorded);
    }
    let mut passed = way.http.request(head.method, format!("{}{path}", way.engine)).body(body);
    if let Some(content_type) = head.headers.get(CONTENT_TYPE) {
        passed = passed.header(CONTENT_TYPE, content_type);
    }
    let answer = passed.send().await?;
    let response = Response::builder().status(answer.status()).header(CONTENT_TYPE, "application/json");
    Ok(response.body(Body::from(answer.bytes().await?))?)
}
