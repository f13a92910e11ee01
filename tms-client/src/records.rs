//! [`Records`]: all that a directory remembers: tenants in bounded number, and unknown names.

use std::sync::Arc;
use std::time::Duration;

use moka::notification::RemovalCause;
use moka::policy::EvictionPolicy;
use tenant_core::{Cached, TenantId, TenantKey, TenantRef};

use crate::hot::{Entry, Hot};
use crate::key::LookupKey;
use crate::unknown::UnknownNames;

/// Reads take no lock. Writers take turns: their caller holds a lock around them.
#[derive(Debug)]
pub(crate) struct Records {
    hot: Arc<Hot>,
    /// Decides who has to go: the tenant whose last confirmation is the oldest. Those in use are confirmed again and again.
    recent: moka::sync::Cache<TenantId, Arc<Entry>>,
    unknown: UnknownNames,
}

impl Records {
    pub(crate) fn new(max_tenants: u64, unknown: UnknownNames) -> Self {
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
        Self { hot, recent, unknown }
    }

    /// What is known of a key at once.
    pub(crate) fn cached(&self, key: &TenantKey<'_>, now: Duration) -> Cached {
        match self.hot.cached(key, now) {
            Some(cached) => cached,
            None if self.unknown.contains(key, now) => Cached::Unknown,
            None => Cached::Miss,
        }
    }

    /// The entry of a key, however old.
    pub(crate) fn entry(&self, key: &TenantKey<'_>) -> Option<Arc<Entry>> {
        self.hot.entry(key)
    }

    /// Keeps what a call brought, and answers what is kept: an answer to a later call stays.
    pub(crate) fn put(&self, entry: Entry) -> TenantRef {
        let id = entry.tenant.id();
        if let Some(newer) = self.newer(&id, entry.call) {
            return newer;
        }
        let entry = Arc::new(entry);
        self.hot.put(&entry);
        self.unknown.remove(&LookupKey::Id(id));
        for host in &entry.tenant.hosts {
            self.unknown.remove(&LookupKey::Domain(host.as_str().into()));
        }
        self.recent.insert(id, Arc::clone(&entry));
        // Evicts at once what is too many, and not at some later insertion.
        self.recent.run_pending_tasks();
        entry.tenant.clone()
    }

    /// Keeps that a call found nobody; answers the tenant that a later call found after all.
    pub(crate) fn put_unknown(&self, key: LookupKey, call: u64, asked: Duration) -> Option<TenantRef> {
        if let LookupKey::Id(id) = key {
            if let Some(newer) = self.newer(&id, call) {
                return Some(newer);
            }
            self.remove(&id);
        }
        self.unknown.insert(key, asked);
        None
    }

    fn newer(&self, id: &TenantId, call: u64) -> Option<TenantRef> {
        self.hot.by_id(id).filter(|entry| entry.call > call).map(|entry| entry.tenant.clone())
    }

    /// Drops a tenant, and any mark that says that it is unknown.
    pub(crate) fn forget(&self, id: &TenantId) {
        self.remove(id);
        self.unknown.remove(&LookupKey::Id(*id));
    }

    fn remove(&self, id: &TenantId) {
        self.hot.remove(id);
        self.recent.invalidate(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenant_core::{Incarnation, Tenant};

    const TTL: Duration = Duration::from_secs(5);

    fn records(max_tenants: u64) -> Records {
        Records::new(max_tenants, UnknownNames::new(TTL, 10))
    }

    fn entry(name: &str, call: u64) -> Entry {
        let mut tenant = Tenant::new(name.parse().expect("a name"), Incarnation::fixed(name));
        tenant.hosts = vec![format!("{name}.example"), format!("call{call}.example")];
        Entry::new(tenant.into(), call, Duration::ZERO, Duration::from_secs(60))
    }

    fn id(name: &str) -> LookupKey {
        LookupKey::Id(name.parse().expect("an id"))
    }

    #[test]
    fn the_number_of_tenants_is_bounded_and_the_oldest_go() {
        let records = records(100);
        for call in 0..1000 {
            records.put(entry(&format!("n{call}"), call));
            assert!(records.hot.len().0 <= 100 && records.hot.len().1 <= 200, "{:?}", records.hot.len());
        }
        assert!(matches!(records.cached(&id("n999").as_key(), TTL), Cached::Known(_)));
        assert!(matches!(records.cached(&TenantKey::Domain("n999.example"), TTL), Cached::Known(_)));
        assert!(matches!(records.cached(&id("n0").as_key(), TTL), Cached::Miss));
    }

    #[test]
    fn a_tenant_that_is_confirmed_again_stays() {
        let records = records(10);
        for call in 0..10 {
            records.put(entry(&format!("n{call}"), call));
        }
        records.put(entry("n0", 10));
        for call in 11..20 {
            records.put(entry(&format!("n{call}"), call));
        }
        assert!(matches!(records.cached(&id("n0").as_key(), TTL), Cached::Known(_)));
        assert!(matches!(records.cached(&id("n1").as_key(), TTL), Cached::Miss));
    }

    #[test]
    fn an_answer_to_an_earlier_call_changes_nothing() {
        let records = records(10);
        records.put(entry("acme", 7));
        assert!(records.put(entry("acme", 6)).hosts.contains(&"call7.example".to_owned()));
        assert!(records.put_unknown(id("acme"), 6, Duration::ZERO).is_some());
        assert!(matches!(records.cached(&id("acme").as_key(), Duration::ZERO), Cached::Known(_)));

        assert!(records.put_unknown(id("acme"), 8, Duration::ZERO).is_none());
        assert!(matches!(records.cached(&id("acme").as_key(), Duration::ZERO), Cached::Unknown));
    }

    #[test]
    fn a_tenant_that_appears_drops_the_marks_of_all_its_keys() {
        let records = records(10);
        let domain = LookupKey::Domain("acme.example".into());
        records.put_unknown(id("acme"), 1, Duration::ZERO);
        records.put_unknown(domain.clone(), 2, Duration::ZERO);
        records.put(entry("acme", 3));
        records.forget(&"acme".parse().expect("an id"));
        for key in [id("acme"), domain] {
            assert!(matches!(records.cached(&key.as_key(), Duration::ZERO), Cached::Miss), "{key:?}");
        }
    }
}
