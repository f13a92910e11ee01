//! [`Tenant`]: what routing needs to know of a customer, and [`TenantRecord`]: what its administration needs as well.

use std::collections::BTreeMap;

use jiff::Timestamp;
use secrecy::SecretString;

use crate::admit::ActiveTenant;
use crate::id::{Incarnation, TenantId};
use crate::name::TenantName;

/// What routing needs to know of a tenant.
///
/// The fields are free to set; what they say is checked where they come from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[repr(C)]
pub struct Tenant {
    // In this order in memory: a tenant that is served is seldom in a cache, and what every request reads lies together.
    /// Where it stands in its life.
    pub status: TenantStatus,
    /// Where its data is; `None` until its storage was prepared.
    pub storage: Option<Placement>,
    /// When it stops being served; `None` for never.
    pub expire: Option<Timestamp>,
    /// Which life of the id this is.
    pub incarnation: Incarnation,
    /// What it is called; its id belongs to the name.
    pub name: TenantName,
    /// What it may use.
    pub limits: Limits,
    /// Its own domains beside the one under a base domain, in normal form.
    pub hosts: Vec<String>,
    /// What its visitors may be told about a suspension.
    pub public_reason: Option<String>,
}

impl Tenant {
    /// An active tenant without own domains, limits or expiry.
    pub fn new(name: TenantName, incarnation: Incarnation) -> Self {
        Self {
            name,
            incarnation,
            hosts: Vec::new(),
            status: TenantStatus::Active,
            public_reason: None,
            expire: None,
            limits: Limits::default(),
            storage: None,
        }
    }

    /// The id that belongs to the name.
    #[inline]
    pub fn id(&self) -> TenantId {
        self.name.id()
    }

    /// How the tenant stands at this moment: its status, and whether it has expired.
    pub fn standing(&self, now: Timestamp) -> Standing<'_> {
        match self.status {
            TenantStatus::Pending => Standing::Pending,
            TenantStatus::Deleting => Standing::Deleting,
            TenantStatus::Suspended => Standing::Suspended { public_reason: self.public_reason.as_deref() },
            TenantStatus::Active if self.expire.is_some_and(|expire| expire <= now) => Standing::Expired,
            TenantStatus::Active => Standing::Active,
        }
    }

    /// The key to the tenant's data, if it may be served at this moment.
    ///
    /// # Errors
    /// If it may not, how it stands.
    pub fn admit(&self, now: Timestamp) -> Result<ActiveTenant, Standing<'_>> {
        match self.standing(now) {
            Standing::Active => Ok(ActiveTenant::of(self)),
            other => Err(other),
        }
    }
}

/// Where a tenant stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
pub enum TenantStatus {
    /// Registered; its install has not finished.
    Pending,
    /// Served.
    Active,
    /// Kept, not served.
    Suspended,
    /// Being removed.
    Deleting,
}

impl TenantStatus {
    /// The word on the wire: `pending`, `active`, `suspended` or `deleting`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Deleting => "deleting",
        }
    }

    /// Reads the word on the wire.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Pending, Self::Active, Self::Suspended, Self::Deleting]
            .into_iter()
            .find(|s| s.as_str() == word)
    }
}

/// Status and expiry together, at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing<'a> {
    /// It is served.
    Active,
    /// Its install has not finished.
    Pending,
    /// An operator suspended it.
    Suspended {
        /// What its visitors may be told.
        public_reason: Option<&'a str>,
    },
    /// Its time is over.
    Expired,
    /// It is being removed.
    Deleting,
}

/// Where a tenant's data is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
pub enum Placement {
    /// In files of its own, in the data folder of an API process.
    Embedded,
    /// In indices that many tenants share.
    Shared,
    /// In indices of its own.
    Dedicated,
}

impl Placement {
    /// The word on the wire: `embedded`, `shared` or `dedicated`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Shared => "shared",
            Self::Dedicated => "dedicated",
        }
    }

    /// Reads the word on the wire.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Embedded, Self::Shared, Self::Dedicated].into_iter().find(|p| p.as_str() == word)
    }
}

/// What a tenant may use; `None` means no limit of its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
pub struct Limits {
    /// Requests a second, over time.
    pub requests_per_second: Option<u32>,
    /// How many of them may come at once; a second's worth if it is not set.
    pub burst: Option<u32>,
    /// Requests that may be under way at once.
    pub concurrent: Option<u32>,
    /// The size of one request's body, in bytes.
    pub body_bytes: Option<u64>,
}

/// What the administration of a tenant needs beside what routing needs. Only an install and the management service
/// ever hold it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TenantRecord {
    /// What routing needs.
    pub tenant: Tenant,
    /// The secret that lets its holder finish the install; an empty one opens nothing.
    pub install_token: SecretString,
    /// Whom to write to; also the name of the first admin.
    pub email: String,
    /// Free words of the operator.
    pub labels: BTreeMap<String, String>,
    /// When it was registered.
    pub created: Timestamp,
    /// Why it is suspended, for the operator's eyes alone.
    pub private_reason: Option<String>,
    /// Kept for clients of the original; nothing here reads it.
    pub license_id: Option<String>,
}

impl TenantRecord {
    /// A record with nothing optional set.
    pub fn new(tenant: Tenant, install_token: SecretString, email: String, created: Timestamp) -> Self {
        let labels = BTreeMap::new();
        Self { tenant, install_token, email, labels, created, private_reason: None, license_id: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_active_tenant_is_admitted_and_only_until_it_expires() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
        let name = "acme".parse().expect("a name");
        let mut tenant = Tenant::new(name, Incarnation::fixed("acme"));
        assert!(tenant.admit(now).is_ok());

        tenant.expire = Some(now);
        assert_eq!(tenant.admit(now), Err(Standing::Expired));
        tenant.expire = "2026-01-01T00:00:01Z".parse().ok();
        assert!(tenant.admit(now).is_ok());

        tenant.status = TenantStatus::Suspended;
        tenant.public_reason = Some("unpaid".into());
        assert_eq!(tenant.admit(now), Err(Standing::Suspended { public_reason: Some("unpaid") }));
        tenant.status = TenantStatus::Pending;
        assert_eq!(tenant.admit(now), Err(Standing::Pending));
        tenant.status = TenantStatus::Deleting;
        assert_eq!(tenant.admit(now), Err(Standing::Deleting));
    }
}
