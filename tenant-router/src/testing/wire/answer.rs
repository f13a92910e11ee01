//! [`Answer`]: what came back, in either protocol.

use std::io;

/// An answer, read whole or up to the limit.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// What follows the status in the first line of HTTP/1.
    pub(crate) reason: Vec<u8>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Vec<(String, Vec<u8>)>,
    /// The body was longer than the limit.
    pub(crate) cut: bool,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nobody listens there, or the connection broke before it was used.
    Connect(String),
    /// The connection, or the stream, was closed without an answer.
    Closed,
    /// Nothing, or not all of it, in time.
    Timeout,
    /// What came is no answer.
    Malformed,
    /// The library that writes the protocol cannot hold such a request.
    Unsendable,
}

pub(crate) type Came = Result<Answer, Fault>;

impl From<io::Error> for Fault {
    fn from(_: io::Error) -> Self {
        Self::Closed
    }
}

impl Answer {
    /// The first value of a header or trailer, if it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.fields().find(|(key, _)| key.eq_ignore_ascii_case(name)).and_then(|(_, value)| text(value))
    }

    pub(crate) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.fields().filter(move |(key, _)| key.eq_ignore_ascii_case(name));
        named.filter_map(|(_, value)| text(value))
    }

    fn fields(&self) -> impl Iterator<Item = &(String, Vec<u8>)> {
        self.headers.iter().chain(&self.trailers)
    }

    /// Whether it serves: 2xx, and for gRPC also `grpc-status: 0`.
    pub(crate) fn serves(&self) -> bool {
        (200..300).contains(&self.status) && self.header("grpc-status").is_none_or(|status| status == "0")
    }

    /// All names and values of headers and trailers, and the reason of the first line.
    pub(crate) fn head(&self) -> Vec<u8> {
        let mut head = self.reason.clone();
        for (name, value) in self.fields() {
            head.extend_from_slice(b"\n");
            head.extend_from_slice(name.as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value);
        }
        head
    }

    /// A few words for a reader.
    pub(crate) fn summary(&self) -> String {
        let grpc =
            self.header("grpc-status").map_or_else(String::new, |status| format!(", grpc-status {status}"));
        let cut = if self.cut { " and more" } else { "" };
        format!("{}{grpc}, {} bytes{cut}", self.status, self.body.len())
    }
}

fn text(value: &[u8]) -> Option<&str> {
    std::str::from_utf8(value).ok().map(str::trim)
}

impl Fault {
    /// A few words for a reader.
    pub(crate) fn summary(&self) -> String {
        match self {
            Self::Connect(why) => format!("no connection: {why}"),
            Self::Closed => "closed without an answer".to_owned(),
            Self::Timeout => "no answer in time".to_owned(),
            Self::Malformed => "something that is no HTTP".to_owned(),
            Self::Unsendable => "not sent: the protocol cannot hold it".to_owned(),
        }
    }
}
