//! [`TenantLimitLayer`]: limits by tenant, and of all requests together.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use http::request::Parts;
use tenant_core::{Clock, Limits};
use tower_layer::Layer;

use super::MAX_KEYS;
use super::gate::{ByTenant, Gate, quota};
use super::service::LimitService;
use super::shared::{Options, Shared};
use super::table::Table;
use super::total::Total;
use crate::reject::{LimitScope, Rejection};

/// Holds each tenant to the limits of its record, or the defaults, and then all requests to the total. It stands inside of
/// the [`TenantLayer`](crate::TenantLayer); a request without a [`CurrentTenant`](crate::CurrentTenant) counts in the total
/// alone. See the [module](super).
///
/// Cheap to clone: all clones and their services count together. An option that is set on a clone is that clone's alone.
#[derive(Debug, Clone)]
pub struct TenantLimitLayer {
    gate: ByTenant,
    options: Options,
}

impl Default for TenantLimitLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl TenantLimitLayer {
    /// A layer that enforces what tenants' records say, without defaults and without a total.
    pub fn new() -> Self {
        let gate = ByTenant {
            defaults: Limits::default(),
            all_body_bytes: None,
            table: Arc::new(Table::new(LimitScope::Tenant, MAX_KEYS)),
            total: None,
        };
        Self { gate, options: Options::default() }
    }

    /// What a tenant may use whose record does not say; default no limits.
    ///
    /// A record's own rate without a burst allows a second's worth at once: the default burst belongs to the default rate.
    /// Of body sizes the smaller one counts, so a record can lower the default and not raise it.
    #[must_use]
    pub fn defaults(mut self, limits: Limits) -> Self {
        self.gate.defaults = limits;
        self
    }

    /// What all requests that come this far may use together; default no limits. What was counted in it is forgotten.
    #[must_use]
    pub fn total(mut self, limits: Limits) -> Self {
        let quota = quota(limits, Limits::default());
        self.gate.total = (!quota.is_none()).then(|| Arc::new(Total::new(quota)));
        self.gate.all_body_bytes = limits.body_bytes;
        self
    }

    /// How many tenants with limits are known at once, rounded up to a multiple of 16; default 100 000. What was counted is
    /// forgotten.
    #[must_use]
    pub fn max_keys(mut self, most: usize) -> Self {
        self.gate.table = Arc::new(Table::new(LimitScope::Tenant, most));
        self
    }

    /// How many tenants are known now: those of the last seconds, and those whose requests are under way.
    pub fn keys(&self) -> usize {
        self.gate.table.len()
    }

    /// The clock; its monotonic reading alone is used.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.options.clock = clock;
        self
    }

    /// Renders refusals, as [`TenantLayer::on_reject`](crate::TenantLayer::on_reject) does. Of a request whose body was cut
    /// off it sees the method, target and version, `accept` and `content-type`.
    #[must_use]
    pub fn on_reject(
        mut self,
        render: impl Fn(&Rejection, &Parts) -> Option<Response<Bytes>> + Send + Sync + 'static,
    ) -> Self {
        self.options.on_reject = Some(Arc::new(render));
        self
    }
}

impl<S> Layer<S> for TenantLimitLayer {
    type Service = LimitService<S>;

    fn layer(&self, inner: S) -> LimitService<S> {
        let gate = Gate::Tenant(self.gate.clone());
        LimitService::new(inner, Shared { gate, options: self.options.clone() })
    }
}
