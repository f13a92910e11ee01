//! One attempt to ask one node.

use std::io::Write as _;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use opensearch::auth;
use opensearch::cert::{Certificate, CertificateValidation};
use opensearch::http::Url;
use opensearch::http::headers::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER,
};
use opensearch::http::transport::{SingleNodeConnectionPool, Transport, TransportBuilder};

use crate::error::{StoreError, StoreErrorKind};
use crate::opensearch::config::{Credentials, OpenSearchConfig};
use crate::opensearch::failure::Refused;
use crate::opensearch::request::Request;

/// Why an attempt failed.
pub(super) enum Failure {
    Refused(Refused),
    Transport {
        error: opensearch::Error,
        is_connect: bool,
        is_timeout: bool,
    },
    /// As many requests as it may have were under way all the time.
    Crowded,
}

/// One attempt.
pub(super) async fn send_once(
    transport: &Transport,
    request: &Request,
    body: &Body,
) -> Result<Bytes, Failure> {
    let failed = |error: opensearch::Error| {
        let source =
            std::error::Error::source(&error).and_then(|source| source.downcast_ref::<reqwest::Error>());
        let is_connect = source.is_some_and(reqwest::Error::is_connect);
        let is_timeout = source.is_some_and(reqwest::Error::is_timeout);
        Failure::Transport { error, is_connect, is_timeout }
    };
    let mut headers = HeaderMap::new();
    if request.is_bulk {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    }
    if !body.answer_compressed {
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
    if body.is_compressed {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    let mut query = request.query.to_vec();
    if let Some(routing) = &request.routing {
        query.push(("routing", routing));
    }
    let sent = transport
        .send(request.method, &request.path, headers, Some(&query), body.bytes.clone(), None)
        .await
        .map_err(failed)?;
    let (status, retry_after) = (sent.status_code(), retry_after(sent.headers()));
    let body = sent.bytes().await.map_err(failed)?;
    if status.is_success() {
        return Ok(body);
    }
    Err(Failure::Refused(Refused::of(status.as_u16(), &body, retry_after)))
}

/// What is sent.
pub(super) struct Body {
    pub(super) bytes: Option<Bytes>,
    pub(super) is_compressed: bool,
    /// Whether the answer may be.
    pub(super) answer_compressed: bool,
}

pub(super) fn compressed(bytes: &[u8]) -> std::io::Result<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::fast());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?.into())
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok().map(Duration::from_secs)
}

/// The connections to one node.
pub(super) fn transport(url: &str, config: &OpenSearchConfig) -> Result<Transport, StoreError> {
    // The URL is not told: it may hold a password.
    let parsed =
        Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let url = parsed.ok_or_else(|| {
        StoreError::invalid("a node of the engine has no URL such as http://localhost:9200")
    })?;
    let credentials = match &config.credentials {
        Credentials::None => None,
        Credentials::Basic { username, password } => {
            Some(auth::Credentials::Basic(username.clone(), password.clone()))
        }
        Credentials::ApiKey { id, key } => Some(auth::Credentials::ApiKey(id.clone(), key.clone())),
    };
    let validation = match (&config.authorities, config.verify_certificates) {
        (_, false) => CertificateValidation::None,
        (None, true) => CertificateValidation::Default,
        (Some(pem), true) => CertificateValidation::Full(Certificate::from_pem(pem).map_err(|error| {
            StoreError::invalid("the authorities of the engine's certificate are no PEM").with_source(error)
        })?),
    };
    let mut builder = TransportBuilder::new(SingleNodeConnectionPool::new(url))
        .disable_proxy()
        .timeout(config.timeout)
        .cert_validation(validation);
    if let Some(credentials) = credentials {
        builder = builder.auth(credentials);
    }
    builder.build().map_err(|error| {
        StoreError::new(StoreErrorKind::Backend, "the connection to the engine cannot be set up")
            .with_source(error)
    })
}
