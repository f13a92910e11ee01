//! [`StoreError`]: what happened, and whether to try again.

use std::error::Error;
use std::fmt;
use std::time::Duration;

/// Why a store did not do what it was asked.
#[derive(Debug)]
pub struct StoreError {
    kind: StoreErrorKind,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// The kinds of [`StoreError`]. Exhaustive on purpose: a new kind does not compile until every program answers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreErrorKind {
    /// A guard of a batch did not hold: the document exists, or has another version.
    Conflict {
        /// Which of the batch's guarded items, from 0.
        item: usize,
    },
    /// The caller's input: an unknown kind, a malformed document, a query outside the subset. The message names it.
    Invalid,
    /// The namespace is not here: never installed, of another incarnation, or its files are gone.
    NotInstalled,
    /// The outcome is unknown; the same call may be sent again.
    Unavailable {
        /// When trying again may help.
        retry_after: Duration,
    },
    /// There is no room on the disk: the write was not acknowledged, and can be sent again once there is.
    Full,
    /// The data on the disk is damaged; other tenants are not concerned.
    Corrupt,
    /// Anything else that the backend reported.
    Backend,
}

impl StoreError {
    /// An error with a message in lower case and without a full stop.
    pub fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// An [`StoreErrorKind::Invalid`].
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(StoreErrorKind::Invalid, message)
    }

    /// Keeps what caused it.
    #[must_use]
    pub fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// What sort of failure it is.
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// Whether a guard of a batch did not hold.
    pub fn is_conflict(&self) -> bool {
        matches!(self.kind, StoreErrorKind::Conflict { .. })
    }

    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self.kind, StoreErrorKind::Unavailable { .. })
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
