//! [`Health`]: how the engine has answered, for a person and for the `metrics` facade. The recorder that is installed when a
//! store is opened gets it.

use std::error::Error;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use metrics::{Counter, Histogram, counter, histogram};

use crate::opensearch::failure::Refused;

/// How an engine has answered lately.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EngineStatus {
    /// How long ago it last did its part; `None`: never yet.
    pub answered_ago: Option<Duration>,
    /// For how long it has not, though it was asked; `None` if it did when it was last asked.
    pub failing_for: Option<Duration>,
    /// What was wrong the last time it did not: a failure of the connection, or the status of its answer. Holds no URL,
    /// nothing of a document and no secret.
    pub last_error: Option<String>,
}

impl EngineStatus {
    /// Whether it did its part when it was last asked; false before it was ever asked.
    pub fn is_reachable(&self) -> bool {
        self.answered_ago.is_some() && self.failing_for.is_none()
    }
}

/// What became of one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Answered,
    /// What was asked for cannot be, such as a second document of one id.
    Refused,
    /// 429, or too much is under way already.
    Busy,
    /// It does nothing for us, or failed: 401, 403, 5xx.
    Failed,
    /// No answer.
    Unreachable,
}

impl Outcome {
    pub(super) fn of(refused: &Refused) -> Self {
        match refused.status {
            429 => Self::Busy,
            401 | 403 | 500.. => Self::Failed,
            _ => Self::Refused,
        }
    }
}

/// The counts, and the last answers.
pub(super) struct Health {
    answered: Counter,
    refused: Counter,
    busy: Counter,
    failed: Counter,
    unreachable: Counter,
    seconds: Histogram,
    last: Mutex<Last>,
}

#[derive(Debug, Default)]
struct Last {
    answered: Option<Instant>,
    failing_since: Option<Instant>,
    error: Option<String>,
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Health").field("last", &self.last).finish_non_exhaustive()
    }
}

impl Default for Health {
    fn default() -> Self {
        let requests =
            |outcome: &'static str| counter!("storage_engine_requests_total", "outcome" => outcome);
        Self {
            answered: requests("answered"),
            refused: requests("refused"),
            busy: requests("busy"),
            failed: requests("failed"),
            unreachable: requests("unreachable"),
            seconds: histogram!("storage_engine_request_seconds"),
            last: Mutex::default(),
        }
    }
}

impl Health {
    fn last(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts one attempt.
    pub(super) fn count(&self, outcome: Outcome, took: Duration) {
        match outcome {
            Outcome::Answered => &self.answered,
            Outcome::Refused => &self.refused,
            Outcome::Busy => &self.busy,
            Outcome::Failed => &self.failed,
            Outcome::Unreachable => &self.unreachable,
        }
        .increment(1);
        self.seconds.record(took);
    }

    /// The engine did its part, for it also says no.
    pub(super) fn answered(&self) {
        let mut last = self.last();
        last.answered = Some(Instant::now());
        last.failing_since = None;
    }

    /// All attempts at something failed.
    pub(super) fn failed(&self, error: String) {
        let mut last = self.last();
        last.failing_since.get_or_insert_with(Instant::now);
        last.error = Some(error);
    }

    pub(super) fn status(&self) -> EngineStatus {
        let last = self.last();
        EngineStatus {
            answered_ago: last.answered.map(|at| at.elapsed()),
            failing_for: last.failing_since.map(|at| at.elapsed()),
            last_error: last.error.clone(),
        }
    }
}

/// What is at the bottom of an error: the ones above it tell of URLs.
pub(super) fn root(error: &(dyn Error + 'static)) -> String {
    let mut root = error;
    while let Some(source) = root.source() {
        root = source;
    }
    root.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_fails_from_the_first_failure_to_the_next_answer() {
        let health = Health::default();
        assert!(!health.status().is_reachable());
        health.failed("refused".to_owned());
        let first = health.last().failing_since;
        health.failed("timed out".to_owned());
        assert_eq!(health.last().failing_since, first);
        assert_eq!(health.status().last_error.as_deref(), Some("timed out"));
        assert!(!health.status().is_reachable());
        health.answered();
        assert!(health.status().is_reachable());
        health.failed("refused".to_owned());
        assert!(!health.status().is_reachable());
    }

    #[test]
    fn a_refusal_of_ours_is_no_failure_of_the_engine() {
        let outcome = |status| Outcome::of(&Refused::of(status, b"", None));
        assert_eq!([404, 409, 413].map(outcome), [Outcome::Refused; 3]);
        assert_eq!([401, 403, 500, 503].map(outcome), [Outcome::Failed; 4]);
        assert_eq!(outcome(429), Outcome::Busy);
    }
}
