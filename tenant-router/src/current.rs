//! [`CurrentTenant`] and [`Resolution`]: what the layer leaves in a request's extensions.

use std::sync::Arc;

use tenant_core::{ActiveTenant, Host, Tenant, TenantRef};

use crate::reject::Rejection;

/// The tenant that a request belongs to, in the extensions of every request that was admitted.
///
/// Only the layer makes one. It says how things stood when the request came in: a tenant that is suspended meanwhile
/// finishes the requests it has. Cheap to clone.
#[derive(Debug, Clone)]
pub struct CurrentTenant(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    tenant: TenantRef,
    active: ActiveTenant,
    host: Option<Host>,
}

impl CurrentTenant {
    #[inline]
    pub(crate) fn new(tenant: TenantRef, active: ActiveTenant, host: Option<Host>) -> Self {
        Self(Arc::new(Inner { tenant, active, host }))
    }

    /// What routing knows of the tenant.
    pub fn tenant(&self) -> &Tenant {
        &self.0.tenant
    }

    /// The key to the tenant's data.
    pub fn active(&self) -> &ActiveTenant {
        &self.0.active
    }

    /// The host that named the tenant; `None` where no host was read, because there is only one tenant or because the
    /// tenant header named it.
    pub fn host(&self) -> Option<&Host> {
        self.0.host.as_ref()
    }
}

/// What the layer found out about an exempt request, in its extensions: the tenant, or the refusal that any other
/// request would have met. Where layers are nested, one that a layer further out has left stays.
#[derive(Debug, Clone)]
pub struct Resolution(pub Result<CurrentTenant, Rejection>);

/// What was found out about a request.
pub(crate) type Resolved = Result<CurrentTenant, Rejection>;
