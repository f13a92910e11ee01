//! [`ActiveTenant`]: the only key to a data handle.

use crate::id::{Incarnation, TenantId};
use crate::tenant::{Placement, Tenant};

/// Proof that a tenant was active when it was admitted: stores open a tenant's data for this and nothing else.
///
/// Only [`Tenant::admit`] yields one; it has no public field and no constructor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ActiveTenant {
    id: TenantId,
    incarnation: Incarnation,
    placement: Option<Placement>,
}

impl ActiveTenant {
    pub(crate) fn of(tenant: &Tenant) -> Self {
        Self { id: tenant.id(), incarnation: tenant.incarnation, placement: tenant.storage }
    }

    /// The tenant's id.
    pub fn id(&self) -> &TenantId {
        &self.id
    }

    /// Which life of the id.
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// Where its data is, as its record says.
    pub fn placement(&self) -> Option<Placement> {
        self.placement
    }
}
