//! A reader of the feed.

use std::time::Duration;

use reqwest::{Method, Response};
use serde_json::Value;
use tokio::time::timeout;

use super::As;

/// How long a frame may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// An open feed.
pub(crate) struct Feed {
    response: Response,
    text: String,
}

/// One frame.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Frame {
    pub(crate) event: String,
    pub(crate) id: Option<String>,
    pub(crate) data: Value,
}

impl Frame {
    fn parse(text: &str) -> Self {
        let mut fields = text.lines().map(|line| line.split_once(": ").expect("a field"));
        let field =
            |name: &str| fields.clone().find(|(known, _)| *known == name).map(|(_, text)| text.to_owned());
        let (event, id) = (field("event").expect("an event"), field("id"));
        let data = serde_json::from_str(&field("data").expect("data")).expect("json");
        assert!(fields.all(|(name, _)| ["event", "id", "data"].contains(&name)), "{text}");
        Self { event, id, data }
    }

    /// The tenant that it is about.
    pub(crate) fn tenant(&self) -> &str {
        assert_eq!(self.event, "tenant", "{self:?}");
        self.data["id"].as_str().expect("an id")
    }
}

impl Feed {
    /// Follows from a cursor on, or from now on.
    pub(crate) async fn follow(caller: &As<'_>, cursor: Option<&str>) -> Self {
        let mut request = caller.tms.request(Method::GET, "/changes").bearer_auth(&caller.token);
        if let Some(cursor) = cursor {
            request = request.header("last-event-id", cursor);
        }
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        Self { response, text: String::new() }
    }

    /// The next frame; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some((frame, rest)) = self.text.split_once("\n\n") {
                let (frame, rest) = (Frame::parse(frame), rest.to_owned());
                self.text = rest;
                return Some(frame);
            }
            let chunk = timeout(PATIENCE, self.response.chunk()).await.expect("a frame in time");
            match chunk {
                Ok(Some(chunk)) => self.text += std::str::from_utf8(&chunk).expect("text"),
                Ok(None) | Err(_) => {
                    assert_eq!(self.text, "", "the end comes between frames");
                    return None;
                }
            }
        }
    }

    /// Reads until it ends, which it must do soon.
    pub(crate) async fn up_to_its_end(&mut self) {
        let end = async { while self.next().await.is_some() {} };
        timeout(PATIENCE, end).await.expect("it ends");
    }

    /// The next frame that is no heartbeat.
    pub(crate) async fn event(&mut self) -> Frame {
        loop {
            let frame = self.next().await.expect("a frame");
            if frame.event != "heartbeat" {
                return frame;
            }
        }
    }

    /// The events up to the next heartbeat, and its head.
    pub(crate) async fn up_to_heartbeat(&mut self) -> (Vec<Frame>, String) {
        let mut events = Vec::new();
        loop {
            let frame = self.next().await.expect("a frame");
            if frame.event == "heartbeat" {
                assert_eq!(frame.id, None);
                let head = frame.data["head"].as_str().expect("a head").to_owned();
                return (events, head);
            }
            events.push(frame);
        }
    }
}
