//! [`RejectOr`]: the body of an answer, the inner service's or a refusal's.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use pin_project_lite::pin_project;

pin_project! {
    /// The body of the inner service as it is, or that of a refusal. Neither is boxed.
    #[derive(Debug)]
    pub struct RejectOr<B> {
        #[pin]
        body: Either<B>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = EitherProj]
    enum Either<B> {
        Refused { #[pin] body: Full<Bytes> },
        Inner { #[pin] body: B },
    }
}

impl<B> RejectOr<B> {
    pub(crate) fn refused(body: Bytes) -> Self {
        Self { body: Either::Refused { body: Full::new(body) } }
    }

    pub(crate) fn inner(body: B) -> Self {
        Self { body: Either::Inner { body } }
    }
}

impl<B: Body<Data = Bytes>> Body for RejectOr<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().body.project() {
            EitherProj::Refused { body } => body.poll_frame(cx).map_err(|never| match never {}),
            EitherProj::Inner { body } => body.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.body {
            Either::Refused { body } => body.is_end_stream(),
            Either::Inner { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            Either::Refused { body } => body.size_hint(),
            Either::Inner { body } => body.size_hint(),
        }
    }
}
