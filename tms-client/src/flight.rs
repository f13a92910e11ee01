//! [`Flight`]: one piece of work under way in a task of its own, however many wait for its outcome.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// A handle to work under way. Dropping one cancels nothing.
#[derive(Debug, Clone)]
pub(crate) struct Flight<T> {
    /// When it began.
    started: Instant,
    outcome: watch::Receiver<Option<T>>,
}

/// What the task of a [`Flight`] tells its outcome with.
#[derive(Debug)]
pub(crate) struct Landing<T>(watch::Sender<Option<T>>);

impl<T: Clone> Flight<T> {
    /// A flight that begins now, and the way for its task to end it.
    pub(crate) fn begin() -> (Self, Landing<T>) {
        let (landing, outcome) = watch::channel(None);
        (Self { started: Instant::now(), outcome }, Landing(landing))
    }

    /// Whether it will never tell anything new: it has ended, or its task was dropped with its runtime.
    pub(crate) fn is_over(&self) -> bool {
        self.outcome.has_changed().is_err() || self.outcome.borrow().is_some()
    }

    /// Waits for the outcome; `None` if the task was dropped before it had one.
    pub(crate) async fn outcome(&mut self) -> Option<T> {
        let outcome = self.outcome.wait_for(Option::is_some).await.ok()?;
        outcome.clone()
    }

    /// Like [`Flight::outcome`], but no longer than `limit` after the flight began; `None` if it goes on.
    pub(crate) async fn outcome_within(&mut self, limit: Duration) -> Option<T> {
        tokio::time::timeout_at(self.started + limit, self.outcome()).await.ok().flatten()
    }
}

impl<T> Landing<T> {
    /// Gives the outcome to all who wait.
    pub(crate) fn land(self, outcome: T) {
        self.0.send_replace(Some(outcome));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn everyone_gets_the_outcome_even_afterwards() {
        let (flight, landing) = Flight::begin();
        assert!(!flight.is_over());
        landing.land(7);
        assert!(flight.is_over());
        for mut waiter in [flight.clone(), flight] {
            assert_eq!(waiter.outcome().await, Some(7));
        }
    }

    #[tokio::test]
    async fn a_dropped_task_leaves_nobody_waiting() {
        let (mut flight, landing) = Flight::<u8>::begin();
        drop(landing);
        assert!(flight.is_over());
        assert_eq!(flight.outcome().await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_is_limited_from_the_beginning_of_the_flight() {
        let (mut flight, _landing) = Flight::<u8>::begin();
        let before = Instant::now();
        assert_eq!(flight.outcome_within(Duration::from_secs(1)).await, None);
        assert_eq!(flight.outcome_within(Duration::from_secs(1)).await, None);
        assert_eq!(before.elapsed(), Duration::from_secs(1), "the second did not wait anew");
    }
}
