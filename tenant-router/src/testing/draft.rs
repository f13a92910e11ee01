//! [`Draft`]: one request before it is written in a protocol.

use std::fmt::Write;
use std::str::FromStr;

use http::header::{HOST, HeaderValue};
use http::uri::Authority;
use http::{Request, Version};

use super::side::{Ask, Side};

/// What is sent, malformed or not.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) method: String,
    pub(crate) path: String,
    /// The host in the request's target: absolute form in HTTP/1.1, `:authority` in HTTP/2.
    pub(crate) target: Option<String>,
    /// The values of the Host headers, one line each.
    pub(crate) hosts: Vec<Vec<u8>>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Draft {
    /// What `side` asks for, at the host of `at`, with the credentials of `by`.
    pub(crate) fn new(ask: &Ask, at: &Side, by: Option<&Side>) -> Self {
        let mut headers = ask.headers.clone();
        headers.extend(by.into_iter().flat_map(|side| side.credentials.iter().cloned()));
        Self {
            method: ask.method.clone(),
            path: ask.path.clone(),
            target: None,
            hosts: vec![at.host.clone().into_bytes()],
            headers,
            body: ask.body.clone(),
        }
    }

    /// The same with other Host headers.
    pub(crate) fn hosts<H: Into<Vec<u8>>>(mut self, hosts: impl IntoIterator<Item = H>) -> Self {
        self.hosts = hosts.into_iter().map(Into::into).collect();
        self
    }

    /// The same with a host in its target.
    pub(crate) fn target(mut self, host: &str) -> Self {
        self.target = Some(host.to_owned());
        self
    }

    /// The same with one more header.
    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The request as HTTP/2 has it: a lone host is `:authority`, all else is a Host header beside it, or without one.
    /// `None` if the library that writes HTTP/2 cannot hold it.
    pub(crate) fn http2(&self) -> Option<Request<()>> {
        // Where a header of that name stands is what such a request is about: HTTP/1.1 alone has an order of lines.
        if self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            return None;
        }
        let (target, hosts) = match (&self.target, self.hosts.as_slice()) {
            (Some(target), hosts) => (Some(target.as_str()), hosts),
            (None, [only]) => match std::str::from_utf8(only) {
                Ok(text) if Authority::from_str(text).is_ok() => (Some(text), &[][..]),
                _ => (None, self.hosts.as_slice()),
            },
            (None, hosts) => (None, hosts),
        };
        let (uri, version) = match target {
            Some(host) => (format!("http://{host}{}", self.path), Version::HTTP_2),
            // The version under which the library sends a request without an authority.
            None => (self.path.clone(), Version::HTTP_11),
        };
        let mut request = Request::builder().method(self.method.as_str()).uri(uri).version(version);
        for host in hosts {
            request = request.header(HOST, HeaderValue::from_bytes(host).ok()?);
        }
        for (name, value) in &self.headers {
            request = request.header(name.as_str(), value.as_str());
        }
        request.body(()).ok()
    }

    /// The bytes of the request in HTTP/1.1.
    pub(crate) fn http1(&self) -> Vec<u8> {
        let target = match &self.target {
            Some(host) => format!("http://{host}{}", self.path),
            None => self.path.clone(),
        };
        let mut bytes = format!("{} {target} HTTP/1.1\r\n", self.method).into_bytes();
        for host in &self.hosts {
            bytes.extend_from_slice(b"Host: ");
            bytes.extend_from_slice(host);
            bytes.extend_from_slice(b"\r\n");
        }
        for (name, value) in &self.headers {
            bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        if !self.body.is_empty() || self.method != "GET" {
            bytes.extend_from_slice(format!("Content-Length: {}\r\n", self.body.len()).as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// Whether the text is part of what is sent.
    pub(crate) fn holds(&self, text: &str) -> bool {
        let in_header = || self.headers.iter().any(|(_, value)| value.contains(text));
        self.path.contains(text) || in_header() || super::secret::holds(&self.body, text.as_bytes())
    }

    /// One line for a reader; credentials are named and not shown.
    pub(crate) fn summary(&self, sides: &[Side; 2]) -> String {
        let mut line = format!("{} {}", self.method, self.path);
        if let Some(target) = &self.target {
            let _ = write!(line, ", target {target}");
        }
        for host in &self.hosts {
            let _ = write!(line, ", Host: {}", host.escape_ascii());
        }
        let mut owners = Vec::new();
        for (name, value) in &self.headers {
            let is_of = |side: &&Side| side.credentials.iter().any(|(n, v)| (n, v) == (name, value));
            let owner = sides.iter().find(is_of);
            match owner {
                Some(side) if owners.contains(&&side.host) => {}
                Some(side) => owners.push(&side.host),
                None => {
                    let _ = write!(line, ", {name}: {}", value.escape_debug());
                }
            }
        }
        for owner in owners {
            let _ = write!(line, ", credentials of {owner}");
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_malformed_request_is_written_as_it_is() {
        let side = Side::new("a.example", Ask::get("/x"), "secret").credential("cookie", "c=1");
        let draft =
            Draft::new(&side.reads, &side, Some(&side)).target("b.example").hosts([&b"a\0b"[..], b"c"]);
        let bytes = b"GET http://b.example/x HTTP/1.1\r\nHost: a\0b\r\nHost: c\r\ncookie: c=1\r\n\r\n";
        assert_eq!(draft.http1(), bytes);
        let line = "GET /x, target b.example, Host: a\\x00b, Host: c, credentials of a.example";
        assert_eq!(draft.summary(&[side.clone(), side]), line);
    }
}
