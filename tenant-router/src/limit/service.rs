//! [`LimitService`]: what the layers of limits make of a service.

use std::error::Error;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::body::{Cut, HeldBody, LimitedBody};
use super::future::LimitFuture;
use super::gate::Admitted;
use super::shared::Shared;
use crate::body::RejectOr;

/// Hands on the requests that the limits allow. See the [module](super) for which those are.
///
/// It never fails by itself: a refusal is an answer, and an error is the inner service's.
#[derive(Debug, Clone)]
pub struct LimitService<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl<S> LimitService<S> {
    pub(crate) fn new(inner: S, shared: Shared) -> Self {
        Self { inner, shared: Arc::new(shared) }
    }
}

impl<S, B, R> Service<Request<B>> for LimitService<S>
where
    S: Service<Request<LimitedBody<B>>, Response = Response<R>> + Clone,
    B: Body<Error: Into<Box<dyn Error + Send + Sync>>>,
{
    type Response = Response<RejectOr<HeldBody<R>>>;
    type Error = S::Error;
    type Future = LimitFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let shared = &*self.shared;
        match shared.gate.admit(&request, &*shared.options.clock) {
            Ok(Admitted { permit, body_bytes }) => {
                let cut = Cut::watch(&request, body_bytes);
                let request = request.map(|body| LimitedBody::new(body, body_bytes, cut.clone()));
                // The places come back if this panics, because the permit is dropped.
                let future = self.inner.call(request);
                LimitFuture::calling(future, permit, cut.map(|cut| (cut, Arc::clone(&self.shared))))
            }
            Err(refused) => {
                let answer = shared.refuse(refused, &request.into_parts().0);
                // The service that was made ready may hold a place of its own; a clone was not made ready.
                let clone = self.inner.clone();
                drop(mem::replace(&mut self.inner, clone));
                LimitFuture::refused(answer)
            }
        }
    }
}
