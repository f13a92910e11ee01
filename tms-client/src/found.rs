//! [`Found`]: a tenant as the TMS told of it.

use serde_json::Value;
use tenant_core::{Tenant, TenantBody, WireError};

use crate::error::{TmsError, TmsErrorKind};

/// What routing needs of a tenant, and how new that is.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) tenant: Tenant,
    /// The number of the change that made it so; only a TMS of ours says it.
    pub(crate) revision: Option<u64>,
}

impl Found {
    /// # Errors
    /// `Protocol` if it is no tenant by our rules.
    pub(crate) fn of(body: TenantBody) -> Result<Self, TmsError> {
        let revision = body.revision;
        Ok(Self { tenant: body.into_tenant().map_err(no_tenant)?, revision })
    }
}

/// # Errors
/// `NotFound` where there is `null` instead, `Protocol` if it is no record.
pub(crate) fn body_of(body: Value) -> Result<TenantBody, TmsError> {
    if body.is_null() {
        return Err(TmsError::new(TmsErrorKind::NotFound, "there is no such tenant"));
    }
    // The cause is left out: serde quotes the values that it does not like.
    serde_json::from_value(body).map_err(|_| TmsError::protocol("the answer is no record of a tenant"))
}

pub(crate) fn no_tenant(error: WireError) -> TmsError {
    TmsError::protocol("the record is no tenant's").with_source(error)
}
