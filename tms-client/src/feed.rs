//! [`Feed`]: one connection to the change feed (`GET /changes`), read frame by frame.

use std::collections::VecDeque;
use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tenant_core::{Clock, Incarnation, TenantBody, TenantId};
use tokio::time::Instant;

use crate::client::TmsClient;
use crate::cursor::Cursor;
use crate::error::TmsError;
use crate::found::Found;
use crate::sse::{Event, SseParser};
use crate::transport::{Answer, next_bytes};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// A connection may live so long; what ends it is silence.
const LIFE: Duration = Duration::from_secs(365 * 86_400);

/// What the feed says.
#[derive(Debug)]
pub(crate) enum Frame {
    /// A tenant as it is now.
    Tenant { at: Option<Cursor>, found: Box<Found> },
    /// A record that is no tenant by our rules; nobody can name it.
    Nobody { at: Option<Cursor>, id: Option<TenantId> },
    /// A tenant is no more.
    Gone { at: Option<Cursor>, id: TenantId, incarnation: Incarnation },
    /// The cursor does not fit: everything has to be listed again.
    Reset,
    /// How far the order of changes goes at this moment.
    Heartbeat { head: Cursor },
    /// Something that later versions say.
    Other,
}

/// An open connection. Dropping it closes it.
#[derive(Debug)]
pub(crate) struct Feed {
    response: Response,
    parser: SseParser,
    events: VecDeque<Event>,
    /// It is dead after so much silence.
    silence: Duration,
    heard: Instant,
    /// When it was last waited for, by the clock that ages are told by.
    awaited: Duration,
}

impl TmsClient {
    /// Connects to the feed: from a cursor, or from now on. `None` if the TMS has no feed.
    pub(crate) async fn follow(
        &self,
        from: Option<&Cursor>,
        silence: Duration,
    ) -> Result<Option<Feed>, TmsError> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        if let Some(from) = from {
            let value = HeaderValue::from_str(from.as_str());
            headers
                .insert(LAST_EVENT_ID, value.map_err(|_| TmsError::protocol("a cursor is no header value"))?);
        }
        let response = self.open("/changes", headers, LIFE).await?;
        let max = self.limits().max_answer;
        match response.status() {
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => Ok(None),
            StatusCode::OK if is_stream(&response) => {
                let (parser, events) = (SseParser::new(max), VecDeque::new());
                let (heard, awaited) = (Instant::now(), Duration::ZERO);
                Ok(Some(Feed { response, parser, events, silence, heard, awaited }))
            }
            StatusCode::OK => Err(TmsError::protocol("the change feed is no event stream")),
            _ => match tokio::time::timeout(self.timeout(), Answer::read(response, max)).await {
                Ok(answer) => Err(answer?.failure()),
                Err(_) => Err(TmsError::unavailable("the tenant management service did not answer in time")),
            },
        }
    }
}

fn is_stream(response: &Response) -> bool {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("text/event-stream"))
}

impl Feed {
    /// The next frame.
    ///
    /// # Errors
    /// `Unavailable` if the connection ended or was silent for too long, `Protocol` if what came is no frame.
    pub(crate) async fn next(&mut self, clock: &dyn Clock) -> Result<Frame, TmsError> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return frame(&event);
            }
            self.awaited = clock.monotonic();
            let bytes = next_bytes(&mut self.response, self.silence).await?;
            let bytes = bytes.ok_or_else(|| TmsError::unavailable("the change feed was closed"))?;
            // What was sent while this process stood still says nothing of now, though it is all there at once.
            if self.heard.elapsed() > self.silence {
                return Err(TmsError::unavailable("the change feed was not read for too long"));
            }
            self.heard = Instant::now();
            self.parser
                .push(&bytes, &mut self.events)
                .map_err(|error| TmsError::protocol("the change feed is broken").with_source(error))?;
        }
    }

    /// A time at which the last frame was not here yet: what it tells was so then, or is newer.
    pub(crate) fn awaited(&self) -> Duration {
        self.awaited
    }
}

#[derive(Deserialize)]
struct GoneBody {
    id: String,
    incarnation: uuid::Uuid,
}

#[derive(Deserialize)]
struct HeartbeatBody {
    head: String,
}

fn frame(event: &Event) -> Result<Frame, TmsError> {
    let at = event.id.as_deref().map(|id| Cursor::parse(id).ok_or_else(broken)).transpose()?;
    match event.kind.as_str() {
        "tenant" => {
            let body: TenantBody = parse(&event.data)?;
            let id = body.id.parse().ok();
            Ok(match Found::of(body) {
                Ok(found) => Frame::Tenant { at, found: Box::new(found) },
                Err(error) => {
                    tracing::warn!(tenant.id = ?id, "left out of the change feed: {}", error.chain());
                    Frame::Nobody { at, id }
                }
            })
        }
        "gone" => {
            let body: GoneBody = parse(&event.data)?;
            let incarnation = Incarnation::from(body.incarnation);
            Ok(match body.id.parse() {
                Ok(id) => Frame::Gone { at, id, incarnation },
                Err(_) => Frame::Nobody { at, id: None },
            })
        }
        "reset" => Ok(Frame::Reset),
        "heartbeat" => {
            let body: HeartbeatBody = parse(&event.data)?;
            Ok(Frame::Heartbeat { head: Cursor::parse(&body.head).ok_or_else(broken)? })
        }
        _ => Ok(Frame::Other),
    }
}

/// The cause is left out: serde quotes the values that it does not like.
fn parse<T: DeserializeOwned>(data: &str) -> Result<T, TmsError> {
    serde_json::from_str(data).map_err(|_| broken())
}

fn broken() -> TmsError {
    TmsError::protocol("the change feed sent something that is no frame")
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// Gives a token, and begins to refuse everything else.
    async fn never_ends_a_refusal(listener: TcpListener) {
        let (mut open, mut request) = (Vec::new(), vec![0; 4096]);
        while let Ok((mut socket, _)) = listener.accept().await {
            let length = socket.read(&mut request).await.expect("a request");
            let answer: &[u8] = if request[..length].starts_with(b"POST /token") {
                b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 20\r\n\r\n{\"access_token\":\"x\"}"
            } else {
                b"HTTP/1.1 503 No\r\nContent-Length: 20\r\n\r\n{"
            };
            socket.write_all(answer).await.expect("sent");
            open.push(socket);
        }
    }

    #[tokio::test]
    async fn a_refusal_that_does_not_end_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(never_ends_a_refusal(listener));
        let timeout = Duration::from_millis(300);
        let client = TmsClient::builder(&url, "key".into()).timeout(timeout).build().expect("a client");
        let refused = tokio::time::timeout(10 * timeout, client.follow(None, timeout)).await;
        assert!(refused.expect("it ends").expect_err("no feed").is_retryable());
    }

    fn read(kind: &str, id: Option<&str>, data: &str) -> Result<Frame, TmsError> {
        frame(&Event { kind: kind.to_owned(), id: id.map(str::to_owned), data: data.to_owned() })
    }

    #[test]
    fn every_frame_is_read() {
        let text = r#"{"id":"acme","name":"acme","revision":7}"#;
        let Ok(Frame::Tenant { at: Some(at), found }) = read("tenant", Some("a.7.b"), text) else {
            panic!("a tenant")
        };
        assert_eq!((at.number(), found.revision), (Some(7), Some(7)));
        let text = r#"{"id":"acme","incarnation":"3d8bb87e-28d1-4a38-b19c-d0c1fbb71e22"}"#;
        assert!(matches!(read("gone", Some("a.8.b"), text), Ok(Frame::Gone { at: Some(_), .. })));
        assert!(matches!(read("reset", None, "{}"), Ok(Frame::Reset)));
        let heartbeat = read("heartbeat", None, r#"{"head":"a.8.b"}"#);
        assert!(matches!(heartbeat, Ok(Frame::Heartbeat { head }) if head.number() == Some(8)));
        assert!(matches!(read("later", None, "?"), Ok(Frame::Other)));
    }

    #[test]
    fn a_record_that_is_nobodys_moves_the_feed_on_and_what_is_no_record_ends_it() {
        let nobody = read("tenant", Some("a.7.b"), r#"{"id":"acme","name":"a_b"}"#);
        assert!(matches!(nobody, Ok(Frame::Nobody { at: Some(_), id: Some(_) })), "{nobody:?}");
        for (kind, id, data) in [
            ("tenant", None, "{}"),
            ("tenant", None, r#"{"id":"#),
            ("tenant", Some("a b"), r#"{"id":"acme","name":"acme"}"#),
            ("gone", None, r#"{"id":"acme"}"#),
            ("heartbeat", None, r#"{"head":""}"#),
        ] {
            assert!(read(kind, id, data).is_err(), "{kind} {data}");
        }
    }
}
