//! [`LookupKey`]: a tenant's key that is kept; the owned twin of [`TenantKey`].

use tenant_core::{TenantId, TenantKey};

/// What is asked for: all spellings of a label are one key, so that they share one call and one answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum LookupKey {
    /// A tenant's id.
    Id(TenantId),
    /// An own domain.
    Domain(Box<str>),
}

impl From<&TenantKey<'_>> for LookupKey {
    fn from(key: &TenantKey<'_>) -> Self {
        match *key {
            TenantKey::Label { id, .. } => Self::Id(id),
            TenantKey::Domain(domain) => Self::Domain(domain.into()),
        }
    }
}

impl LookupKey {
    /// The key to ask with.
    pub(crate) fn as_key(&self) -> TenantKey<'_> {
        match self {
            Self::Id(id) => TenantKey::id(id),
            Self::Domain(domain) => TenantKey::Domain(domain),
        }
    }
}
