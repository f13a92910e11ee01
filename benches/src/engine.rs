//! [`Engine`]: an OpenSearch, and the least that a client of it can be.

use std::env;

use bytes::Bytes;
use reqwest::header::{ACCEPT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, Method};
use serde::Deserialize;
use serde_json::{Value, json};
use storage::{OpenSearchConfig, OpenSearchStore};

use crate::Result;

/// Names its nodes, separated by commas; the first one is asked.
pub const VARIABLE: &str = "TENANTRY_TEST_OPENSEARCH";

/// A node, and the indices of this run there.
#[derive(Debug, Clone)]
pub struct Engine {
    url: String,
    prefix: String,
    http: Client,
}

impl Engine {
    /// The one that the environment names.
    ///
    /// # Errors
    /// If there can be no client.
    pub fn of_environment() -> Result<Option<Self>> {
        let Ok(hosts) = env::var(VARIABLE) else { return Ok(None) };
        let url = hosts.split(',').next().unwrap_or_default().trim_end_matches('/').to_owned();
        let prefix = format!("bench-{:08x}", fastrand::u32(..));
        Ok(Some(Self { url, prefix, http: client()? }))
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What the names of somebody's indices begin with.
    pub fn prefix_of(&self, who: &str) -> String {
        format!("{}-{who}", self.prefix)
    }

    /// The settings of somebody's store, which reaches it at this address.
    pub fn config(&self, who: &str, url: &str) -> OpenSearchConfig {
        let mut config = OpenSearchConfig::new([url]);
        config.prefix = self.prefix_of(who);
        config
    }

    /// Makes the indices that a store makes, for somebody who writes to them without one.
    ///
    /// # Errors
    /// If they cannot be made.
    pub async fn make_indices(&self, who: &str) -> Result<()> {
        Ok(OpenSearchStore::open(&self.config(who, &self.url), customer_data::schema()?)?.check().await?)
    }

    /// Makes one index.
    ///
    /// # Errors
    /// If it cannot be made.
    pub async fn make_index(&self, name: &str, definition: &Value) -> Result<()> {
        self.ask(Method::PUT, name, Some(Bytes::from(definition.to_string()))).await.map(drop)
    }

    /// One `_bulk`, in which nothing may be refused.
    ///
    /// # Errors
    /// If something is.
    pub async fn bulk(&self, lines: Bytes) -> Result<()> {
        #[derive(Deserialize)]
        struct Outcome {
            errors: bool,
        }
        let answer = self.ask(Method::POST, "_bulk", Some(lines)).await?;
        let Outcome { errors } = serde_json::from_slice(&answer)?;
        if errors { Err(String::from_utf8_lossy(&answer).into()) } else { Ok(()) }
    }

    /// What it answers to a question.
    ///
    /// # Errors
    /// If it does not.
    pub async fn search(&self, path: &str, question: Bytes) -> Result<Value> {
        Ok(serde_json::from_slice(&self.ask(Method::POST, path, Some(question)).await?)?)
    }

    /// How many documents somebody's index holds.
    ///
    /// # Errors
    /// If it does not say.
    pub async fn count(&self, index: &str) -> Result<u64> {
        self.ask(Method::POST, &format!("{index}/_refresh"), None).await?;
        let question = json!({"size": 0, "track_total_hits": true}).to_string();
        let answer = self.search(&format!("{index}/_search"), question.into()).await?;
        answer["hits"]["total"]["value"].as_u64().ok_or_else(|| "no number".into())
    }

    /// Removes all indices of this run.
    ///
    /// # Errors
    /// If one stays.
    pub async fn clear(&self) -> Result<()> {
        let listed = self.ask(Method::GET, &format!("_cat/indices/{}-*?h=index", self.prefix), None).await?;
        for index in String::from_utf8_lossy(&listed).lines() {
            self.ask(Method::DELETE, index.trim(), None).await?;
        }
        Ok(())
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Bytes>) -> Result<Bytes> {
        let mut request = self.http.request(method, format!("{}/{path}", self.url));
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        let answer = request.send().await?;
        let (status, body) = (answer.status(), answer.bytes().await?);
        if status.is_success() {
            return Ok(body);
        }
        Err(format!("the engine answered {status}: {}", String::from_utf8_lossy(&body)).into())
    }
}

/// A client that asks nobody but the one it is told to, for plain answers.
///
/// # Errors
/// If there can be none.
pub fn client() -> Result<Client> {
    // The first one of a process counts.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let plain = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("identity"))]);
    Ok(Client::builder().no_proxy().tcp_nodelay(true).default_headers(plain).build()?)
}
