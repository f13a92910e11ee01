//! [`Counts`]: what the directory tells the `metrics` facade. The recorder that is installed when a directory is built gets
//! it.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use metrics::{Counter, Gauge, counter, gauge};
use tenant_core::{Lookup, Tally};

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
    hits: Flushed,
    unknown_at_once: Flushed,
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
            hits: Flushed::default(),
            unknown_at_once: Flushed::default(),
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
    #[inline]
    pub(crate) fn hit(&self) {
        self.hits.tally.add();
    }

    /// A name that memory held as unknown; for the hot path.
    #[inline]
    pub(crate) fn unknown(&self) {
        self.unknown_at_once.tally.add();
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

/// What is counted on the hot path, and how much of that was handed over.
#[derive(Debug, Default)]
struct Flushed {
    tally: Tally,
    flushed: AtomicU64,
}

impl Flushed {
    /// What was counted since this was last asked.
    fn take(&self) -> u64 {
        let total = self.tally.total();
        total.saturating_sub(self.flushed.fetch_max(total, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_handed_over_twice() {
        let counted = Flushed::default();
        counted.tally.add();
        counted.tally.add();
        assert_eq!((counted.take(), counted.take()), (2, 0));
        counted.tally.add();
        assert_eq!(counted.take(), 1);
    }
}
