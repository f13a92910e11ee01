//! [`Outcomes`]: what became of requests, told to the `metrics` facade. The recorder that is installed when a layer is made
//! gets it.

use std::fmt;

use metrics::{Counter, counter};

use crate::current::Resolved;
use crate::reject::RejectionKind;

/// `tenant_router_requests_total`, labelled with the `outcome`. No label names a tenant, so there are eight counters however
/// many tenants there are.
#[derive(Clone)]
pub(crate) struct Outcomes {
    served: Counter,
    bad_host: Counter,
    misdirected: Counter,
    unknown: Counter,
    pending: Counter,
    suspended: Counter,
    expired: Counter,
    unavailable: Counter,
}

impl Default for Outcomes {
    fn default() -> Self {
        let of = |outcome: &'static str| counter!("tenant_router_requests_total", "outcome" => outcome);
        Self {
            served: of("served"),
            bad_host: of("bad_host"),
            misdirected: of("misdirected"),
            unknown: of("unknown"),
            pending: of("pending"),
            suspended: of("suspended"),
            expired: of("expired"),
            unavailable: of("unavailable"),
        }
    }
}

impl Outcomes {
    /// Counts a request that is handed on.
    pub(crate) fn served(&self) {
        self.served.increment(1);
    }

    /// Counts what was found out about a request, whether or not it is exempt.
    pub(crate) fn count(&self, resolved: &Resolved) {
        let counter = match resolved.as_ref().map_err(|rejection| rejection.kind()) {
            Ok(_) => &self.served,
            Err(RejectionKind::BadHost(_) | RejectionKind::BareBaseDomain | RejectionKind::Foreign) => {
                &self.bad_host
            }
            Err(RejectionKind::Misdirected) => &self.misdirected,
            Err(RejectionKind::Unknown { .. } | RejectionKind::Deleting) => &self.unknown,
            Err(RejectionKind::Pending) => &self.pending,
            Err(RejectionKind::Suspended { .. }) => &self.suspended,
            Err(RejectionKind::Expired) => &self.expired,
            Err(RejectionKind::Unavailable { .. }) => &self.unavailable,
            // Found out by other layers, which count them.
            Err(
                RejectionKind::RateLimited { .. }
                | RejectionKind::ConcurrencyLimited { .. }
                | RejectionKind::BodyTooLarge { .. },
            ) => return,
        };
        counter.increment(1);
    }
}

impl fmt::Debug for Outcomes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outcomes").finish_non_exhaustive()
    }
}
