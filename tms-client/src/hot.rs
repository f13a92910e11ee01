//! [`Hot`]: the index that answers `cached`; no lock, no allocation.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use foldhash::fast::RandomState;
use tenant_core::{Cached, TenantId, TenantKey, TenantRef};

/// Milliseconds of a clock's monotonic reading, as they are kept in an atomic.
pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// What the TMS said of one tenant, and for how long that is acted upon.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) tenant: TenantRef,
    /// The number of the call that brought it: of two answers the one whose call began later counts.
    pub(crate) call: u64,
    /// When that call began; the record is at least as new.
    pub(crate) confirmed: Duration,
    /// Until when it is handed out without a question, in milliseconds.
    known_until: AtomicU64,
    /// Refreshes that failed since then.
    failures: AtomicU32,
}

impl Entry {
    pub(crate) fn new(tenant: TenantRef, call: u64, confirmed: Duration, fresh: Duration) -> Self {
        let known_until = AtomicU64::new(millis(confirmed.saturating_add(fresh)));
        Self { tenant, call, confirmed, known_until, failures: AtomicU32::new(0) }
    }

    fn is_known(&self, now: Duration) -> bool {
        millis(now) < self.known_until.load(Ordering::Relaxed)
    }

    /// Refreshes that failed since the last confirmation.
    pub(crate) fn failures(&self) -> u32 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Counts a failed refresh.
    pub(crate) fn count_failure(&self) -> u32 {
        self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }

    /// Hands it out without a question until then.
    pub(crate) fn keep_until(&self, time: Duration) {
        self.known_until.store(millis(time), Ordering::Relaxed);
    }
}

/// The tenants in memory. One entry for each; own domains lead to the id.
#[derive(Debug, Default)]
pub(crate) struct Hot {
    entries: papaya::HashMap<TenantId, Arc<Entry>, RandomState>,
    /// A hint that is checked against the entry: it may lag behind for a moment.
    domains: papaya::HashMap<Box<str>, TenantId, RandomState>,
}

impl Hot {
    /// `Known` or `RefreshDue`; `None` if there is no entry for the key.
    pub(crate) fn cached(&self, key: &TenantKey<'_>, now: Duration) -> Option<Cached> {
        self.with(key, |entry| {
            let tenant = entry.tenant.clone();
            if entry.is_known(now) { Cached::Known(tenant) } else { Cached::RefreshDue(tenant) }
        })
    }

    /// The entry of a key.
    pub(crate) fn entry(&self, key: &TenantKey<'_>) -> Option<Arc<Entry>> {
        self.with(key, Arc::clone)
    }

    fn with<T>(&self, key: &TenantKey<'_>, read: impl FnOnce(&Arc<Entry>) -> T) -> Option<T> {
        let entries = self.entries.pin();
        match key {
            TenantKey::Label { id, .. } => entries.get(id).map(read),
            TenantKey::Domain(domain) => {
                let id = *self.domains.pin().get(*domain)?;
                entries.get(&id).filter(|entry| key.names(&entry.tenant)).map(read)
            }
        }
    }

    /// The entry of an id.
    pub(crate) fn by_id(&self, id: &TenantId) -> Option<Arc<Entry>> {
        self.entries.pin().get(id).cloned()
    }

    /// Puts an entry in the place of an older one, and its domains with it.
    pub(crate) fn put(&self, entry: &Arc<Entry>) {
        let id = entry.tenant.id();
        let before = self.entries.pin().insert(id, Arc::clone(entry)).cloned();
        let domains = self.domains.pin();
        for host in &entry.tenant.hosts {
            domains.insert(host.as_str().into(), id);
        }
        for host in before.iter().flat_map(|before| &before.tenant.hosts) {
            if !entry.tenant.hosts.contains(host) {
                let _ = domains.remove_if(host.as_str(), |_, of| *of == id);
            }
        }
    }

    /// Removes a tenant.
    pub(crate) fn remove(&self, id: &TenantId) {
        if let Some(entry) = self.entries.pin().remove(id).cloned() {
            self.remove_domains(id, &entry);
        }
    }

    /// Removes this entry of a tenant, unless another has taken its place.
    pub(crate) fn evict(&self, id: &TenantId, entry: &Arc<Entry>) {
        if let Ok(Some(_)) = self.entries.pin().remove_if(id, |_, there| Arc::ptr_eq(there, entry)) {
            self.remove_domains(id, entry);
        }
    }

    fn remove_domains(&self, id: &TenantId, entry: &Entry) {
        let domains = self.domains.pin();
        for host in &entry.tenant.hosts {
            let _ = domains.remove_if(host.as_str(), |_, of| of == id);
        }
    }

    /// How many tenants are held.
    #[cfg(test)]
    pub(crate) fn len(&self) -> (usize, usize) {
        (self.entries.len(), self.domains.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenant_core::{Incarnation, Tenant};

    const FRESH: Duration = Duration::from_secs(60);

    fn entry(name: &str, hosts: &[&str], call: u64) -> Arc<Entry> {
        let mut tenant = Tenant::new(name.parse().expect("a name"), Incarnation::fixed(name));
        tenant.hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        Arc::new(Entry::new(tenant.into(), call, Duration::ZERO, FRESH))
    }

    fn label(label: &str) -> TenantKey<'_> {
        TenantKey::label(label).expect("a label")
    }

    #[test]
    fn an_entry_is_known_while_it_is_fresh_under_all_its_keys() {
        let hot = Hot::default();
        hot.put(&entry("company-x", &["shop.example"], 1));
        for key in [label("company-x"), label("companyx"), TenantKey::Domain("shop.example")] {
            assert!(matches!(hot.cached(&key, Duration::ZERO), Some(Cached::Known(_))), "{key:?}");
            assert!(matches!(hot.cached(&key, FRESH), Some(Cached::RefreshDue(_))), "{key:?}");
        }
        assert!(hot.cached(&label("other"), Duration::ZERO).is_none());
    }

    #[test]
    fn domains_follow_the_record() {
        let hot = Hot::default();
        hot.put(&entry("acme", &["a.example", "b.example"], 1));
        hot.put(&entry("acme", &["b.example", "c.example"], 2));
        assert!(hot.entry(&TenantKey::Domain("a.example")).is_none());
        assert!(hot.entry(&TenantKey::Domain("c.example")).is_some());

        hot.put(&entry("globex", &["b.example"], 3));
        hot.put(&entry("acme", &["c.example"], 4));
        let moved = hot.entry(&TenantKey::Domain("b.example")).expect("globex has it now");
        assert_eq!(moved.tenant.name.as_str(), "globex");
        hot.remove(&moved.tenant.id());
        hot.remove(&"acme".parse().expect("an id"));
        assert_eq!(hot.len(), (0, 0));
    }

    #[test]
    fn eviction_spares_a_newer_entry() {
        let hot = Hot::default();
        let (older, newer) = (entry("acme", &["a.example"], 1), entry("acme", &["a.example"], 2));
        let id = older.tenant.id();
        hot.put(&older);
        hot.put(&newer);
        hot.evict(&id, &older);
        assert_eq!(hot.len(), (1, 1));
        hot.evict(&id, &newer);
        assert_eq!(hot.len(), (0, 0));
    }
}
