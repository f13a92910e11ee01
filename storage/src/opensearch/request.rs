//! [`Request`]: what is asked of the engine, and why there may be no answer.

use bytes::Bytes;
use opensearch::http::Method;
use serde_json::Value;

use crate::error::StoreError;
use crate::opensearch::failure::Refused;
use crate::opensearch::home::Space;

/// A request.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: &'static [(&'static str, &'static str)],
    pub(super) routing: Option<String>,
    pub(super) body: Option<Bytes>,
    /// Lines of JSON, not one JSON.
    pub(super) is_bulk: bool,
    /// Whether it may be sent again though it may have been carried out.
    pub(super) is_read: bool,
}

impl Request {
    /// One that changes nothing.
    pub(super) fn read(path: String, body: &Value) -> Self {
        Self { is_read: true, ..Self::write(Method::Post, path, Some(body)) }
    }

    /// One that reads what is at a path.
    pub(super) fn get(path: impl Into<String>) -> Self {
        Self { is_read: true, ..Self::write(Method::Get, path.into(), None) }
    }

    /// One that may change something.
    pub(super) fn write(method: Method, path: String, body: Option<&Value>) -> Self {
        let body = body.map(|body| Bytes::from(body.to_string()));
        Self { method, path, query: &[], routing: None, body, is_bulk: false, is_read: false }
    }

    pub(super) fn query(self, query: &'static [(&'static str, &'static str)]) -> Self {
        Self { query, ..self }
    }

    pub(super) fn routed(self, space: &Space) -> Self {
        Self { routing: Some(space.to_string()), ..self }
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Failed {
    Refused(Refused),
    /// It may have been carried out.
    Other(StoreError),
}

impl From<Failed> for StoreError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Refused(refused) => refused.into(),
            Failed::Other(error) => error,
        }
    }
}
