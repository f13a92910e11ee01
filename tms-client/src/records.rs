//! [`Records`]: all that a directory remembers: tenants, and unknown names in bounded number.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use moka::notification::RemovalCause;
use moka::policy::EvictionPolicy;
use tenant_core::{Cached, Incarnation, TenantId, TenantKey};

use crate::cursor::Cursor;
use crate::entry::{Entry, Freshness, millis};
use crate::history::{History, Origin};
use crate::hot::Hot;
use crate::key::LookupKey;
use crate::unknown::UnknownNames;

/// Reads take no lock. Writers take turns: their caller holds a lock around them.
#[derive(Debug)]
pub(crate) struct Records {
    hot: Arc<Hot>,
    pub(crate) freshness: Freshness,
    history: Mutex<History>,
    /// Decides who has to go where there is no feed: the tenant whose last confirmation is the oldest. Those in use are
    /// confirmed again and again. What a feed speaks for is not bounded: it is all there is.
    recent: moka::sync::Cache<TenantId, Arc<Entry>>,
    unknown: UnknownNames,
}

/// What became of something that was said.
#[derive(Debug)]
pub(crate) enum Put {
    /// It is remembered, in the place of this.
    Done(Option<Arc<Entry>>),
    /// Memory holds something newer.
    Older(Arc<Entry>),
    /// The tenant is no more.
    Past,
}

impl Records {
    pub(crate) fn new(max_tenants: u64, unknown: UnknownNames, freshness: Freshness) -> Self {
        let hot = Arc::new(Hot::default());
        let evicted = Arc::clone(&hot);
        let recent = moka::sync::Cache::builder()
            .max_capacity(max_tenants)
            .eviction_policy(EvictionPolicy::lru())
            .eviction_listener(move |id: Arc<TenantId>, entry, cause| {
                if cause == RemovalCause::Size {
                    evicted.evict(&id, &entry);
                }
            })
            .build();
        Self { hot, freshness, history: Mutex::default(), recent, unknown }
    }

    /// What is known of a key at once.
    pub(crate) fn cached(&self, key: &TenantKey<'_>, now: Duration) -> Cached {
        self.cached_at(key, millis(now))
    }

    /// The same, of a time in milliseconds; for the hot path.
    #[inline]
    pub(crate) fn cached_at(&self, key: &TenantKey<'_>, now: u64) -> Cached {
        let found = self.hot.with(key, |entry| {
            let tenant = entry.tenant.get();
            if self.freshness.is_known_at(entry, now) {
                Cached::Known(tenant)
            } else {
                Cached::RefreshDue(tenant)
            }
        });
        match found {
            Some(cached) => cached,
            None if self.unknown.contains(key, now) => Cached::Unknown,
            None => Cached::Miss,
        }
    }

    /// The entry of a key, however old.
    pub(crate) fn entry(&self, key: &TenantKey<'_>) -> Option<Arc<Entry>> {
        self.hot.entry(key)
    }

    /// All entries, however old.
    pub(crate) fn all(&self) -> Vec<Arc<Entry>> {
        self.hot.all()
    }

    /// How many tenants are held.
    pub(crate) fn len(&self) -> usize {
        self.hot.len()
    }

    /// What would give way to something that was said; `Older` or `Past` if memory stays as it is.
    pub(crate) fn replaced(&self, entry: &Entry, origin: Origin) -> Result<Option<Arc<Entry>>, Put> {
        let before = self.hot.by_id(&entry.tenant.id());
        if self.history().supersedes(entry, before.as_deref(), origin) {
            return Ok(before);
        }
        Err(before.map_or(Put::Past, Put::Older))
    }

    /// Keeps what was said, unless memory holds something newer.
    pub(crate) fn put(&self, entry: Entry, origin: Origin) -> Put {
        let before = match self.replaced(&entry, origin) {
            Ok(before) => before,
            Err(stays) => return stays,
        };
        let (id, entry) = (entry.tenant.id(), Arc::new(entry));
        self.hot.put(&entry);
        self.unknown.remove(&LookupKey::Id(id));
        for host in &entry.tenant.hosts {
            self.unknown.remove(&LookupKey::Domain(host.as_str().into()));
        }
        if !self.history().is_followed() {
            self.recent.insert(id, entry);
            // Evicts at once what is too many, and not at some later insertion.
            self.recent.run_pending_tasks();
        }
        Put::Done(before)
    }

    /// The tenant that is no more because a call found nobody; `Older` or `Past` if memory stays as it is.
    pub(crate) fn refuted(&self, key: &LookupKey, call: u64) -> Result<Option<Arc<Entry>>, Put> {
        let LookupKey::Id(id) = key else { return Ok(None) };
        let before = self.hot.by_id(id);
        if self.history().removes(call, before.as_deref()) {
            return Ok(before);
        }
        Err(before.map_or(Put::Past, Put::Older))
    }

    /// Keeps that a call found nobody.
    pub(crate) fn put_unknown(&self, key: LookupKey, asked: Duration) {
        self.unknown.insert(key, asked);
    }

    /// The tenant that is no more because this life of its id is over.
    pub(crate) fn ended(
        &self,
        id: &TenantId,
        incarnation: Incarnation,
        change: Option<u64>,
    ) -> Option<Arc<Entry>> {
        let before = self.hot.by_id(id)?;
        // Of another life the feed has said more, or will.
        let older = before.revision.zip(change).is_some_and(|(revision, change)| revision < change);
        (before.tenant.incarnation == incarnation || older).then_some(before)
    }

    pub(crate) fn remove(&self, id: &TenantId) {
        self.hot.remove(id);
        self.recent.invalidate(id);
    }

    /// Takes back all that is known of a tenant, and any mark that says that it is unknown.
    pub(crate) fn revoke(&self, id: &TenantId) {
        if let Some(entry) = self.hot.by_id(id) {
            entry.revoke();
        }
        self.unknown.remove(&LookupKey::Id(*id));
    }

    /// Whether memory holds all tenants, as of a call that began later than it was listed.
    pub(crate) fn is_complete_since(&self, call: u64) -> bool {
        self.history().is_complete_since(call)
    }

    /// Where the feed goes on from; `None` if memory has to be listed anew. That is so, too, where memory is ahead of the feed,
    /// by answers to questions: if the TMS is restored from a backup of between, nothing else would tell.
    pub(crate) fn resume(&self) -> Option<Cursor> {
        let cursor = self.cursor()?;
        let reached = cursor.number();
        let is_ahead =
            |entry: &Arc<Entry>| entry.revision.zip(reached).is_some_and(|(own, reached)| own > reached);
        if self.all().iter().any(is_ahead) {
            self.lose_cursor();
            return None;
        }
        Some(cursor)
    }

    /// Where the feed stands that memory is complete with.
    pub(crate) fn cursor(&self) -> Option<Cursor> {
        self.history().cursor().cloned()
    }

    /// Takes over what a snapshot holds. For a memory that is empty.
    pub(crate) fn restore(&self, entries: Vec<Entry>, cursor: Option<Cursor>) {
        if let Some(cursor) = cursor {
            *self.history() = History::from(cursor);
        }
        for entry in entries {
            self.put(entry, Origin::Feed);
        }
    }

    /// A list was asked for with this number, and the feed stood there: its rows are to be put, and then
    /// [`Records::reach`]ed.
    pub(crate) fn begin(&self, list: u64, at: &Cursor) {
        self.history().begin(list, at);
        self.recent.invalidate_all();
    }

    /// The tenants that a list may have removed by not holding them.
    pub(crate) fn unlisted(&self, listed: &HashSet<TenantId>) -> Vec<TenantId> {
        let ids = self.all().into_iter().map(|entry| entry.tenant.id());
        ids.filter(|id| !listed.contains(id)).collect()
    }

    /// The tenant that is no more because the list does not hold it.
    pub(crate) fn dropped(&self, id: &TenantId) -> Option<Arc<Entry>> {
        self.hot.by_id(id).filter(|entry| !self.history().outlives(entry))
    }

    /// Memory holds all that the feed said up to there.
    pub(crate) fn reach(&self, cursor: Cursor) {
        self.history().reach(cursor);
    }

    /// Where the feed stood says nothing any more; memory stays.
    pub(crate) fn lose_cursor(&self) {
        self.history().lose_cursor();
    }

    /// There is no feed: the number of tenants is bounded from now on.
    pub(crate) fn unfollow(&self) {
        self.history().end();
        for entry in self.all() {
            self.recent.insert(entry.tenant.id(), entry);
        }
        self.recent.run_pending_tasks();
    }

    fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::found::Found;
    use tenant_core::Tenant;

    const TTL: Duration = Duration::from_secs(5);
    const FRESH: Duration = Duration::from_secs(60);

    fn records(max_tenants: u64) -> Records {
        Records::new(max_tenants, UnknownNames::new(TTL, 10), Freshness::new(FRESH, FRESH))
    }

    fn entry(name: &str, call: u64) -> Entry {
        revised(name, call, None)
    }

    fn revised(name: &str, call: u64, revision: Option<u64>) -> Entry {
        let mut tenant = Tenant::new(name.parse().expect("a name"), Incarnation::fixed(name));
        tenant.hosts = vec![format!("{name}.example"), format!("call{call}.example")];
        Entry::answered(Found { tenant, revision }, call, Duration::ZERO, FRESH)
    }

    fn put(records: &Records, entry: Entry) -> bool {
        matches!(records.put(entry, Origin::Answer), Put::Done(_))
    }

    fn id(name: &str) -> LookupKey {
        LookupKey::Id(name.parse().expect("an id"))
    }

    fn cached(records: &Records, name: &str) -> Cached {
        records.cached(&id(name).as_key(), Duration::ZERO)
    }

    fn cursor(text: &str) -> Cursor {
        Cursor::parse(text).expect("a cursor")
    }

    #[test]
    fn a_memory_that_is_not_complete_does_not_say_that_somebody_is_gone() {
        let records = records(10);
        records.begin(5, &cursor("a.9.b"));
        assert!(matches!(records.put(revised("acme", 6, Some(7)), Origin::Answer), Put::Past));
        assert!(!records.is_complete_since(6));
        records.reach(cursor("a.9.b"));
        assert!(records.is_complete_since(6) && !records.is_complete_since(4));
    }

    #[test]
    fn a_memory_that_is_ahead_of_the_feed_is_listed_anew() {
        let records = records(10);
        records.begin(1, &cursor("a.9.b"));
        records.reach(cursor("a.9.b"));
        records.put(revised("acme", 2, Some(9)), Origin::Feed);
        assert_eq!(records.resume(), Some(cursor("a.9.b")));
        records.put(revised("acme", 3, Some(11)), Origin::Answer);
        assert_eq!((records.resume(), records.cursor()), (None, None));
    }

    #[test]
    fn the_number_of_tenants_is_bounded_and_the_oldest_go() {
        let records = records(100);
        for call in 0..1000 {
            put(&records, entry(&format!("n{call}"), call));
            assert!(records.len() <= 100 && records.hot.domains() <= 200);
        }
        assert!(matches!(cached(&records, "n999"), Cached::Known(_)));
        assert!(matches!(records.cached(&TenantKey::Domain("n999.example"), TTL), Cached::Known(_)));
        assert!(matches!(cached(&records, "n0"), Cached::Miss));
    }

    #[test]
    fn a_tenant_that_is_confirmed_again_stays() {
        let records = records(10);
        for call in 0..10 {
            put(&records, entry(&format!("n{call}"), call));
        }
        put(&records, entry("n0", 10));
        for call in 11..20 {
            put(&records, entry(&format!("n{call}"), call));
        }
        assert!(matches!(cached(&records, "n0"), Cached::Known(_)));
        assert!(matches!(cached(&records, "n1"), Cached::Miss));
    }

    #[test]
    fn an_answer_to_an_earlier_call_changes_nothing() {
        let records = records(10);
        put(&records, entry("acme", 7));
        let Put::Older(kept) = records.put(entry("acme", 6), Origin::Answer) else { panic!("it was put") };
        assert!(kept.tenant.hosts.contains(&"call7.example".to_owned()));
        assert!(matches!(records.refuted(&id("acme"), 6), Err(Put::Older(_))));
        assert!(matches!(records.refuted(&id("acme"), 8), Ok(Some(_))));
        records.remove(&"acme".parse().expect("an id"));
        records.put_unknown(id("acme"), Duration::ZERO);
        assert!(matches!(cached(&records, "acme"), Cached::Unknown));
    }

    #[test]
    fn a_tenant_that_appears_drops_the_marks_of_all_its_keys() {
        let records = records(10);
        let domain = LookupKey::Domain("acme.example".into());
        records.put_unknown(id("acme"), Duration::ZERO);
        records.put_unknown(domain.clone(), Duration::ZERO);
        put(&records, entry("acme", 3));
        records.remove(&"acme".parse().expect("an id"));
        for key in [id("acme"), domain] {
            assert!(matches!(records.cached(&key.as_key(), Duration::ZERO), Cached::Miss), "{key:?}");
        }
    }

    #[test]
    fn a_tenant_that_is_revoked_is_due_and_a_mark_is_gone() {
        let records = records(10);
        put(&records, entry("acme", 1));
        records.put_unknown(id("globex"), Duration::ZERO);
        for name in ["acme", "globex"] {
            records.revoke(&name.parse().expect("an id"));
        }
        assert!(matches!(cached(&records, "acme"), Cached::RefreshDue(_)));
        assert!(matches!(cached(&records, "globex"), Cached::Miss));
    }

    #[test]
    fn a_list_replaces_what_is_older_and_removes_what_it_does_not_hold() {
        let records = records(3);
        for (n, name) in ["stays", "goes", "newer"].into_iter().enumerate() {
            put(&records, revised(name, n as u64, Some(90)));
        }
        records.begin(5, &cursor("a.10.b"));
        put(&records, revised("newer", 6, Some(11)));
        put(&records, revised("past", 7, Some(10)));
        for name in ["stays", "more", "evenmore"] {
            records.put(revised(name, 5, Some(10)), Origin::Feed);
        }
        assert!(records.cursor().is_none());
        let listed = ["stays", "more", "evenmore"].map(|name| name.parse().expect("an id"));
        let unlisted = records.unlisted(&HashSet::from(listed));
        let dropped: Vec<_> = unlisted.iter().filter_map(|id| records.dropped(id)).collect();
        dropped.iter().for_each(|entry| records.remove(&entry.tenant.id()));
        let dropped: Vec<_> = dropped.iter().map(|entry| entry.tenant.name.as_str()).collect();
        assert_eq!(dropped, ["goes"], "and not what is newer than the list");
        assert!(matches!(cached(&records, "past"), Cached::Miss), "the list knew of its end");
        records.reach(cursor("a.10.b"));
        assert_eq!(records.len(), 4, "what a feed speaks for is not bounded: {:?}", records.all());
        records.unfollow();
        assert_eq!(records.len(), 3);
    }

    #[test]
    fn the_end_of_a_life_is_not_the_end_of_the_next_one() {
        let records = records(10);
        let (acme, life) = ("acme".parse().expect("an id"), Incarnation::fixed("acme"));
        put(&records, revised("acme", 1, Some(7)));
        let ended = |life, change| records.ended(&acme, life, Some(change)).is_some();
        assert!(!ended(Incarnation::fixed("earlier"), 6));
        assert!(ended(life, 8) && ended(Incarnation::fixed("later"), 8));
        records.remove(&acme);
        assert!(!ended(life, 8));
    }
}
