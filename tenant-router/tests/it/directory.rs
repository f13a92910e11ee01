//! A directory that answers as it was told to.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use tenant_core::{
    Cached, HostRules, Incarnation, Lookup, Tenant, TenantDirectory, TenantKey, TenantRef, TenantStatus,
};

/// What it says at once and when asked, by id or own domain; for all else it knows that there is nobody.
#[derive(Default)]
pub(crate) struct Scripted(HashMap<String, (Cached, Lookup)>);

impl Scripted {
    pub(crate) fn with(mut self, key: &str, cached: Cached, found: Lookup) -> Self {
        self.0.insert(key.to_owned(), (cached, found));
        self
    }

    /// A tenant that is known at once, under its id and its own domains.
    pub(crate) fn with_known(mut self, tenant: Tenant) -> Self {
        let tenant = TenantRef::from(tenant);
        for key in tenant.hosts.iter().cloned().chain([tenant.id().to_string()]) {
            self = self.with(&key, Cached::Known(tenant.clone()), Lookup::Known(tenant.clone()));
        }
        self
    }

    fn get(&self, key: &TenantKey<'_>) -> (Cached, Lookup) {
        let key = match key {
            TenantKey::Label { id, .. } => id.as_str(),
            TenantKey::Domain(domain) => domain,
        };
        self.0.get(key).cloned().unwrap_or((Cached::Unknown, Lookup::Unknown))
    }
}

impl TenantDirectory for Scripted {
    fn cached(&self, key: &TenantKey<'_>) -> Cached {
        self.get(key).0
    }

    async fn find(&self, key: &TenantKey<'_>) -> Lookup {
        self.get(key).1
    }
}

pub(crate) fn tenant(name: &str) -> Tenant {
    Tenant::new(name.parse().unwrap(), Incarnation::fixed(name))
}

pub(crate) fn with_status(name: &str, status: TenantStatus) -> Tenant {
    let mut tenant = tenant(name);
    tenant.status = status;
    tenant
}

pub(crate) fn suspended(name: &str, reason: Option<&str>) -> Tenant {
    let mut tenant = with_status(name, TenantStatus::Suspended);
    tenant.public_reason = reason.map(str::to_owned);
    tenant
}

pub(crate) fn rules() -> HostRules {
    HostRules::base_domains(["base.example".parse().unwrap()])
}

/// One tenant for every case that a directory can put the layer in.
pub(crate) fn every_case() -> Scripted {
    let unavailable = Lookup::Unavailable { retry_after: Duration::from_millis(1500) };
    let mut acme = tenant("acme");
    acme.hosts = vec!["shop.example".into()];
    let mut expired = tenant("expired");
    expired.expire = Some(Timestamp::UNIX_EPOCH);
    let stale = tenant("stale");
    let known = |tenant: Tenant| Lookup::Known(tenant.into());
    Scripted::default()
        .with_known(acme)
        .with_known(tenant("company-x"))
        .with_known(with_status("new", TenantStatus::Pending))
        .with_known(suspended("unpaid", Some("The bill is open.")))
        .with_known(suspended("quiet", None))
        .with_known(expired)
        .with_known(with_status("leav-ing", TenantStatus::Deleting))
        .with("missed", Cached::Miss, known(tenant("missed")))
        .with("missednew", Cached::Miss, known(with_status("missednew", TenantStatus::Pending)))
        .with("missedxy", Cached::Miss, known(tenant("missed-xy")))
        .with("nobody", Cached::Miss, Lookup::Unknown)
        .with("away", Cached::Miss, unavailable.clone())
        .with("stale", Cached::RefreshDue(stale.clone().into()), known(stale.clone()))
        .with("stopped", Cached::RefreshDue(tenant("stopped").into()), known(suspended("stopped", None)))
        .with("stranded", Cached::RefreshDue(tenant("stranded").into()), unavailable)
        .with("lost.example", Cached::Miss, Lookup::Unknown)
        .with("mistaken.example", Cached::Known(stale.clone().into()), known(stale))
}
