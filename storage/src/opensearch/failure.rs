//! What the engine says, as errors of a store.

use std::error::Error as _;
use std::time::Duration;

use serde::Deserialize;
use serde_json::error::Category;

use crate::error::{StoreError, StoreErrorKind};

/// When to come back where the engine says nothing.
pub(super) const RETRY_AFTER: Duration = Duration::from_secs(1);

/// When to come back where an operator has to act first.
pub(super) const AFTER_AN_OPERATOR: Duration = Duration::from_secs(60);

/// What the engine says of something that it did not do.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Cause {
    #[serde(rename = "type", default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) reason: String,
}

/// Why a request, or a part of it, was refused.
#[derive(Debug, Clone)]
pub(super) struct Refused {
    pub(super) status: u16,
    pub(super) cause: Cause,
    pub(super) retry_after: Option<Duration>,
}

impl Refused {
    /// Reads the body of an answer: `{"error": {"type", "reason"}}`, or anything that a proxy may say.
    pub(super) fn of(status: u16, body: &[u8], retry_after: Option<Duration>) -> Self {
        #[derive(Deserialize)]
        struct Answer {
            error: Cause,
        }
        let cause = serde_json::from_slice::<Answer>(body).map_or_else(
            |_| Cause {
                name: String::new(),
                reason: String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned(),
            },
            |answer| answer.error,
        );
        Self { status, cause, retry_after }
    }

    /// Whether it surely did nothing, and may be sent again.
    pub(super) fn is_busy(&self) -> bool {
        self.status == 429 && !self.is_full()
    }

    /// The disk of a node is nearly full: it takes no more writes until there is room.
    fn is_full(&self) -> bool {
        self.cause.reason.contains("read-only-allow-delete") || self.cause.reason.contains("flood-stage")
    }

    /// The cluster has as many shards as its nodes may have.
    fn is_out_of_shards(&self) -> bool {
        self.is("validation_exception")
            && self.cause.reason.contains("maximum")
            && self.cause.reason.contains("shards")
    }

    pub(super) fn is_conflict(&self) -> bool {
        self.status == 409
    }

    pub(super) fn is(&self, name: &str) -> bool {
        self.cause.name == name
    }
}

impl From<Refused> for StoreError {
    fn from(refused: Refused) -> Self {
        let Refused { status, cause, retry_after } = &refused;
        let message = match status {
            401 => "the engine does not take the credentials".to_owned(),
            403 if refused.is("security_exception") => {
                format!("the engine does not let these credentials do it: {}", cause.reason)
            }
            _ if refused.is_out_of_shards() => format!(
                "the cluster has no room for more shards: raise cluster.max_shards_per_node or add nodes ({})",
                cause.reason
            ),
            _ => format!("the engine answered {status} {}: {}", cause.name, cause.reason),
        };
        let kind = match status {
            _ if refused.is_full() => StoreErrorKind::Full,
            _ if refused.is_out_of_shards() => StoreErrorKind::Unavailable { retry_after: AFTER_AN_OPERATOR },
            429 | 502 | 503 | 504 => {
                StoreErrorKind::Unavailable { retry_after: retry_after.unwrap_or(RETRY_AFTER) }
            }
            404 if refused.is("index_not_found_exception") => StoreErrorKind::NotInstalled,
            413 => StoreErrorKind::Invalid,
            _ => StoreErrorKind::Backend,
        };
        Self::new(kind, message)
    }
}

/// The engine could not be asked, or did not answer.
pub(super) fn unreachable(error: opensearch::Error) -> StoreError {
    let mut cause = error.source();
    while let Some(inner) = cause {
        let text = inner.to_string();
        cause = inner.source();
        // Of rustls, whose type is not at hand here.
        if !text.starts_with("invalid peer certificate") {
            continue;
        }
        let message = format!(
            "the engine's certificate is not trusted ({text}): name the host as the certificate does, and set `authorities` to \
             who signed it"
        );
        return StoreError::new(StoreErrorKind::Backend, message).with_source(error);
    }
    let kind = StoreErrorKind::Unavailable { retry_after: RETRY_AFTER };
    StoreError::new(kind, "the engine cannot be reached").with_source(error)
}

/// What cannot be written as JSON.
pub(super) fn unwritable(error: serde_json::Error) -> StoreError {
    StoreError::invalid("a document cannot be written as JSON").with_source(error)
}

/// What came is no answer of this engine. What is no JSON at all is of something between, or was cut: it says nothing of what
/// the engine did.
pub(super) fn unexpected(error: serde_json::Error) -> StoreError {
    let kind = match error.classify() {
        Category::Io | Category::Syntax | Category::Eof => {
            StoreErrorKind::Unavailable { retry_after: RETRY_AFTER }
        }
        Category::Data => StoreErrorKind::Backend,
    };
    StoreError::new(kind, "the engine's answer is not understood").with_source(error)
}

/// The same error, for another one who waited.
pub(super) fn told_again(error: &StoreError) -> StoreError {
    StoreError::new(error.kind(), error.to_string())
}
