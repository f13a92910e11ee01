//! [`Clock`]: time as something that is passed in, so that a test can set it.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

/// Monotonic and wall-clock time.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// Time since some fixed moment; never goes backwards. For ages and deadlines.
    fn monotonic(&self) -> Duration;

    /// The time of day. For what is written down and for expiry; may jump.
    fn wall(&self) -> Timestamp;

    /// The time of day as it was some milliseconds ago at most. For the hot path: reading it costs a tenth, where the system
    /// has such a clock.
    fn coarse_wall(&self) -> Timestamp {
        self.wall()
    }
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

    /// The time of the kernel's last tick: 1 to 10 ms old, by its configuration.
    #[cfg(target_os = "linux")]
    fn coarse_wall(&self) -> Timestamp {
        use nix::time::{ClockId, clock_gettime};

        let Ok(now) = clock_gettime(ClockId::CLOCK_REALTIME_COARSE) else { return self.wall() };
        let nanoseconds = i32::try_from(now.tv_nsec()).unwrap_or(0);
        Timestamp::new(now.tv_sec(), nanoseconds).unwrap_or_else(|_| self.wall())
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

    /// The last reading, in milliseconds.
    #[inline]
    pub fn millis(&self) -> u64 {
        self.millis.load(Ordering::Relaxed)
    }
}

/// A clock that stands still until it is told otherwise. For tests.
///
/// The two readings are independent: a wall clock that jumps while the monotonic one goes on is [`set_wall`], a machine
/// that slept with its monotonic clock stopped is [`set_wall`] too, and [`advance`] is time that simply passes.
///
/// [`set_wall`]: ManualClock::set_wall
/// [`advance`]: ManualClock::advance
///
/// ```
/// use std::time::Duration;
///
/// use jiff::Timestamp;
/// use tenant_core::{Clock, ManualClock};
///
/// let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
/// clock.advance(Duration::from_secs(60));
/// clock.set_wall("2020-02-29T12:00:00Z".parse()?);
/// assert_eq!(clock.monotonic(), Duration::from_secs(60), "only the time of day jumped");
/// # Ok::<(), jiff::Error>(())
/// ```
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
        let mut now = self.now();
        let later = now.1.saturating_add(by).unwrap_or(Timestamp::MAX);
        *now = (now.0 + by, later);
    }

    /// Sets the monotonic reading alone, either way. No real one goes back: this is for what must not rely on that.
    pub fn set_monotonic(&self, to: Duration) {
        self.now().0 = to;
    }

    /// Sets the time of day alone, either way, as somebody who corrects a machine's clock does.
    pub fn set_wall(&self, to: Timestamp) {
        self.now().1 = to;
    }

    fn now(&self) -> MutexGuard<'_, (Duration, Timestamp)> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn monotonic(&self) -> Duration {
        self.now().0
    }

    fn wall(&self) -> Timestamp {
        self.now().1
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
        assert_eq!(coarse.millis(), 0);
        coarse.tick();
        assert_eq!(coarse.millis(), 60_000);
        assert_eq!(clock.wall(), Timestamp::from_second(60).expect("in range"));
    }

    #[test]
    fn the_coarse_time_of_day_is_a_little_behind_at_most() {
        let clock = SystemClock::default();
        let (before, coarse) = (clock.wall(), clock.coarse_wall());
        let behind = before.duration_since(coarse).as_millis();
        assert!((-1000..100).contains(&behind), "{behind} ms");
    }

    #[test]
    fn the_readings_of_a_manual_clock_are_set_apart_and_either_way() {
        let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
        clock.advance(Duration::from_secs(60));
        clock.set_monotonic(Duration::from_secs(5));
        assert_eq!(clock.wall(), Timestamp::from_second(60).expect("in range"));
        clock.set_wall(Timestamp::from_second(-7).expect("in range"));
        assert_eq!(clock.monotonic(), Duration::from_secs(5));
        assert_eq!(clock.wall(), Timestamp::from_second(-7).expect("in range"));
    }
}
