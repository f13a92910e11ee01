//! [`LimitedBody`] and [`HeldBody`]: a request's body that is cut off, and a response's that holds a place.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Uri, Version};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{LengthLimitError, Limited};
use pin_project_lite::pin_project;

use super::gate::Permit;

pin_project! {
    /// The body of a request behind a limit. Over the limit it fails with a [`LengthLimitError`] and is at its end.
    ///
    /// What the inner service answers then is replaced by a 413, if its head has not left yet.
    #[derive(Debug)]
    pub struct LimitedBody<B> {
        #[pin]
        body: Limited<B>,
        cut: Option<Arc<Cut>>,
    }
}

/// Whether a body was cut off, and what is needed of the request's head to answer that.
#[derive(Debug)]
pub(crate) struct Cut {
    limit: u64,
    happened: AtomicBool,
    method: Method,
    uri: Uri,
    version: Version,
    accept: Option<HeaderValue>,
    content_type: Option<HeaderValue>,
}

impl Cut {
    /// Of a request that has a body, where there is a limit on it: others cost nothing.
    pub(crate) fn watch<B: Body>(request: &Request<B>, limit: Option<u64>) -> Option<Arc<Self>> {
        let limit = limit.filter(|_| !request.body().is_end_stream())?;
        Some(Arc::new(Self {
            limit,
            happened: AtomicBool::new(false),
            method: request.method().clone(),
            uri: request.uri().clone(),
            version: request.version(),
            accept: request.headers().get(ACCEPT).cloned(),
            content_type: request.headers().get(CONTENT_TYPE).cloned(),
        }))
    }

    /// The limit, if the body was longer.
    pub(crate) fn exceeded(&self) -> Option<u64> {
        self.happened.load(Ordering::Acquire).then_some(self.limit)
    }

    /// As much of the request's head as was kept.
    pub(crate) fn head(&self) -> Parts {
        let (mut head, ()) = Request::new(()).into_parts();
        head.method.clone_from(&self.method);
        head.uri.clone_from(&self.uri);
        head.version = self.version;
        for (name, value) in [(ACCEPT, &self.accept), (CONTENT_TYPE, &self.content_type)] {
            if let Some(value) = value {
                head.headers.insert(name, value.clone());
            }
        }
        head
    }
}

impl<B> LimitedBody<B> {
    /// The body with a limit, which is noted where it was exceeded.
    pub(crate) fn new(body: B, limit: Option<u64>, cut: Option<Arc<Cut>>) -> Self {
        let most = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
        Self { body: Limited::new(body, most), cut }
    }
}

impl<B> Body for LimitedBody<B>
where
    B: Body<Error: Into<Box<dyn Error + Send + Sync>>>,
{
    type Data = B::Data;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, Self::Error>>> {
        let this = self.project();
        if this.cut.as_ref().is_some_and(|cut| cut.exceeded().is_some()) {
            return Poll::Ready(None);
        }
        let frame = ready!(this.body.poll_frame(cx));
        if let (Some(Err(fault)), Some(cut)) = (&frame, this.cut)
            && fault.is::<LengthLimitError>()
        {
            cut.happened.store(true, Ordering::Release);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream() || self.cut.as_ref().is_some_and(|cut| cut.exceeded().is_some())
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

pin_project! {
    /// The body of a response. Its request counts as under way until it has ended or failed, or was dropped.
    #[derive(Debug)]
    pub struct HeldBody<B> {
        #[pin]
        body: B,
        permit: Permit,
    }
}

impl<B> HeldBody<B> {
    pub(crate) fn new(body: B, permit: Permit) -> Self {
        Self { body, permit }
    }
}

impl<B: Body> Body for HeldBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let frame = ready!(this.body.poll_frame(cx));
        if !matches!(frame, Some(Ok(_))) {
            *this.permit = Permit::default();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
