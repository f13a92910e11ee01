//! [`TmsError`]: what went wrong with a call to the TMS, and whether asking again may help.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use tenant_core::{FieldError, RegistryError, RegistryErrorKind};

/// When asking again may help, where the TMS does not say: 1 s.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Why a call to the TMS did not do what it should.
///
/// Cheap to clone, so that everyone who waited for one call gets its outcome. Holds no key, token or path.
#[derive(Debug, Clone)]
pub struct TmsError {
    kind: TmsErrorKind,
    message: String,
    retry_after: Option<Duration>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// The kinds of [`TmsError`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TmsErrorKind {
    /// A builder was given something that cannot work; no call was made.
    Config,
    /// The key is refused, or does not allow this call.
    Forbidden,
    /// There is no such tenant.
    NotFound,
    /// The id, or something else that must be unique, is taken; or the tenant's status forbids it.
    Conflict,
    /// The TMS does not take this value.
    Invalid(Vec<FieldError>),
    /// The TMS could not be asked, or could not answer just now. The outcome is unknown.
    Unavailable,
    /// The TMS answered something that is no answer: a wrong address, or a service of another kind.
    Protocol,
}

impl TmsError {
    pub(crate) fn new(kind: TmsErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), retry_after: None, source: None }
    }

    pub(crate) fn config(message: impl Into<String>) -> Self {
        Self::new(TmsErrorKind::Config, message)
    }

    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self::new(TmsErrorKind::Unavailable, message)
    }

    pub(crate) fn protocol(message: impl Into<String>) -> Self {
        Self::new(TmsErrorKind::Protocol, message)
    }

    pub(crate) fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    pub(crate) fn with_retry_after(mut self, retry_after: Option<Duration>) -> Self {
        self.retry_after = retry_after;
        self
    }

    /// What sort of failure it is.
    pub fn kind(&self) -> &TmsErrorKind {
        &self.kind
    }

    /// Whether the same call may succeed later: true for [`TmsErrorKind::Unavailable`] alone.
    pub fn is_retryable(&self) -> bool {
        self.kind == TmsErrorKind::Unavailable
    }

    /// When asking again may help: what the TMS said in `Retry-After`, else 1 s.
    pub fn retry_after(&self) -> Duration {
        self.retry_after.unwrap_or(RETRY_AFTER)
    }

    /// What the TMS itself said about when to ask again.
    pub(crate) fn told_retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The message and those of its causes, for a log.
    pub(crate) fn chain(&self) -> String {
        let mut text = self.message.clone();
        let mut cause = self.source();
        while let Some(error) = cause {
            // Writing to a String cannot fail.
            let _ = write!(text, ": {error}");
            cause = error.source();
        }
        text
    }
}

impl fmt::Display for TmsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for TmsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<TmsError> for RegistryError {
    fn from(error: TmsError) -> Self {
        let retry_after = error.retry_after();
        let kind = match error.kind {
            TmsErrorKind::Forbidden => RegistryErrorKind::Forbidden,
            TmsErrorKind::NotFound => RegistryErrorKind::NotFound,
            TmsErrorKind::Conflict => RegistryErrorKind::Conflict,
            TmsErrorKind::Invalid(fields) => RegistryErrorKind::Invalid(fields),
            TmsErrorKind::Unavailable => RegistryErrorKind::Unavailable { retry_after },
            // A client that exists was built, so no call of it can fail with `Config`.
            TmsErrorKind::Protocol | TmsErrorKind::Config => RegistryErrorKind::Protocol,
        };
        let converted = Self::new(kind, error.message);
        match error.source {
            Some(source) => converted.with_source(source),
            None => converted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_error_keeps_kind_message_and_cause() {
        let cause = std::io::Error::other("refused");
        let error = TmsError::unavailable("no answer").with_source(cause);
        assert_eq!(error.chain(), "no answer: refused");
        let error = RegistryError::from(error.with_retry_after(Some(Duration::from_secs(7))));
        assert_eq!(error.kind(), &RegistryErrorKind::Unavailable { retry_after: Duration::from_secs(7) });
        assert_eq!(error.to_string(), "no answer");
        assert_eq!(error.source().map(ToString::to_string), Some("refused".to_owned()));
    }

    #[test]
    fn only_unavailable_is_worth_another_try() {
        assert!(TmsError::unavailable("x").is_retryable());
        for kind in [TmsErrorKind::Forbidden, TmsErrorKind::Protocol, TmsErrorKind::Conflict] {
            assert!(!TmsError::new(kind, "x").is_retryable());
        }
    }
}
