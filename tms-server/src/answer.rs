//! What wraps every request: an id, a span, a deadline, and the shape of errors.

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tenant_core::{Detail, ErrorBody};
use tracing::Instrument as _;
use uuid::Uuid;

use crate::error::{ApiError, INTERNAL, render};
use crate::meters::{DatabaseError, Meters};

/// What is around every handler.
#[derive(Debug)]
pub(crate) struct Around {
    /// How long a request may take until its answer's head.
    pub(crate) deadline: Duration,
    pub(crate) meters: Meters,
}

/// Wraps a request. The span names the route and never the path: that of `/api-key/{key}` holds a key.
pub(crate) async fn wrap(request: Request, next: Next, around: Arc<Around>) -> Response {
    let id = Uuid::new_v4().to_string();
    let accept = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    let method = request.method().clone();
    let span = tracing::info_span!("request", request.id = %id, http.method = %method, http.route = route);
    let answered = async {
        let start = Instant::now();
        let answer = tokio::time::timeout(around.deadline, next.run(request)).await;
        let response = answer.unwrap_or_else(|_| ApiError::TimedOut.into_response());
        let elapsed = start.elapsed();
        tracing::debug!(status = response.status().as_u16(), ?elapsed, "answered");
        around.meters.request(&method, route, response.status(), elapsed);
        if let Some(error) = response.extensions().get::<DatabaseError>() {
            around.meters.database_error(*error);
        }
        response
    };
    finish(answered.instrument(span).await, &id, accept.as_deref())
}

fn finish(mut response: Response, id: &str, accept: Option<&str>) -> Response {
    if let Some(mut body) = response.extensions_mut().remove::<ErrorBody>() {
        if response.status() == StatusCode::INTERNAL_SERVER_ERROR {
            body.detail = Detail::Text(format!("{INTERNAL} (request {id})"));
        }
        let shaped = render(body, accept);
        if let Some(media_type) = shaped.headers().get(CONTENT_TYPE) {
            response.headers_mut().insert(CONTENT_TYPE, media_type.clone());
        }
        *response.body_mut() = shaped.into_body();
    }
    let headers = response.headers_mut();
    // Tokens and records are nothing for a cache on the way.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert("x-request-id", id);
    }
    response
}

/// The answer where a handler panicked. What it panicked with is for the log alone, and the panic hook has told that.
pub(crate) fn panicked(_: Box<dyn Any + Send + 'static>) -> Response<Body> {
    ApiError::Panicked.into_response()
}
