//! A place for each thread, and [`Tally`]: what threads count without meeting each other.

use std::array;
use std::sync::atomic::{AtomicU64, Ordering};

/// Threads with a place of their own; all others share the last place.
const PLACES: usize = 32;
const SHARED: usize = PLACES - 1;

/// Which places are taken, a bit for each.
static TAKEN: AtomicU64 = AtomicU64::new(0);

/// The place of a thread, until it ends.
struct Place(usize);

thread_local! {
    static PLACE: Place = Place::take();
}

impl Place {
    fn take() -> Self {
        let lowest_free = |taken: u64| {
            let place = taken.trailing_ones() as usize;
            (place < SHARED).then(|| taken | 1 << place)
        };
        // Acquires what the last owner of the place has counted there.
        let before = TAKEN.fetch_update(Ordering::Acquire, Ordering::Relaxed, lowest_free);
        Self(before.map_or(SHARED, |taken| taken.trailing_ones() as usize))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.0 != SHARED {
            TAKEN.fetch_and(!(1 << self.0), Ordering::Release);
        }
    }
}

/// The number of this thread's place.
#[inline]
pub(crate) fn place() -> usize {
    // A thread that is ending has given it back.
    PLACE.try_with(|place| place.0).unwrap_or(SHARED)
}

/// A counter for the hot path: no lock, no atomic addition but where more than 31 threads count.
///
/// ```
/// let tally = tenant_core::Tally::default();
/// std::thread::scope(|scope| {
///     for _ in 0..4 {
///         scope.spawn(|| tally.add());
///     }
/// });
/// assert_eq!(tally.total(), 4);
/// ```
#[derive(Debug)]
pub struct Tally([Count; PLACES]);

/// In cache lines of its own; processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Count(AtomicU64);

impl Default for Tally {
    fn default() -> Self {
        Self(array::from_fn(|_| Count::default()))
    }
}

impl Tally {
    /// Counts one.
    #[inline]
    pub fn add(&self) {
        match place() {
            SHARED => drop(self.0[SHARED].0.fetch_add(1, Ordering::Relaxed)),
            place => {
                // Nobody else writes here.
                let count = &self.0[place % PLACES].0;
                count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            }
        }
    }

    /// What was counted so far; it never goes down. What other threads count at the moment may be in it or not.
    pub fn total(&self) -> u64 {
        self.0.iter().map(|count| count.0.load(Ordering::Relaxed)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_threads_count_adds_up_however_many_come_and_go() {
        let tally = Tally::default();
        for _ in 0..3 {
            std::thread::scope(|scope| {
                for _ in 0..2 * PLACES {
                    scope.spawn(|| (0..1000).for_each(|_| tally.add()));
                }
            });
        }
        assert_eq!(tally.total(), 3 * 2 * PLACES as u64 * 1000);
    }
}
