//! The contract between the layer and the service inside it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use http::{Request, Response};
use http_body_util::Empty;
use tenant_core::{Cached, Lookup, TenantDirectory, TenantKey};
use tenant_router::TenantLayer;
use tokio::sync::Notify;
use tower::limit::ConcurrencyLimitLayer;
use tower::{Layer, Service, ServiceExt};

use crate::directory::{every_case, rules, tenant};
use crate::fussy::Fussy;

type Body = Empty<bytes::Bytes>;

fn ask(label: &str) -> Request<()> {
    Request::get("/").header("host", format!("{label}.base.example")).body(()).unwrap()
}

#[tokio::test]
async fn the_service_that_was_made_ready_is_the_one_that_is_called() {
    let inner = Fussy::<Request<()>>::default();
    let calls = Arc::clone(&inner.calls);
    let mut service = TenantLayer::new(rules(), every_case()).layer(inner);
    for (label, status) in
        [("acme", 200), ("missed", 200), ("stranger", 404), ("acme", 200), ("nobody", 404), ("stale", 200)]
    {
        let answer = service.ready().await.unwrap().call(ask(label)).await.unwrap();
        assert_eq!(answer.status(), status, "{label}");
    }
    assert_eq!(calls.load(Ordering::SeqCst), 4);
}

#[tokio::test]
#[should_panic(expected = "called before it was ready")]
async fn the_fussy_service_would_notice() {
    let mut service = TenantLayer::new(rules(), every_case()).layer(Fussy::<Request<()>>::default());
    let _answer = service.call(ask("acme")).await;
}

#[tokio::test]
async fn a_refusal_holds_no_place_in_the_service() {
    let stack = (TenantLayer::new(rules(), every_case()), ConcurrencyLimitLayer::new(1));
    let mut first = stack.layer(Fussy::<Request<()>>::default());
    let mut second = first.clone();
    let mut last = second.clone();
    for label in ["stranger", "nobody"] {
        let answer = first.ready().await.unwrap().call(ask(label)).await.unwrap();
        assert_eq!(answer.status(), 404);
        // `first` lives on, as behind a connection that is kept open.
        let ready = tokio::time::timeout(Duration::from_secs(5), second.ready()).await.expect("a free place");
        let answer = ready.unwrap().call(ask(label)).await.unwrap();
        assert_eq!(answer.status(), 404);
    }
    assert_eq!(last.ready().await.unwrap().call(ask("acme")).await.unwrap().status(), 200);
}

/// Whose `find` ends when it is told to; counts those that are under way.
#[derive(Default)]
struct Slow {
    under_way: AtomicUsize,
    go: Notify,
}

struct UnderWay<'a>(&'a AtomicUsize);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl TenantDirectory for Slow {
    fn cached(&self, _: &TenantKey<'_>) -> Cached {
        Cached::Miss
    }

    async fn find(&self, _: &TenantKey<'_>) -> Lookup {
        self.under_way.fetch_add(1, Ordering::SeqCst);
        let _under_way = UnderWay(&self.under_way);
        self.go.notified().await;
        Lookup::Known(tenant("acme").into())
    }
}

#[tokio::test]
async fn a_dropped_request_leaves_nothing_behind() {
    let directory = Arc::new(Slow::default());
    let inner = Fussy::<Request<()>>::default();
    let calls = Arc::clone(&inner.calls);
    let body = Arc::new(());
    let inner = inner.map_request(|request: Request<Arc<()>>| request.map(drop));
    let mut service = TenantLayer::new(rules(), Arc::clone(&directory)).layer(inner);
    let before = (Arc::strong_count(&directory), Arc::strong_count(&calls));

    let request = ask("acme").map(|()| Arc::clone(&body));
    let mut future = Box::pin(service.ready().await.unwrap().call(request));
    assert!(matches!(poll_once(future.as_mut()).await, Poll::Pending));
    assert_eq!(directory.under_way.load(Ordering::SeqCst), 1);
    drop(future);

    assert_eq!(directory.under_way.load(Ordering::SeqCst), 0);
    assert_eq!((Arc::strong_count(&directory), Arc::strong_count(&calls)), before);
    assert_eq!((Arc::strong_count(&body), calls.load(Ordering::SeqCst)), (1, 0));

    directory.go.notify_one();
    let request = ask("acme").map(|()| body);
    assert_eq!(service.ready().await.unwrap().call(request).await.unwrap().status(), 200);
}

async fn poll_once<F: Future + Unpin>(mut future: F) -> Poll<F::Output> {
    std::future::poll_fn(|cx| Poll::Ready(std::pin::Pin::new(&mut future).poll(cx))).await
}

#[tokio::test]
async fn an_error_of_the_service_is_its_own() {
    let inner = tower::service_fn(|_: Request<()>| async { Err::<Response<Body>, _>("broken") });
    let service = TenantLayer::new(rules(), every_case()).layer(inner);
    for label in ["acme", "missed"] {
        assert_eq!(service.clone().oneshot(ask(label)).await.unwrap_err(), "broken");
    }
    assert_eq!(service.oneshot(ask("stranger")).await.unwrap().status(), 404, "a refusal is no error");
}
