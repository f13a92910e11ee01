//! [`CurrentTenant`] and [`Resolution`]: what the layer leaves in a request's extensions.

use tenant_core::{ActiveTenant, Host, Tenant, TenantRef};

use crate::reject::Rejection;

/// The tenant that a request belongs to, in the extensions of every request that was admitted.
///
/// Only the layer makes one. It says how things stood when the request came in: a tenant that is suspended meanwhile
/// finishes the requests it has.
#[derive(Debug, Clone)]
pub struct CurrentTenant {
    tenant: TenantRef,
    active: ActiveTenant,
    host: Option<Host>,
}

impl CurrentTenant {
    pub(crate) fn new(tenant: TenantRef, active: ActiveTenant, host: Option<Host>) -> Self {
        Self { tenant, active, host }
    }

    /// What routing knows of the tenant.
    pub fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// The key to the tenant's data.
    pub fn active(&self) -> &ActiveTenant {
        &self.active
    }

    /// The host that named the tenant; `None` where no host was read, because there is only one tenant or because the
    /// tenant header named it.
    pub fn host(&self) -> Option<&Host> {
        self.host.as_ref()
    }
}

/// What the layer found out about an exempt request, in its extensions: the tenant, or the refusal that any other
/// request would have met.
#[derive(Debug, Clone)]
pub struct Resolution(pub Result<CurrentTenant, Rejection>);
