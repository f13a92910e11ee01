//! [`Answer`]: what a call is told; and [`Effect`]: what goes wrong with it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::Response;
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{CONTENT_LENGTH, HeaderName, HeaderValue};
use serde_json::{Value, json};
use tenant_core::ErrorBody;

use super::feed::Connection;
use super::gate::Turn;

/// Between the half of a body and the cut, so that the half is on its way.
const BEFORE_THE_CUT: Duration = Duration::from_millis(20);

/// What a feed that is cut or truncated begins with.
const FRAME: &str = "event: heartbeat\ndata: {\"head\":\"0\"}\n\n";

/// What a call is told when nothing goes wrong.
#[derive(Debug)]
pub(super) struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Text(String),
    Feed(Box<Connection>),
}

/// What becomes of an answer.
#[derive(Debug, Clone, Default)]
pub(super) enum Effect {
    #[default]
    AsItShould,
    /// Another answer in its place; the call is not carried out.
    Says {
        status: u16,
        headers: Vec<(String, String)>,
        body: String,
    },
    Truncated,
    Cut,
    WrongTenant,
    WithoutCursor,
    Never,
}

impl Effect {
    /// An error answer with this status.
    pub(super) fn error(status: u16) -> Self {
        let (_, body) = ErrorBody::text(status, "scripted", "The test wants it so.").render(None);
        Self::Says { status, headers: Vec::new(), body }
    }

    /// The answer that takes the place of the real one, so that the call is not carried out.
    pub(super) fn instead(&self) -> Option<Answer> {
        let Self::Says { status, headers, body } = self else { return None };
        Some(Answer { status: *status, headers: headers.clone(), content: Content::Text(body.clone()) })
    }
}

impl Answer {
    pub(super) fn json(body: &Value) -> Self {
        Self { status: 200, headers: Vec::new(), content: Content::Text(body.to_string()) }
    }

    /// A list, written row by row: of many rows the text is all that is held.
    pub(super) fn list(rows: impl Iterator<Item = Value>) -> Self {
        let mut text = String::from("[");
        for (at, row) in rows.enumerate() {
            text.push_str(if at == 0 { "" } else { "," });
            text.push_str(&row.to_string());
        }
        Self { status: 200, headers: Vec::new(), content: Content::Text(text + "]") }
    }

    pub(super) fn error(body: &ErrorBody) -> Self {
        Self { status: body.status, headers: Vec::new(), content: Content::Text(body.render(None).1) }
    }

    pub(super) fn feed(connection: Connection) -> Self {
        let answer = Self { status: 200, headers: Vec::new(), content: Content::Feed(Box::new(connection)) };
        answer.with("content-type", "text/event-stream").with("cache-control", "no-store")
    }

    #[must_use]
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The response as the effect leaves it. The turn ends when the body is out.
    pub(super) fn into_response(mut self, effect: &Effect, turn: Option<Turn>) -> Response<Reply> {
        match (effect, &mut self.content) {
            (Effect::WithoutCursor, _) => self.headers.retain(|(name, _)| name != "x-cursor"),
            (Effect::WrongTenant, Content::Text(text)) if is_record(text) => *text = stranger(),
            (Effect::Truncated, content) => {
                let text = content.take_text();
                *content = Content::Text(text[..text.len() / 2].to_owned());
            }
            (Effect::Cut, content) => *content = Content::Text(content.take_text()),
            _ => {}
        }
        let mut response = Response::new(());
        *response.status_mut() = self.status.try_into().expect("a status between 100 and 999");
        let json = ("content-type".to_owned(), "application/json".to_owned());
        for (name, value) in [json].into_iter().chain(self.headers) {
            let name: HeaderName = name.parse().expect("a header's name");
            response.headers_mut().insert(name, value.parse().expect("a header's value"));
        }
        let body = match self.content {
            Content::Text(text) if matches!(effect, Effect::Cut) => {
                response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(text.len()));
                half(&text)
            }
            Content::Text(text) => whole(text),
            Content::Feed(connection) => StreamBody::new(connection.frames()).boxed_unsync(),
        };
        response.map(|()| Reply { body, _turn: turn })
    }
}

impl Content {
    /// The text of an answer; of a feed, which has no end, one frame.
    fn take_text(&mut self) -> String {
        match self {
            Self::Text(text) => std::mem::take(text),
            Self::Feed(_) => FRAME.to_owned(),
        }
    }
}

/// Whether an answer tells a tenant, or that there is none.
fn is_record(text: &str) -> bool {
    serde_json::from_str(text).is_ok_and(|body: Value| body.is_null() || body.get("incarnation").is_some())
}

/// The record of a tenant that is in no list.
fn stranger() -> String {
    json!({
        "id": "somebodyelse", "name": "somebody-else", "incarnation": "00000000-0000-4000-8000-000000000000",
        "status": "active", "hosts": ["somebody-else.example"], "install_token": "", "email": "x@example.com",
        "created": "2020-01-01T00:00:00Z",
    })
    .to_string()
}

type BoxBody = UnsyncBoxBody<Bytes, io::Error>;

fn whole(text: String) -> BoxBody {
    Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed_unsync()
}

/// The first half, then an error, upon which the connection is dropped.
fn half(text: &str) -> BoxBody {
    let part = Bytes::copy_from_slice(&text.as_bytes()[..text.len() / 2]);
    let cut = stream::once(async {
        tokio::time::sleep(BEFORE_THE_CUT).await;
        Err(cut())
    });
    StreamBody::new(stream::iter([Ok(Frame::data(part))]).chain(cut)).boxed_unsync()
}

/// What ends a connection on purpose.
pub(super) fn cut() -> io::Error {
    io::Error::other("cut on purpose")
}

/// The body of a response.
pub(super) struct Reply {
    body: BoxBody,
    /// Dropped with the body.
    _turn: Option<Turn>,
}

impl Body for Reply {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
