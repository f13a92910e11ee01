//! Which failures are tried again, after how long, and until when. For calls that may be repeated alone.

use std::time::Duration;

use tokio::time::Instant;

use crate::error::TmsError;

/// Growing pauses with jitter, so that processes that failed together do not come back together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backoff {
    /// The pause after the first failure, before jitter.
    pub(crate) first: Duration,
    /// No pause is longer.
    pub(crate) max: Duration,
}

impl Backoff {
    /// The pause after this many failures in a row: doubled each time, then anything from half of it to all of it.
    pub(crate) fn pause(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(20);
        let full = self.first.saturating_mul(1 << doublings).min(self.max);
        full / 2 + fraction(full / 2)
    }
}

/// A random part of a duration. Without randomness it is all of it: a longer pause harms nobody.
fn fraction(of: Duration) -> Duration {
    let random = getrandom::u32().unwrap_or(u32::MAX);
    of.mul_f64(f64::from(random) / f64::from(u32::MAX))
}

/// How a call is tried again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Retry {
    /// Calls in all, the first included.
    pub(crate) attempts: u32,
    /// The pauses between them.
    pub(crate) backoff: Backoff,
    /// No call begins later than this after the first one began.
    pub(crate) deadline: Duration,
}

impl Retry {
    /// Calls until it succeeds, fails for good, or attempts or time are used up; answers the last outcome. A
    /// `Retry-After` of the TMS is kept; one beyond the deadline ends it at once.
    ///
    /// # Errors
    /// The error of the last call.
    pub(crate) async fn run<T, F>(&self, mut call: impl FnMut() -> F) -> Result<T, TmsError>
    where
        F: Future<Output = Result<T, TmsError>>,
    {
        let deadline = Instant::now() + self.deadline;
        let mut failures = 0;
        loop {
            let error = match call().await {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            failures += 1;
            let pause = self.backoff.pause(failures).max(error.told_retry_after().unwrap_or_default());
            if !error.is_retryable() || failures >= self.attempts || Instant::now() + pause > deadline {
                return Err(error);
            }
            tokio::time::sleep(pause).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::TmsErrorKind;

    const RETRY: Retry = Retry {
        attempts: 3,
        backoff: Backoff { first: Duration::from_millis(100), max: Duration::from_millis(300) },
        deadline: Duration::from_secs(1),
    };

    async fn calls_until_failed(error: TmsError) -> u32 {
        let mut calls = 0;
        let outcome: Result<(), _> = RETRY
            .run(|| {
                calls += 1;
                std::future::ready(Err(error.clone()))
            })
            .await;
        assert!(outcome.is_err());
        calls
    }

    #[test]
    fn pauses_double_up_to_the_greatest_and_vary() {
        for (failures, full) in [(1, 100), (2, 200), (3, 300), (u32::MAX, 300)] {
            for _ in 0..50 {
                let pause = RETRY.backoff.pause(failures).as_millis();
                assert!((full / 2..=full).contains(&pause), "{failures}: {pause}");
            }
        }
        let pauses: std::collections::HashSet<_> = (0..50).map(|_| RETRY.backoff.pause(3)).collect();
        assert!(pauses.len() > 1);
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_may_help_is_tried_again() {
        assert_eq!(calls_until_failed(TmsError::unavailable("down")).await, 3);
        assert_eq!(calls_until_failed(TmsError::protocol("html")).await, 1);
        assert_eq!(calls_until_failed(TmsError::new(TmsErrorKind::Forbidden, "no")).await, 1);
        let later = TmsError::unavailable("busy").with_retry_after(Some(Duration::from_secs(5)));
        assert_eq!(calls_until_failed(later).await, 1, "told to come back after the deadline");
    }

    #[tokio::test(start_paused = true)]
    async fn a_success_ends_it() {
        let mut outcomes = vec![Ok(7), Err(TmsError::unavailable("down"))];
        let done = RETRY.run(|| std::future::ready(outcomes.pop().expect("no third call"))).await;
        assert_eq!(done.expect("the second call succeeds"), 7);
    }
}
