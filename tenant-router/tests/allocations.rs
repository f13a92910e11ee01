//! What a request costs in allocations.

#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use allocation_counter::measure;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Empty;
use tenant_core::{HostRules, Incarnation, StaticDirectory, Tenant};
use tenant_router::{PeerAddr, TenantLayer};
use tower::{Layer, Service, service_fn};

fn answer(_: Request<()>) -> Ready<Result<Response<Empty<Bytes>>, Infallible>> {
    ready(Ok(Response::new(Empty::new())))
}

fn request(host: &str) -> Request<()> {
    let mut request = Request::get("/").header("host", host).body(()).unwrap();
    request.extensions_mut().insert(PeerAddr("192.0.2.1:80".parse().unwrap()));
    request
}

/// Allocations of a call, without those of the request itself.
fn count(service: &mut impl Service<Request<()>>, host: &str) -> u64 {
    let request = request(host);
    let counted = measure(|| {
        let future = pin!(service.call(request));
        assert!(matches!(future.poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(Ok(_))));
    });
    counted.count_total
}

#[test]
fn a_tenant_that_is_served_costs_two() {
    let rules = HostRules::base_domains(["your-domain.com".parse().unwrap()]);
    let acme = Tenant::new("acme".parse().unwrap(), Incarnation::fixed("acme"));
    let mut layered = TenantLayer::new(rules, StaticDirectory::from_iter([acme])).layer(service_fn(answer));
    assert_eq!(count(&mut service_fn(answer), "acme.your-domain.com"), 0);
    for _ in 0..2 {
        assert_eq!(
            count(&mut layered, "acme.your-domain.com"),
            2,
            "the current tenant, and its place in the extensions"
        );
        assert_eq!(count(&mut layered, "Acme.Your-Domain.com:8585"), 2);
    }
}
