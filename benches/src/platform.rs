//! [`Platform`]: the whole of it in this process, on an engine, for one tenant; asked over a socket as websites ask it.

use std::sync::Arc;
use std::time::Instant;

use api_server::{Config, Listeners, Server, StorageConfig, Tenancy};
use bytes::Bytes;
use reqwest::Client;
use reqwest::header::CONTENT_TYPE;
use secrecy::SecretString;
use serde_json::{Value, json};
use storage::OpenSearchConfig;
use tokio::task::JoinSet;

use crate::engine::client;
use crate::events::Events;
use crate::threads::rate;
use crate::{Error, Result};

/// How many requests a visitor sends before the next one comes.
pub const VISIT: usize = 10;

const EMAIL: &str = "admin@shop.example";
const PASSWORD: &str = "a-long-enough-password";
const TOKEN: &str = "installer";
const FORM: &str = "application/x-www-form-urlencoded";

/// A platform with one tenant, who has one event source.
pub struct Platform {
    server: Server,
    http: Client,
    track: Arc<str>,
}

impl Platform {
    /// Starts and installs it.
    ///
    /// # Errors
    /// If that fails.
    pub async fn start(engine: OpenSearchConfig) -> Result<Self> {
        let token = Some(SecretString::from(TOKEN));
        let tenancy = Tenancy::Single { name: "shop".parse()?, installation_token: token };
        let mut config = Config::new(tenancy, StorageConfig::OpenSearch { engine: Box::new(engine) });
        config.listeners = Listeners { ops: None, ..Listeners::any_local() };
        let server = Server::start(config).await?;
        let url = |address: Option<std::net::SocketAddr>| {
            address.map(|address| format!("http://{address}")).ok_or("it listens")
        };
        let (public, private) = (url(server.endpoints().public)?, url(server.endpoints().private)?);
        let platform = Self { server, http: client()?, track: format!("{public}/track").into() };
        platform.set_up(&private).await?;
        Ok(platform)
    }

    async fn set_up(&self, private: &str) -> Result<()> {
        let install = json!({"username": EMAIL, "password": PASSWORD, "token": TOKEN, "needs_admin": true});
        let call = self.http.post(format!("{private}/install")).json(&install);
        call.send().await?.error_for_status()?;
        let call = self.http.post(format!("{private}/user/token")).header(CONTENT_TYPE, FORM);
        let call = call.body(format!("username={EMAIL}&password={PASSWORD}"));
        let login: Value = call.send().await?.error_for_status()?.json().await?;
        let source =
            json!({"id": "web", "name": "Web", "type": ["rest"], "bridge": {"id": "rest", "name": "REST"}});
        let call = self.http.post(format!("{private}/event-source")).json(&source);
        let call = call.header("x-context", "production");
        call.bearer_auth(login["access_token"].as_str().ok_or("a token")?)
            .send()
            .await?
            .error_for_status()?;
        Ok(())
    }

    /// One request.
    ///
    /// # Errors
    /// If it is not acknowledged.
    pub async fn track(&self, request: Bytes) -> Result<()> {
        track(&self.http, &self.track, request).await
    }

    /// A connection for each share, which sends its requests one after the other. Requests a second, of all together.
    ///
    /// # Errors
    /// If one is not acknowledged.
    pub async fn track_all(&self, shares: Vec<Vec<Bytes>>) -> Result<f64> {
        let (http, url) = (self.http.clone(), Arc::clone(&self.track));
        all(shares, move |request| {
            let (http, url) = (http.clone(), Arc::clone(&url));
            async move { track(&http, &url, request).await }
        })
        .await
    }

    /// Stops it.
    pub async fn stop(self) {
        self.server.shutdown().await;
    }
}

async fn track(http: &Client, url: &str, request: Bytes) -> Result<()> {
    let answer = http.post(url).header(CONTENT_TYPE, "application/json").body(request).send().await?;
    let (status, body) = (answer.status(), answer.bytes().await?);
    if status.is_success() {
        return Ok(());
    }
    Err(format!("/track answered {status}: {}", String::from_utf8_lossy(&body)).into())
}

/// A task for each share, which sends its requests one after the other. Requests a second, of all together.
///
/// # Errors
/// The first one of a request.
pub async fn all<F>(
    shares: Vec<Vec<Bytes>>,
    send: impl Fn(Bytes) -> F + Clone + Send + 'static,
) -> Result<f64>
where
    F: Future<Output = Result<()>> + Send,
{
    let requests = shares.iter().map(Vec::len).sum();
    let began = Instant::now();
    let mut senders = JoinSet::new();
    for share in shares {
        let send = send.clone();
        senders.spawn(async move {
            for request in share {
                send(request).await?;
            }
            Result::Ok(())
        });
    }
    while let Some(done) = senders.join_next().await {
        done??;
    }
    Ok(rate(requests, began.elapsed()))
}

/// For each connection what one visitor after the other sends.
///
/// # Errors
/// Never for events as they are.
pub fn visits(seed: u64, connections: usize, requests: usize, events: usize) -> Result<Vec<Vec<Bytes>>> {
    let mut made = Events::new(seed);
    let mut share = |connection: usize| -> Result<Vec<Bytes>> {
        let request = |number: usize| {
            let session = format!("s-{seed}-{connection}-{}", number / VISIT);
            request(&session, made.take(events))
        };
        (0..requests).map(request).collect()
    };
    (0..connections).map(&mut share).collect()
}

fn request(session: &str, events: Vec<crate::events::Event>) -> Result<Bytes> {
    let events: Vec<Value> = events
        .into_iter()
        .map(|(_, mut body)| json!({"type": body.remove("type"), "properties": body.remove("properties")}))
        .collect();
    let request = json!({
        "source": {"id": "web"},
        "session": {"id": session},
        "context": {"page": {"url": "https://shop.example.com/", "title": "Shop"}, "screen": {"width": 1920, "height": 1080}},
        "events": events,
    });
    Ok(serde_json::to_vec(&request).map_err(Error::from)?.into())
}
