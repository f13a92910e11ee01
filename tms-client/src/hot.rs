//! [`Hot`]: the index that answers `cached`; no lock, no allocation.

use std::sync::Arc;

use foldhash::fast::RandomState;
use tenant_core::{TenantId, TenantKey};

use crate::entry::Entry;

/// The tenants in memory. One entry for each; own domains lead to the id.
#[derive(Debug, Default)]
pub(crate) struct Hot {
    entries: papaya::HashMap<TenantId, Arc<Entry>, RandomState>,
    /// A hint that is checked against the entry: it may lag behind for a moment.
    domains: papaya::HashMap<Box<str>, TenantId, RandomState>,
}

impl Hot {
    /// The entry of a key.
    pub(crate) fn entry(&self, key: &TenantKey<'_>) -> Option<Arc<Entry>> {
        self.with(key, Arc::clone)
    }

    /// Reads the entry of a key where it is.
    #[inline]
    pub(crate) fn with<T>(&self, key: &TenantKey<'_>, read: impl FnOnce(&Arc<Entry>) -> T) -> Option<T> {
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
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// All entries. Those that come or go meanwhile may be missing or not.
    pub(crate) fn all(&self) -> Vec<Arc<Entry>> {
        self.entries.pin().values().cloned().collect()
    }

    /// How many domains are held.
    #[cfg(test)]
    pub(crate) fn domains(&self) -> usize {
        self.domains.len()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::found::Found;
    use tenant_core::{Incarnation, Tenant};

    fn entry(name: &str, hosts: &[&str], call: u64) -> Arc<Entry> {
        let mut tenant = Tenant::new(name.parse().expect("a name"), Incarnation::fixed(name));
        tenant.hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        let found = Found { tenant, revision: None };
        Arc::new(Entry::answered(found, call, Duration::ZERO, Duration::from_secs(60)))
    }

    fn len(hot: &Hot) -> (usize, usize) {
        (hot.len(), hot.domains())
    }

    fn label(label: &str) -> TenantKey<'_> {
        TenantKey::label(label).expect("a label")
    }

    #[test]
    fn an_entry_is_found_under_all_its_keys() {
        let hot = Hot::default();
        hot.put(&entry("company-x", &["shop.example"], 1));
        for key in [label("company-x"), label("companyx"), TenantKey::Domain("shop.example")] {
            assert_eq!(hot.with(&key, |entry| entry.call), Some(1), "{key:?}");
        }
        assert!(hot.entry(&label("other")).is_none());
        assert_eq!(hot.all().len(), 1);
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
        assert_eq!(len(&hot), (0, 0));
    }

    #[test]
    fn eviction_spares_a_newer_entry() {
        let hot = Hot::default();
        let (older, newer) = (entry("acme", &["a.example"], 1), entry("acme", &["a.example"], 2));
        let id = older.tenant.id();
        hot.put(&older);
        hot.put(&newer);
        hot.evict(&id, &older);
        assert_eq!(len(&hot), (1, 1));
        hot.evict(&id, &newer);
        assert_eq!(len(&hot), (0, 0));
    }
}
