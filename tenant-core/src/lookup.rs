//! [`Lookup`] and [`Cached`]: the answers of a directory. Three, never two.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use crate::tenant::Tenant;

/// A tenant as a directory hands it out: cheap to clone, and good for as long as it is held.
#[derive(Debug, Clone)]
pub struct TenantRef(Arc<Tenant>);

impl From<Tenant> for TenantRef {
    fn from(tenant: Tenant) -> Self {
        Self(Arc::new(tenant))
    }
}

impl Deref for TenantRef {
    type Target = Tenant;

    #[inline]
    fn deref(&self) -> &Tenant {
        &self.0
    }
}

impl TenantRef {
    /// How many there are of this one, itself included.
    #[inline]
    pub(crate) fn holders(&self) -> usize {
        Arc::strong_count(&self.0)
    }
}

/// What a directory found out about a key.
#[derive(Debug, Clone)]
pub enum Lookup {
    /// The record exists, whatever its status.
    Known(TenantRef),
    /// Whoever keeps the records said that there is none.
    Unknown,
    /// Nobody could be asked. Never to be told, or remembered, as unknown.
    Unavailable {
        /// When asking again may help.
        retry_after: Duration,
    },
}

/// What a directory knows of a key at once, without asking anybody.
#[derive(Debug, Clone)]
pub enum Cached {
    /// The record, fresh enough to act upon.
    Known(TenantRef),
    /// The record, due to be confirmed: [`find`](crate::TenantDirectory::find) decides whether it still serves.
    RefreshDue(TenantRef),
    /// Known not to exist, for the moment.
    Unknown,
    /// Nothing is known: ask [`find`](crate::TenantDirectory::find).
    Miss,
}
