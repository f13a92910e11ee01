//! [`ResponseFuture`]: looking up, calling, refused.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::admission::Admission;
use crate::body::RejectOr;
use crate::current::Resolved;

type Lookup = Pin<Box<dyn Future<Output = Resolved> + Send>>;

pin_project! {
    /// The future of a [`TenantService`](crate::TenantService).
    ///
    /// Only a request that has to wait for the directory boxes anything. Dropping the future drops the request; what
    /// others wait for at the directory goes on.
    pub struct ResponseFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, B>
    where
        S: Service<Request<B>>,
    {
        LookingUp { waiting: Option<Box<Waiting<S, B>>> },
        Calling { #[pin] future: S::Future },
        Refused { answer: Option<Box<Response<Bytes>>> },
    }
}

/// A request that waits for the directory, and the ready service that it is for.
struct Waiting<S, B> {
    lookup: Lookup,
    service: S,
    request: Request<B>,
    admission: Admission,
}

impl<S, B> ResponseFuture<S, B>
where
    S: Service<Request<B>>,
{
    pub(crate) fn looking_up(lookup: Lookup, service: S, request: Request<B>, admission: Admission) -> Self {
        let waiting = Some(Box::new(Waiting { lookup, service, request, admission }));
        Self { state: State::LookingUp { waiting } }
    }

    pub(crate) fn calling(future: S::Future) -> Self {
        Self { state: State::Calling { future } }
    }

    pub(crate) fn refused(answer: Box<Response<Bytes>>) -> Self {
        Self { state: State::Refused { answer: Some(answer) } }
    }
}

impl<S: Service<Request<B>>, B> Waiting<S, B> {
    /// Goes on with what the lookup found.
    fn settle(mut self, resolved: Resolved) -> State<S, B> {
        let (mut parts, body) = self.request.into_parts();
        match self.admission.decide(resolved, &mut parts) {
            Ok(()) => State::Calling { future: self.service.call(Request::from_parts(parts, body)) },
            Err(answer) => State::Refused { answer: Some(answer) },
        }
    }
}

impl<S, B, R> Future for ResponseFuture<S, B>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Output = Result<Response<RejectOr<R>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.state.as_mut().project() {
                StateProj::LookingUp { waiting } => {
                    let lookup = &mut waiting.as_mut().expect("polled after completion").lookup;
                    let resolved = ready!(lookup.as_mut().poll(cx));
                    let waiting = waiting.take().expect("it was there a line ago");
                    this.state.set(waiting.settle(resolved));
                }
                StateProj::Calling { future } => {
                    let response = ready!(future.poll(cx))?;
                    return Poll::Ready(Ok(response.map(RejectOr::inner)));
                }
                StateProj::Refused { answer } => {
                    let answer = answer.take().expect("polled after completion");
                    return Poll::Ready(Ok(answer.map(RejectOr::refused)));
                }
            }
        }
    }
}

impl<S: Service<Request<B>>, B> fmt::Debug for ResponseFuture<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::LookingUp { .. } => "looking up",
            State::Calling { .. } => "calling",
            State::Refused { .. } => "refused",
        };
        f.debug_tuple("ResponseFuture").field(&state).finish()
    }
}
