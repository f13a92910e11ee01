//! Who is counted nowhere takes no memory. What a spray of addresses takes is counted in `tests/allocations.rs`.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Empty;
use tenant_core::Limits;
use tenant_router::limit::{AddressLimitLayer, LimitedBody};
use tower::{Layer, Service, service_fn};

use super::site::rate;

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
