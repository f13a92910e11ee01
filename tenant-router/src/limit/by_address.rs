//! [`AddressLimitLayer`]: limits by client address.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use http::request::Parts;
use ipnet::IpNet;
use tenant_core::{Clock, Limits};
use tower_layer::Layer;

use super::MAX_KEYS;
use super::gate::{ByAddress, Gate, quota};
use super::service::LimitService;
use super::shared::{Options, Shared};
use super::table::Table;
use crate::proxy::TrustedProxies;
use crate::reject::{LimitScope, Rejection};

/// Holds each client address to the same limits. It stands outside of the [`TenantLayer`](crate::TenantLayer), so that
/// requests for hosts that are nobody's count too. See the [module](super).
///
/// Cheap to clone: all clones and their services count together. An option that is set on a clone is that clone's alone.
#[derive(Debug, Clone)]
pub struct AddressLimitLayer {
    gate: ByAddress,
    options: Options,
}

impl AddressLimitLayer {
    /// A layer that trusts no proxy, knows at most 100 000 addresses and reads the system's clock.
    ///
    /// `None` is no limit. A burst without a rate means nothing; a rate without a burst allows a second's worth at once.
    pub fn new(limits: Limits) -> Self {
        let gate = ByAddress {
            quota: quota(limits, Limits::default()),
            body_bytes: limits.body_bytes,
            proxies: TrustedProxies::default(),
            table: Arc::new(Table::new(LimitScope::Address, MAX_KEYS)),
        };
        Self { gate, options: Options::default() }
    }

    /// The networks of proxies that tell for whom they ask, in `Forwarded` (RFC 7239) or `X-Forwarded-For`; default none.
    ///
    /// The server must tell the peer's address, as for
    /// [`TenantLayer::trusted_proxies`](crate::TenantLayer::trusted_proxies). Behind a proxy that is not listed here, all
    /// clients have the proxy's address and share one limit. A trusted proxy must set or remove both headers: where they
    /// disagree or cannot be read, the request counts as the proxy's own.
    #[must_use]
    pub fn trusted_proxies(mut self, nets: impl IntoIterator<Item = IpNet>) -> Self {
        self.gate.proxies = nets.into_iter().collect();
        self
    }

    /// How many addresses are known at once, rounded up to a multiple of 16; default 100 000. What was counted is forgotten.
    #[must_use]
    pub fn max_keys(mut self, most: usize) -> Self {
        self.gate.table = Arc::new(Table::new(LimitScope::Address, most));
        self
    }

    /// How many addresses are known now: those of the last seconds, and those whose requests are under way.
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

impl<S> Layer<S> for AddressLimitLayer {
    type Service = LimitService<S>;

    fn layer(&self, inner: S) -> LimitService<S> {
        let gate = Gate::Address(self.gate.clone());
        LimitService::new(inner, Shared { gate, options: self.options.clone() })
    }
}
