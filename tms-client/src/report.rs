//! [`Report`]: an outage is one line in the log now and then, not one for each request.

use std::mem::{Discriminant, discriminant};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::error::{TmsError, TmsErrorKind};
use crate::key::LookupKey;

/// The same kind of failure is told again after this.
const PAUSE: Duration = Duration::from_secs(10);

/// What was logged last.
#[derive(Debug, Default)]
pub(crate) struct Report(Mutex<Option<(Discriminant<TmsErrorKind>, Duration)>>);

impl Report {
    /// Logs a failed call: loudly if its kind is new or was not told for a while, else at DEBUG.
    pub(crate) fn failed(&self, key: &LookupKey, error: &TmsError, now: Duration) {
        let text = error.chain();
        if !self.is_news(error, now) {
            tracing::debug!(?key, "tenant lookup failed: {text}");
        } else if error.is_retryable() {
            tracing::warn!(?key, "tenant lookup failed; known tenants are served from memory: {text}");
        } else {
            // Nothing gets better by itself: a revoked key, a wrong address, a broken record.
            tracing::error!(?key, "tenant lookup failed; known tenants are served from memory: {text}");
        }
    }

    fn is_news(&self, error: &TmsError, now: Duration) -> bool {
        let kind = discriminant(error.kind());
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let news = last.is_none_or(|(of, at)| of != kind || now >= at + PAUSE);
        if news {
            *last = Some((kind, now));
        }
        news
    }

    /// Logs that an outage is over.
    pub(crate) fn answered(&self) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Other failures are about single tenants or the key, and say nothing when another call works.
        if last.take_if(|(kind, _)| *kind == discriminant(&TmsErrorKind::Unavailable)).is_some() {
            tracing::info!("the tenant management service answers again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_news_once_in_a_while() {
        let report = Report::default();
        let down = TmsError::unavailable("down");
        assert!(report.is_news(&down, Duration::ZERO));
        assert!(!report.is_news(&down, Duration::from_secs(9)));
        assert!(report.is_news(&down, Duration::from_secs(10)));
        assert!(report.is_news(&TmsError::protocol("html"), Duration::from_secs(11)));
        assert!(report.is_news(&down, Duration::from_secs(12)));
        report.answered();
        assert!(report.is_news(&down, Duration::from_secs(13)), "a new outage");
    }
}
