//! A spray of addresses does not grow the memory of the process.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Empty;
use tenant_core::Limits;
use tenant_router::PeerAddr;
use tenant_router::limit::{AddressLimitLayer, LimitedBody};
use tower::{Layer, Service, service_fn};

use super::site::{manual_clock, rate};

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test]
async fn a_million_addresses_take_no_more_memory_than_the_first_thousands() {
    let limits = Limits { concurrent: Some(4), ..rate(1, 10) };
    let layer = AddressLimitLayer::new(limits).max_keys(10_000).clock(manual_clock());
    let handler = service_fn(|_: Request<LimitedBody<Empty<Bytes>>>| {
        std::future::ready(Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())))
    });
    let mut service = layer.layer(handler);
    let mut ask = async |address: u64| {
        let mut request = Request::new(Empty::new());
        let ip = IpAddr::V6(Ipv6Addr::from_bits(u128::from(address) << 64));
        request.extensions_mut().insert(PeerAddr(SocketAddr::new(ip, 1)));
        service.call(request).await.unwrap().status().as_u16()
    };
    for address in 0..50_000 {
        assert_eq!(ask(0x2001_0db8_0000_0000 + address).await, 200);
    }
    let before = resident_kib();
    for address in 50_000..1_000_000 {
        assert_eq!(ask(0x2001_0db8_0000_0000 + address).await, 200);
    }
    assert!(layer.keys() <= 10_000, "{}", layer.keys());
    // 950 000 keys would be some 80 MiB; other tests run at the same time.
    let grown = resident_kib().saturating_sub(before);
    assert!(grown < 32 * 1024, "{grown} KiB");
}

#[tokio::test]
async fn requests_without_an_address_are_counted_nowhere() {
    let layer = AddressLimitLayer::new(Limits { concurrent: Some(1), ..rate(1, 1) });
    let handler = service_fn(|_: Request<LimitedBody<Empty<Bytes>>>| {
        std::future::ready(Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())))
    });
    let mut service = layer.layer(handler);
    for _ in 0..10 {
        assert_eq!(service.call(Request::new(Empty::new())).await.unwrap().status(), 200);
    }
    assert_eq!(layer.keys(), 0);
}
