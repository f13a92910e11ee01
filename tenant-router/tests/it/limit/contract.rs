//! The contract between a layer of limits and the service inside it.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{Empty, Full};
use tenant_router::limit::{LimitedBody, TenantLimitLayer};
use tower::limit::ConcurrencyLimitLayer;
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::fussy::Fussy;

use super::site::{at_once, manual_clock, rate};

type Body = Empty<Bytes>;

#[tokio::test]
async fn the_service_that_was_made_ready_is_called_and_a_refusal_gives_its_place_back() {
    let inner = Fussy::<Request<LimitedBody<Body>>>::default();
    let calls = Arc::clone(&inner.calls);
    let limits = TenantLimitLayer::new().total(rate(1, 2)).clock(manual_clock());
    let stack = (limits, ConcurrencyLimitLayer::new(1));
    let mut first = stack.layer(inner);
    let mut second = first.clone();
    for statuses in [[200, 200], [429, 429], [429, 429]] {
        for (service, status) in [&mut first, &mut second].into_iter().zip(statuses) {
            let ready = tokio::time::timeout(Duration::from_secs(5), service.ready()).await;
            let ready = ready.expect("the other one holds no place").unwrap();
            assert_eq!(ready.call(Request::new(Body::new())).await.unwrap().status(), status);
        }
    }
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_dropped_request_gives_its_place_back() {
    let dropped = Arc::new(AtomicBool::new(false));
    struct Flag(Arc<AtomicBool>);
    impl Drop for Flag {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let flag = Arc::clone(&dropped);
    let pending = service_fn(move |_: Request<LimitedBody<Body>>| {
        let flag = Flag(Arc::clone(&flag));
        async move {
            let _flag = flag;
            std::future::pending::<Result<Response<Full<Bytes>>, Infallible>>().await
        }
    });
    let mut service = TenantLimitLayer::new().total(at_once(1)).layer(pending);
    let mut ask = async || {
        let future = service.ready().await.unwrap().call(Request::new(Body::new()));
        tokio::time::timeout(Duration::from_millis(1), future).await
    };
    for _ in 0..3 {
        assert!(ask().await.is_err(), "it is let in, waits, and is dropped");
        assert!(dropped.swap(false, Ordering::SeqCst));
    }
}

#[tokio::test]
async fn clones_count_together_and_an_option_of_a_clone_is_its_own() {
    let layer = TenantLimitLayer::new().total(rate(1, 2)).clock(manual_clock());
    let (one, other) = (layer.layer(Fussy::default()), layer.clone().layer(Fussy::default()));
    let apart = layer.clone().total(rate(1, 1)).layer(Fussy::default());
    let ask = async |service: tenant_router::limit::LimitService<Fussy<_>>| {
        service.oneshot(Request::new(Body::new())).await.unwrap().status().as_u16()
    };
    assert_eq!([ask(one.clone()).await, ask(other.clone()).await, ask(one).await], [200, 200, 429]);
    assert_eq!([ask(apart.clone()).await, ask(apart).await, ask(other).await], [200, 429, 429]);
}
