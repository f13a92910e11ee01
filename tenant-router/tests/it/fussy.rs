//! A service that minds the contract of `Service`.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Response;
use http_body_util::Empty;
use tower::Service;

/// Panics when it is called without having been made ready, as the contract of `Service` allows. A clone is not ready.
pub(crate) struct Fussy<Q> {
    ready: bool,
    pub(crate) calls: Arc<AtomicUsize>,
    requests: PhantomData<fn(Q)>,
}

impl<Q> Default for Fussy<Q> {
    fn default() -> Self {
        Self { ready: false, calls: Arc::default(), requests: PhantomData }
    }
}

impl<Q> Clone for Fussy<Q> {
    fn clone(&self) -> Self {
        Self { calls: Arc::clone(&self.calls), ..Self::default() }
    }
}

impl<Q> Service<Q> for Fussy<Q> {
    type Response = Response<Empty<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Q) -> Self::Future {
        assert!(std::mem::take(&mut self.ready), "called before it was ready");
        self.calls.fetch_add(1, Ordering::SeqCst);
        ready(Ok(Response::new(Empty::new())))
    }
}
