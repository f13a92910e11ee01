//! [`Counts`]: refusals, told to the `metrics` facade. The recorder that is installed when a layer is made gets them.

use metrics::{Counter, counter};

use super::refused::{Excess, Refused};
use crate::reject::LimitScope;

/// `tenant_router_limited_total`, labelled with whose limit (`by`: `address`, `tenant`, `total`) and which (`limit`: `rate`,
/// `concurrency`, `body`). No label names a tenant or an address, so there are nine counters however many of those there are.
pub(crate) struct Counts {
    address: Three,
    tenant: Three,
    total: Three,
}

struct Three {
    rate: Counter,
    concurrency: Counter,
    body: Counter,
}

impl Three {
    fn new(by: &'static str) -> Self {
        let of = |limit: &'static str| counter!("tenant_router_limited_total", "by" => by, "limit" => limit);
        Self { rate: of("rate"), concurrency: of("concurrency"), body: of("body") }
    }
}

impl Default for Counts {
    fn default() -> Self {
        Self { address: Three::new("address"), tenant: Three::new("tenant"), total: Three::new("total") }
    }
}

impl Counts {
    pub(crate) fn refused(&self, refused: Refused) {
        let of = match refused.scope {
            LimitScope::Address => &self.address,
            LimitScope::Tenant => &self.tenant,
            LimitScope::Total => &self.total,
        };
        match refused.excess {
            Excess::Rate(_) => &of.rate,
            Excess::Concurrency => &of.concurrency,
            Excess::Body(_) => &of.body,
        }
        .increment(1);
    }
}
