//! [`Clock`]: time as something that is passed in, so that a test can set it.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

/// Monotonic and wall-clock time.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// Time since some fixed moment; never goes backwards. For ages and deadlines.
    fn monotonic(&self) -> Duration;

    /// The time of day. For what is written down and for expiry; may jump.
    fn wall(&self) -> Timestamp;
}

/// The machine's clocks.
#[derive(Debug, Clone)]
pub struct SystemClock {
    start: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }

    fn wall(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A monotonic reading that is renewed by [`CoarseClock::tick`] alone: one atomic load instead of a system call on the
/// hot path. Its owner ticks it some ten times a second; it lags by that much.
#[derive(Debug)]
pub struct CoarseClock {
    clock: Arc<dyn Clock>,
    millis: AtomicU64,
}

impl CoarseClock {
    /// A coarse view of a clock, ticked once.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let coarse = Self { clock, millis: AtomicU64::new(0) };
        coarse.tick();
        coarse
    }

    /// Takes a new reading.
    pub fn tick(&self) {
        let millis = u64::try_from(self.clock.monotonic().as_millis()).unwrap_or(u64::MAX);
        self.millis.store(millis, Ordering::Relaxed);
    }

    /// The last reading.
    pub fn monotonic(&self) -> Duration {
        Duration::from_millis(self.millis.load(Ordering::Relaxed))
    }
}

/// A clock that stands still until it is told otherwise. For tests.
#[derive(Debug)]
pub struct ManualClock {
    now: Mutex<(Duration, Timestamp)>,
}

impl ManualClock {
    /// A clock that starts at this time of day.
    pub fn new(wall: Timestamp) -> Self {
        Self { now: Mutex::new((Duration::ZERO, wall)) }
    }

    /// Moves both readings forward.
    pub fn advance(&self, by: Duration) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let later = now.1.saturating_add(by).unwrap_or(Timestamp::MAX);
        *now = (now.0 + by, later);
    }
}

impl Clock for ManualClock {
    fn monotonic(&self) -> Duration {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    fn wall(&self) -> Timestamp {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coarse_clock_moves_when_ticked() {
        let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
        let coarse = CoarseClock::new(clock.clone());
        clock.advance(Duration::from_secs(60));
        assert_eq!(coarse.monotonic(), Duration::ZERO);
        coarse.tick();
        assert_eq!(coarse.monotonic(), Duration::from_secs(60));
        assert_eq!(clock.wall(), Timestamp::from_second(60).expect("in range"));
    }
}
