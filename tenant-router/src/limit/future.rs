//! [`LimitFuture`]: calling, or refused.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Response;
use pin_project_lite::pin_project;

use super::body::{Cut, HeldBody};
use super::gate::Permit;
use super::shared::Shared;
use crate::body::RejectOr;

pin_project! {
    /// The future of a [`LimitService`](super::LimitService). Dropping it gives back what the request holds.
    pub struct LimitFuture<F> {
        #[pin]
        state: State<F>,
    }
}

/// Where to see that the request's body was cut off, and who answers then.
type Watched = (Arc<Cut>, Arc<Shared>);

pin_project! {
    #[project = StateProj]
    enum State<F> {
        Calling { #[pin] future: F, permit: Permit, watched: Option<Watched> },
        Refused { answer: Option<Box<Response<Bytes>>> },
    }
}

impl<F> LimitFuture<F> {
    pub(crate) fn calling(future: F, permit: Permit, watched: Option<Watched>) -> Self {
        Self { state: State::Calling { future, permit, watched } }
    }

    pub(crate) fn refused(answer: Box<Response<Bytes>>) -> Self {
        Self { state: State::Refused { answer: Some(answer) } }
    }
}

impl<F, R, E> Future for LimitFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = Result<Response<RejectOr<HeldBody<R>>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Calling { future, permit, watched } => {
                let outcome = ready!(future.poll(cx));
                let permit = std::mem::take(permit);
                if let Some((cut, shared)) = watched
                    && let Some(limit) = cut.exceeded()
                {
                    // Whatever the service made of half a body: it was too large.
                    let answer = shared.cut_off(limit, &cut.head());
                    return Poll::Ready(Ok(answer.map(RejectOr::refused)));
                }
                Poll::Ready(
                    outcome.map(|response| response.map(|body| RejectOr::inner(HeldBody::new(body, permit)))),
                )
            }
            StateProj::Refused { answer } => {
                let answer = answer.take().expect("polled after completion");
                Poll::Ready(Ok(answer.map(RejectOr::refused)))
            }
        }
    }
}

impl<F> fmt::Debug for LimitFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Calling { .. } => "calling",
            State::Refused { .. } => "refused",
        };
        f.debug_tuple("LimitFuture").field(&state).finish()
    }
}
