//! [`TenantService`]: what [`TenantLayer`](crate::TenantLayer) makes of a service.

use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::request::Parts;
use http::{Request, Response};
use tenant_core::TenantDirectory;
use tower_service::Service;

use crate::body::RejectOr;
use crate::future::ResponseFuture;
use crate::head::Head;
use crate::layer::Shared;
use crate::resolve::AtOnce;

/// Hands requests of admitted tenants on to the inner service. See the [crate] for what it does.
///
/// It never fails by itself: a refusal is an answer, and an error is the inner service's.
#[derive(Debug)]
pub struct TenantService<S, D> {
    pub(crate) inner: S,
    pub(crate) shared: Arc<Shared<D>>,
}

// By hand: the directory need not be `Clone`.
impl<S: Clone, D> Clone for TenantService<S, D> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), shared: Arc::clone(&self.shared) }
    }
}

impl<S, D> TenantService<S, D>
where
    S: Clone,
    D: TenantDirectory,
{
    /// Hands the request on, answers it, or lets it wait for the directory.
    fn go_on<B>(&mut self, at_once: AtOnce, mut parts: Parts, body: B) -> ResponseFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        match at_once {
            AtOnce::Settled(resolved) => match self.shared.admission.decide(resolved, &mut parts) {
                Ok(()) => ResponseFuture::calling(self.inner.call(Request::from_parts(parts, body))),
                Err(answer) => {
                    drop(self.take_ready());
                    ResponseFuture::refused(answer)
                }
            },
            AtOnce::Ask(origin) => {
                let shared = Arc::clone(&self.shared);
                let admission = shared.admission.clone();
                let lookup = Box::pin(async move { shared.resolver.ask(&origin).await });
                let request = Request::from_parts(parts, body);
                ResponseFuture::looking_up(lookup, self.take_ready(), request, admission)
            }
        }
    }

    /// Takes the service that was made ready and leaves a clone, which was not. A refusal drops it, so that a place
    /// which it may hold, of a concurrency limit say, is free at once.
    fn take_ready(&mut self) -> S {
        let clone = self.inner.clone();
        mem::replace(&mut self.inner, clone)
    }
}

impl<S, D, B, R> Service<Request<B>> for TenantService<S, D>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    D: TenantDirectory,
{
    type Response = Response<RejectOr<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let shared = &self.shared;
        match shared.resolver.straight(Head::from(&request)) {
            Some(AtOnce::Settled(Ok(current))) if shared.admission.exempt.is_none() => {
                shared.admission.admit(current, request.extensions_mut());
                ResponseFuture::calling(self.inner.call(request))
            }
            Some(at_once) => {
                let (parts, body) = request.into_parts();
                self.go_on(at_once, parts, body)
            }
            None => {
                let (parts, body) = request.into_parts();
                let at_once = shared.resolver.at_once(&parts);
                self.go_on(at_once, parts, body)
            }
        }
    }
}
