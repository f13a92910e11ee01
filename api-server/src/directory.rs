//! [`Directory`]: the tenants of this process, from the management service or fixed.

use tenant_core::{Cached, Lookup, StaticDirectory, TenantDirectory, TenantKey};
use tms_client::TmsDirectory;

/// Which directory a process asks, chosen by its settings.
#[derive(Clone)]
pub(crate) enum Directory {
    /// The management service.
    Tms(TmsDirectory),
    /// The one tenant of a process that is not multi-tenant.
    Fixed(StaticDirectory),
}

impl Directory {
    /// The management service's, if it is.
    pub(crate) fn of_tms(&self) -> Option<TmsDirectory> {
        match self {
            Self::Tms(directory) => Some(directory.clone()),
            Self::Fixed(_) => None,
        }
    }
}

impl TenantDirectory for Directory {
    fn cached(&self, key: &TenantKey<'_>) -> Cached {
        match self {
            Self::Tms(directory) => directory.cached(key),
            Self::Fixed(directory) => directory.cached(key),
        }
    }

    async fn find(&self, key: &TenantKey<'_>) -> Lookup {
        match self {
            Self::Tms(directory) => directory.find(key).await,
            Self::Fixed(directory) => directory.find(key).await,
        }
    }
}
