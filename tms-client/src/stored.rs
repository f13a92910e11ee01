//! [`Stored`]: a tenant as it is kept on disk. What an administrator alone may know is not part of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tenant_core::{Incarnation, Limits, Placement, Tenant, TenantName, TenantNameError, TenantStatus};
use uuid::Uuid;

use crate::found::Found;

/// What routing needs of a tenant.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Stored {
    name: String,
    incarnation: Uuid,
    status: TenantStatus,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    hosts: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    public_reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expire: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "is_unlimited")]
    limits: Limits,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    storage: Option<Placement>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revision: Option<u64>,
}

fn is_unlimited(limits: &Limits) -> bool {
    *limits == Limits::default()
}

impl Stored {
    pub(crate) fn of(tenant: &Tenant, revision: Option<u64>) -> Self {
        Self {
            name: tenant.name.to_string(),
            incarnation: *tenant.incarnation.as_uuid(),
            status: tenant.status,
            hosts: tenant.hosts.clone(),
            public_reason: tenant.public_reason.clone(),
            expire: tenant.expire,
            limits: tenant.limits,
            storage: tenant.storage,
            revision,
        }
    }

    /// # Errors
    /// If the name is none.
    pub(crate) fn into_found(self) -> Result<Found, TenantNameError> {
        let mut tenant = Tenant::new(TenantName::parse(&self.name)?, Incarnation::from(self.incarnation));
        tenant.status = self.status;
        tenant.hosts = self.hosts;
        tenant.public_reason = self.public_reason;
        tenant.expire = self.expire;
        tenant.limits = self.limits;
        tenant.storage = self.storage;
        Ok(Found { tenant, revision: self.revision })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_comes_back_as_it_was() {
        let name = "company-x".parse().expect("a name");
        let plain = Tenant::new(name, Incarnation::fixed("x"));
        let mut full = plain.clone();
        full.status = TenantStatus::Suspended;
        full.hosts = vec!["shop.example".to_owned()];
        full.public_reason = Some("unpaid".to_owned());
        full.expire = Some(Timestamp::UNIX_EPOCH);
        full.limits.burst = Some(7);
        full.storage = Some(Placement::Shared);
        for (tenant, revision) in [(plain, None), (full, Some(9))] {
            let text = serde_json::to_string(&Stored::of(&tenant, revision)).expect("json");
            let back: Stored = serde_json::from_str(&text).expect("stored");
            let back = back.into_found().expect("a tenant");
            assert_eq!((back.tenant, back.revision), (tenant, revision));
        }
    }
}
