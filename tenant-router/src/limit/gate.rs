//! [`Gate`]: who is let in, and what a request that was let in holds.

use std::sync::Arc;

use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Request};
use http_body::Body;
use tenant_core::{Clock, Limits, TenantId};

use super::address::{AddressKey, client};
use super::keys::Quota;
use super::rate::{Rate, nanoseconds};
use super::refused::{Excess, Refused};
use super::table::{Place, Table};
use super::total::{Total, TotalPlace};
use crate::current::CurrentTenant;
use crate::proxy::TrustedProxies;
use crate::reject::LimitScope;

/// What a request holds while it is under way; dropping it gives everything back. One word, because it moves along with the
/// request, and empty where no limit is on requests at once.
#[derive(Debug, Default)]
pub(crate) struct Permit {
    _held: Option<Box<Places>>,
}

#[derive(Debug)]
struct Places {
    _address: Option<Place<AddressKey>>,
    _tenant: Option<Place<TenantId>>,
    _total: Option<TotalPlace>,
}

impl Permit {
    fn of_address(place: Option<Place<AddressKey>>) -> Self {
        let held = place.map(|place| Box::new(Places { _address: Some(place), _tenant: None, _total: None }));
        Self { _held: held }
    }

    fn of_tenant(tenant: Option<Place<TenantId>>, total: Option<TotalPlace>) -> Self {
        let any = tenant.is_some() || total.is_some();
        Self { _held: any.then(|| Box::new(Places { _address: None, _tenant: tenant, _total: total })) }
    }
}

/// A request that was let in.
pub(crate) struct Admitted {
    pub(crate) permit: Permit,
    /// The size that its body may have.
    pub(crate) body_bytes: Option<u64>,
}

/// Which limits a layer holds its requests to. Clones count together.
#[derive(Debug, Clone)]
pub(crate) enum Gate {
    Address(ByAddress),
    Tenant(ByTenant),
}

impl Gate {
    pub(crate) fn admit<B: Body>(
        &self,
        request: &Request<B>,
        clock: &dyn Clock,
    ) -> Result<Admitted, Refused> {
        match self {
            Self::Address(gate) => gate.admit(request, clock),
            Self::Tenant(gate) => gate.admit(request, clock),
        }
    }
}

/// By client address.
#[derive(Debug, Clone)]
pub(crate) struct ByAddress {
    pub(crate) quota: Quota,
    pub(crate) body_bytes: Option<u64>,
    pub(crate) proxies: TrustedProxies,
    pub(crate) table: Arc<Table<AddressKey>>,
}

impl ByAddress {
    fn admit<B: Body>(&self, request: &Request<B>, clock: &dyn Clock) -> Result<Admitted, Refused> {
        must_fit(request, self.body_bytes, LimitScope::Address)?;
        let mut permit = Permit::default();
        if !self.quota.is_none()
            && let Some(address) = client(request.headers(), request.extensions(), &self.proxies)
        {
            let now = nanoseconds(clock.monotonic());
            let (place, ()) = self.table.admit(address.into(), &self.quota, now, || Ok(()))?;
            permit = Permit::of_address(place);
        }
        Ok(Admitted { permit, body_bytes: self.body_bytes })
    }
}

/// By tenant, then all together.
#[derive(Debug, Clone)]
pub(crate) struct ByTenant {
    pub(crate) defaults: Limits,
    /// What no body may exceed, whatever a record says.
    pub(crate) all_body_bytes: Option<u64>,
    pub(crate) table: Arc<Table<TenantId>>,
    pub(crate) total: Option<Arc<Total>>,
}

impl ByTenant {
    fn admit<B: Body>(&self, request: &Request<B>, clock: &dyn Clock) -> Result<Admitted, Refused> {
        let current = request.extensions().get::<CurrentTenant>();
        let own = current.map(|current| current.tenant().limits).unwrap_or_default();
        let sizes = [own.body_bytes, self.defaults.body_bytes, self.all_body_bytes];
        let body_bytes = sizes.into_iter().flatten().min();
        must_fit(request, body_bytes, LimitScope::Tenant)?;

        let key = current.map(|current| (*current.active().id(), quota(own, self.defaults)));
        let key = key.filter(|(_, quota)| !quota.is_none());
        let mut permit = Permit::default();
        if key.is_some() || self.total.is_some() {
            let now = nanoseconds(clock.monotonic());
            let all = || self.total.as_ref().map_or(Ok(None), |total| total.admit(now));
            let (tenant, total) = match key {
                Some((id, quota)) => self.table.admit(id, &quota, now, all)?,
                None => (None, all()?),
            };
            permit = Permit::of_tenant(tenant, total);
        }
        Ok(Admitted { permit, body_bytes })
    }
}

/// A key's own limits, and the defaults where it has none. A default burst belongs to the default rate.
pub(crate) fn quota(own: Limits, defaults: Limits) -> Quota {
    let rate = match (own.requests_per_second, defaults.requests_per_second) {
        (Some(rate), _) => Some(Rate::new(rate, own.burst)),
        (None, Some(rate)) => Some(Rate::new(rate, own.burst.or(defaults.burst))),
        (None, None) => None,
    };
    Quota { rate, concurrent: own.concurrent.or(defaults.concurrent) }
}

/// A body that says at once that it is too large is refused before anything is counted.
fn must_fit<B: Body>(request: &Request<B>, most: Option<u64>, scope: LimitScope) -> Result<(), Refused> {
    match most {
        Some(most) if request.body().size_hint().lower().max(announced(request.headers())) > most => {
            Err(Refused { scope, excess: Excess::Body(most) })
        }
        _ => Ok(()),
    }
}

/// `Content-Length` (RFC 9110 section 8.6); 0 where there is none, or what is no number, which servers refuse themselves.
fn announced(headers: &HeaderMap) -> u64 {
    let value = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    value.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_records_own_limits_go_before_the_defaults_one_by_one() {
        let defaults =
            Limits { requests_per_second: Some(10), burst: Some(50), concurrent: Some(4), body_bytes: None };
        let own = |own: Limits| quota(own, defaults);
        let none = Limits::default();
        assert_eq!(own(none), Quota { rate: Some(Rate::new(10, Some(50))), concurrent: Some(4) });
        let rate = own(Limits { requests_per_second: Some(3), ..none });
        assert_eq!(rate.rate, Some(Rate::new(3, Some(3))), "the default burst is none of this rate's");
        let burst = own(Limits { burst: Some(7), ..none });
        assert_eq!(burst.rate, Some(Rate::new(10, Some(7))));
        assert_eq!(own(Limits { concurrent: Some(9), ..none }).concurrent, Some(9));
        assert!(quota(Limits { burst: Some(7), ..none }, none).is_none(), "a burst of no rate is no limit");
    }
}
