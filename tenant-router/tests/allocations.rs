//! What a request costs in allocations, and what a million clients do.

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

/// The allocator is asked, and not the system: what other tests take meanwhile does not count.
#[cfg(feature = "limit")]
#[test]
fn a_million_addresses_take_no_more_memory_than_the_first_thousands() {
    use std::net::{IpAddr, Ipv6Addr, SocketAddr};
    use std::sync::Arc;

    use tenant_core::{Limits, ManualClock};
    use tenant_router::limit::{AddressLimitLayer, LimitedBody};

    let limits =
        Limits { requests_per_second: Some(1), burst: Some(10), concurrent: Some(4), body_bytes: None };
    let clock = Arc::new(ManualClock::new(jiff::Timestamp::UNIX_EPOCH));
    let layer = AddressLimitLayer::new(limits).max_keys(10_000).clock(clock);
    let mut service = layer.layer(service_fn(|_: Request<LimitedBody<Empty<Bytes>>>| {
        ready(Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())))
    }));
    let mut ask = |addresses: std::ops::Range<u128>| {
        for address in addresses {
            let mut request = Request::new(Empty::new());
            let ip = IpAddr::V6(Ipv6Addr::from_bits((0x2001_0db8_0000_0000 + address) << 64));
            request.extensions_mut().insert(PeerAddr(SocketAddr::new(ip, 1)));
            let future = pin!(service.call(request));
            let answer = future.poll(&mut Context::from_waker(Waker::noop()));
            assert!(matches!(answer, Poll::Ready(Ok(answer)) if answer.status() == 200));
        }
    };
    ask(0..50_000);
    let measured = measure(|| ask(50_000..1_000_000));
    assert!(layer.keys() <= 10_000, "{}", layer.keys());
    // 950 000 keys would be some 80 MiB.
    assert!(measured.bytes_max < 1 << 20, "{measured:?}");
}
