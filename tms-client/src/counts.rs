//! [`Counts`]: what the directory tells the `metrics` facade. The recorder that is installed when a directory is built gets
//! it.

use std::array;
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use metrics::{Counter, Gauge, counter, gauge};
use tenant_core::Lookup;

/// How an answer came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// Memory held it.
    AtOnce,
    /// The record in memory was not fresh any more.
    Refreshed,
    /// Nothing was in memory.
    Asked,
}

/// Counters with few labels, registered once.
pub(crate) struct Counts {
    hits: Spread,
    unknown_at_once: Spread,
    hit: Counter,
    refresh: Counter,
    miss: Counter,
    unknown: Counter,
    unavailable: Counter,
    pub(crate) frames: Frames,
    pub(crate) connected: Counter,
    pub(crate) connect_failed: Counter,
    pub(crate) listed: Counter,
    pub(crate) list_failed: Counter,
    tenants: Gauge,
    current: Gauge,
}

/// Frames of the feed by kind.
pub(crate) struct Frames {
    pub(crate) tenant: Counter,
    pub(crate) gone: Counter,
    pub(crate) reset: Counter,
    pub(crate) heartbeat: Counter,
    pub(crate) other: Counter,
}

impl fmt::Debug for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counts").finish_non_exhaustive()
    }
}

impl Default for Counts {
    fn default() -> Self {
        let lookup = |outcome: &'static str| counter!("tms_directory_lookups_total", "outcome" => outcome);
        let frame = |kind: &'static str| counter!("tms_directory_feed_frames_total", "kind" => kind);
        let connect =
            |outcome: &'static str| counter!("tms_directory_feed_connects_total", "outcome" => outcome);
        let list = |outcome: &'static str| counter!("tms_directory_lists_total", "outcome" => outcome);
        Self {
            hits: Spread::default(),
            unknown_at_once: Spread::default(),
            hit: lookup("hit"),
            refresh: lookup("refresh"),
            miss: lookup("miss"),
            unknown: lookup("unknown"),
            unavailable: lookup("unavailable"),
            frames: Frames {
                tenant: frame("tenant"),
                gone: frame("gone"),
                reset: frame("reset"),
                heartbeat: frame("heartbeat"),
                other: frame("other"),
            },
            connected: connect("connected"),
            connect_failed: connect("failed"),
            listed: list("read"),
            list_failed: list("failed"),
            tenants: gauge!("tms_directory_tenants"),
            current: gauge!("tms_directory_feed_current"),
        }
    }
}

impl Counts {
    /// A tenant that memory held; for the hot path.
    pub(crate) fn hit(&self) {
        self.hits.add();
    }

    /// A name that memory held as unknown; for the hot path.
    pub(crate) fn unknown(&self) {
        self.unknown_at_once.add();
    }

    /// The outcome of a lookup that was not, or may not have been, answered from memory.
    pub(crate) fn looked_up(&self, how: How, lookup: &Lookup) {
        match (lookup, how) {
            (Lookup::Known(_), How::AtOnce) => &self.hit,
            (Lookup::Known(_), How::Refreshed) => &self.refresh,
            (Lookup::Known(_), How::Asked) => &self.miss,
            (Lookup::Unknown, _) => &self.unknown,
            (Lookup::Unavailable { .. }, _) => &self.unavailable,
        }
        .increment(1);
    }

    /// Hands over what was counted on the hot path, and how things stand.
    pub(crate) fn flush(&self, tenants: usize, current: bool) {
        self.hit.increment(self.hits.take());
        self.unknown.increment(self.unknown_at_once.take());
        // Exact up to 2^53 tenants.
        self.tenants.set(tenants as f64);
        self.current.set(if current { 1.0 } else { 0.0 });
    }
}

/// How many threads count without meeting each other.
const SLOTS: usize = 16;

/// A counter that threads do not contend for.
#[derive(Debug)]
struct Spread([Slot; SLOTS]);

/// A place of its own in the caches of processors, whose lines are fetched in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Slot(AtomicU64);

impl Default for Spread {
    fn default() -> Self {
        Self(array::from_fn(|_| Slot::default()))
    }
}

thread_local! {
    /// Which slot this thread counts in.
    static SLOT: usize = {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        THREADS.fetch_add(1, Ordering::Relaxed) % SLOTS
    };
}

impl Spread {
    fn add(&self) {
        // A thread that is ending has lost its number.
        let slot = SLOT.try_with(|slot| *slot).unwrap_or(0);
        self.0[slot].0.fetch_add(1, Ordering::Relaxed);
    }

    fn take(&self) -> u64 {
        self.0.iter().map(|slot| slot.0.swap(0, Ordering::Relaxed)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_threads_count_adds_up() {
        let spread = Spread::default();
        std::thread::scope(|scope| {
            for _ in 0..2 * SLOTS {
                scope.spawn(|| (0..1000).for_each(|_| spread.add()));
            }
        });
        assert_eq!(spread.take(), 2000 * SLOTS as u64);
        assert_eq!(spread.take(), 0);
    }
}
