//! [`Entry`]: a tenant in memory; [`Freshness`]: the one place that decides how old is too old.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use tenant_core::SharedTenant;

use crate::found::Found;

/// Milliseconds of a clock's monotonic reading, as they are kept in an atomic.
pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn signed(millis: u64) -> i64 {
    i64::try_from(millis).unwrap_or(i64::MAX)
}

/// What the TMS said of one tenant, and for how long that is acted upon.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) tenant: SharedTenant,
    /// The number of the question or the frame that brought it.
    pub(crate) call: u64,
    /// The number of the change that made it so, where the TMS says it.
    pub(crate) revision: Option<u64>,
    /// When it was last confirmed by itself, in milliseconds of the monotonic clock; below zero before its first reading.
    confirmed: i64,
    /// Whether the feed speaks for it: while the feed is connected, it is as good as confirmed.
    followed: bool,
    /// Nothing that was known of it counts any more.
    revoked: AtomicBool,
    /// Until when it is handed out without a question, whatever the feed does, in milliseconds.
    known_until: AtomicU64,
    /// Refreshes that failed, one after the other.
    failures: AtomicU32,
    /// When the last one of them did, in milliseconds of the monotonic clock; below zero if none has.
    failed: AtomicI64,
}

impl Entry {
    /// What a question brought that was asked then; the record is at least as new. The feed speaks for a record of which
    /// the place in the order of changes is known.
    pub(crate) fn answered(found: Found, call: u64, asked: Duration, fresh: Duration) -> Self {
        let followed = found.revision.is_some();
        Self { followed, ..Self::followed(found, call, asked, fresh) }
    }

    /// What the feed or the list brought.
    pub(crate) fn followed(found: Found, call: u64, asked: Duration, fresh: Duration) -> Self {
        let known_until = AtomicU64::new(millis(asked.saturating_add(fresh)));
        Self { known_until, ..Self::kept(found, call, signed(millis(asked)), true) }
    }

    /// What a snapshot brought: to be confirmed before it counts as fresh.
    pub(crate) fn kept(found: Found, call: u64, confirmed: i64, followed: bool) -> Self {
        Self {
            tenant: SharedTenant::new(found.tenant),
            call,
            revision: found.revision,
            confirmed,
            followed,
            revoked: AtomicBool::new(false),
            known_until: AtomicU64::new(0),
            failures: AtomicU32::new(0),
            failed: AtomicI64::new(-1),
        }
    }

    /// Takes back all that was known of it: it serves again when it was asked for anew.
    pub(crate) fn revoke(&self) {
        self.revoked.store(true, Ordering::Relaxed);
        self.known_until.store(0, Ordering::Relaxed);
    }

    /// When it was last confirmed by itself, in milliseconds of the monotonic clock.
    pub(crate) fn confirmed(&self) -> i64 {
        self.confirmed
    }

    /// Whether the feed speaks for it.
    pub(crate) fn is_followed(&self) -> bool {
        self.followed
    }

    pub(crate) fn is_revoked(&self) -> bool {
        self.revoked.load(Ordering::Relaxed)
    }
}

/// How long an entry serves, with and without a question. Of two confirmations, its own and the feed's, the later counts.
#[derive(Debug)]
pub(crate) struct Freshness {
    fresh: Duration,
    stale: Duration,
    /// Until when the last confirmation by the feed makes fresh, in milliseconds; 0 before the first one.
    followed_until: AtomicU64,
}

impl Freshness {
    pub(crate) fn new(fresh: Duration, stale: Duration) -> Self {
        Self { fresh, stale, followed_until: AtomicU64::new(0) }
    }

    /// The feed was connected then, and memory held all that it had said.
    pub(crate) fn confirm(&self, at: Duration) {
        self.followed_until.fetch_max(millis(at.saturating_add(self.fresh)), Ordering::Relaxed);
    }

    /// When the feed last confirmed what it speaks for, in milliseconds of the monotonic clock.
    pub(crate) fn followed(&self) -> Option<i64> {
        let until = self.followed_until.load(Ordering::Relaxed);
        (until > 0).then(|| signed(until.saturating_sub(millis(self.fresh))))
    }

    /// Whether it is handed out without a question.
    pub(crate) fn is_known(&self, entry: &Entry, now: Duration) -> bool {
        self.is_known_at(entry, millis(now))
    }

    /// The same, of a time in milliseconds; for the hot path.
    #[inline]
    pub(crate) fn is_known_at(&self, entry: &Entry, now: u64) -> bool {
        now < entry.known_until.load(Ordering::Relaxed)
            || (entry.followed && now < self.followed_until.load(Ordering::Relaxed) && !entry.is_revoked())
    }

    /// Whether it still serves though it could not be confirmed.
    pub(crate) fn is_open(&self, entry: &Entry, now: Duration) -> bool {
        signed(millis(now)) < self.closes(entry)
    }

    /// Refreshes that failed, one after the other, of a record that could not be confirmed since. What failed longer ago than
    /// a record is fresh says nothing of now.
    pub(crate) fn failures(&self, entry: &Entry, now: Duration) -> u32 {
        let failed = entry.failed.load(Ordering::Relaxed);
        let counts = failed > self.confirmed(entry)
            && signed(millis(now)) < failed.saturating_add(signed(millis(self.fresh)));
        if counts { entry.failures.load(Ordering::Relaxed) } else { 0 }
    }

    /// Counts a failed refresh; how many there are now.
    pub(crate) fn count_failure(&self, entry: &Entry, now: Duration) -> u32 {
        let failures = self.failures(entry, now).saturating_add(1);
        entry.failures.store(failures, Ordering::Relaxed);
        entry.failed.store(signed(millis(now)), Ordering::Relaxed);
        failures
    }

    /// Hands an old record out without a question for a while, never beyond the stale limit. The while is no longer than a
    /// record is fresh.
    pub(crate) fn keep_for(&self, entry: &Entry, pause: Duration, now: Duration) {
        let until = signed(millis(now.saturating_add(pause.min(self.fresh)))).min(self.closes(entry));
        entry.known_until.store(u64::try_from(until).unwrap_or(0), Ordering::Relaxed);
    }

    fn confirmed(&self, entry: &Entry) -> i64 {
        let followed = self.followed().filter(|_| entry.followed);
        followed.map_or(entry.confirmed, |followed| followed.max(entry.confirmed))
    }

    fn closes(&self, entry: &Entry) -> i64 {
        if entry.is_revoked() {
            return i64::MIN;
        }
        self.confirmed(entry).saturating_add(signed(millis(self.stale)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenant_core::{Incarnation, Tenant};

    const SECOND: Duration = Duration::from_secs(1);
    const FRESH: Duration = Duration::from_secs(60);
    const STALE: Duration = Duration::from_secs(3600);

    fn found(revision: Option<u64>) -> Found {
        Found { tenant: Tenant::new("acme".parse().expect("a name"), Incarnation::fixed("acme")), revision }
    }

    fn freshness() -> Freshness {
        Freshness::new(FRESH, STALE)
    }

    #[test]
    fn an_answer_is_fresh_for_its_time_and_open_for_longer() {
        let (freshness, entry) = (freshness(), Entry::answered(found(None), 1, SECOND, FRESH));
        assert!(freshness.is_known(&entry, FRESH) && !freshness.is_known(&entry, FRESH + SECOND));
        assert!(freshness.is_open(&entry, STALE) && !freshness.is_open(&entry, STALE + SECOND));
    }

    #[test]
    fn the_feed_confirms_what_it_speaks_for() {
        let freshness = freshness();
        let alone = Entry::answered(found(None), 1, Duration::ZERO, FRESH);
        let followed = Entry::answered(found(Some(7)), 1, Duration::ZERO, FRESH);
        let kept = Entry::kept(found(Some(7)), 0, -5000, true);
        assert!(!freshness.is_known(&kept, Duration::ZERO) && freshness.followed().is_none());
        freshness.confirm(STALE);
        freshness.confirm(FRESH);
        for (entry, counts) in [(&alone, false), (&followed, true), (&kept, true)] {
            assert_eq!(freshness.is_known(entry, STALE + FRESH - SECOND), counts);
            assert!(!freshness.is_known(entry, STALE + FRESH), "and no longer than its time");
            assert_eq!(freshness.is_open(entry, 2 * STALE - SECOND), counts);
            assert!(!freshness.is_open(entry, 2 * STALE));
        }
        assert_eq!(freshness.followed(), Some(3_600_000), "the latest counts");
    }

    #[test]
    fn what_a_snapshot_brought_is_open_from_its_own_confirmation_on() {
        let (freshness, entry) = (freshness(), Entry::kept(found(None), 0, -3_599_000, true));
        assert!(freshness.is_open(&entry, Duration::ZERO) && !freshness.is_open(&entry, SECOND));
        let never = Entry::kept(found(None), 0, i64::MIN, true);
        assert!(!freshness.is_open(&never, Duration::ZERO));
    }

    #[test]
    fn an_old_record_is_kept_for_a_while_and_never_beyond_the_limit() {
        let (freshness, entry) = (freshness(), Entry::answered(found(None), 1, Duration::ZERO, FRESH));
        freshness.keep_for(&entry, 30 * SECOND, 100 * SECOND);
        assert!(freshness.is_known(&entry, 129 * SECOND) && !freshness.is_known(&entry, 130 * SECOND));
        freshness.keep_for(&entry, STALE, 200 * SECOND);
        assert!(!freshness.is_known(&entry, 260 * SECOND));
        freshness.keep_for(&entry, 30 * SECOND, STALE - SECOND);
        assert!(!freshness.is_known(&entry, STALE));
    }

    #[test]
    fn failures_count_until_a_confirmation_and_for_as_long_as_a_record_is_fresh() {
        let (freshness, entry) = (freshness(), Entry::followed(found(Some(7)), 1, Duration::ZERO, FRESH));
        assert_eq!(freshness.failures(&entry, FRESH), 0);
        assert_eq!(freshness.count_failure(&entry, FRESH), 1);
        assert_eq!(freshness.count_failure(&entry, FRESH + SECOND), 2);
        assert_eq!(freshness.failures(&entry, 2 * FRESH), 2);
        assert_eq!(freshness.failures(&entry, 2 * FRESH + SECOND), 0, "long ago");
        assert_eq!(freshness.count_failure(&entry, 3 * FRESH), 1);
        freshness.confirm(3 * FRESH);
        assert_eq!(freshness.failures(&entry, 3 * FRESH + SECOND), 0, "confirmed since");
    }

    #[test]
    fn what_is_revoked_serves_no_more() {
        let (freshness, entry) = (freshness(), Entry::followed(found(Some(7)), 1, Duration::ZERO, FRESH));
        freshness.confirm(Duration::ZERO);
        entry.revoke();
        freshness.keep_for(&entry, FRESH, Duration::ZERO);
        assert!(!freshness.is_known(&entry, Duration::ZERO) && !freshness.is_open(&entry, Duration::ZERO));
    }
}
