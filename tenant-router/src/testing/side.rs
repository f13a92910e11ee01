//! [`Side`] and [`Ask`]: whose walls are tested, and how its secret is asked for.

/// A request that a tenant's own client makes. What it holds is sent as it is, unchecked.
#[derive(Debug, Clone)]
pub struct Ask {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Ask {
    /// A request without a body, for a path and query.
    pub fn get(path: impl Into<String>) -> Self {
        Self::new("GET", path)
    }

    /// A request with a body, whose `Content-Length` the kit writes.
    pub fn post(path: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..Self::new("POST", path) }
    }

    /// A request of any method, without a body.
    pub fn new(method: impl Into<String>, path: impl Into<String>) -> Self {
        Self { method: method.into(), path: path.into(), headers: Vec::new(), body: Vec::new() }
    }

    /// One more header, such as `content-type`; what proves who asks goes to [`Side::credential`].
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The same request with `{secret}` replaced in path, header values and body.
    pub(crate) fn planting(&self, secret: &str) -> Self {
        let mut ask = self.clone();
        ask.path = ask.path.replace(PLACE, secret);
        for (_, value) in &mut ask.headers {
            *value = value.replace(PLACE, secret);
        }
        ask.body = replaced(&ask.body, PLACE.as_bytes(), secret.as_bytes());
        ask
    }
}

const PLACE: &str = "{secret}";

fn replaced(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut rest = text;
    let mut made = Vec::with_capacity(text.len());
    while let Some(at) = rest.windows(from.len()).position(|part| part == from) {
        made.extend_from_slice(&rest[..at]);
        made.extend_from_slice(to);
        rest = &rest[at + from.len()..];
    }
    made.extend_from_slice(rest);
    made
}

/// One of the two tenants: its host, a request whose answer holds its secret, and what proves that its client asks.
#[derive(Debug, Clone)]
pub struct Side {
    pub(crate) host: String,
    pub(crate) reads: Ask,
    pub(crate) secret: String,
    pub(crate) plants: Option<Ask>,
    pub(crate) credentials: Vec<(String, String)>,
}

impl Side {
    /// A tenant that is asked at `host` (with a port, if its clients send one) by the request `reads`, and whose answer
    /// then holds `secret`: a text that no answer to anybody else may hold. Eight letters and digits or more are best.
    pub fn new(host: impl Into<String>, reads: Ask, secret: impl Into<String>) -> Self {
        Self { host: host.into(), reads, secret: secret.into(), plants: None, credentials: Vec::new() }
    }

    /// A header that only this tenant's clients send: a bearer token, a cookie, an API key. Without its credentials, and
    /// with the other tenant's, the secret must not be told.
    #[must_use]
    pub fn credential(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.credentials.push((name.into(), value.into()));
        self
    }

    /// A request that stores a text where [`Side::new`]'s request finds it. `{secret}` in path, headers or body is where
    /// the text goes. The kit stores the secret with it first, and later tries to write through the wall with it.
    #[must_use]
    pub fn plants(mut self, plants: Ask) -> Self {
        self.plants = Some(plants);
        self
    }

    /// The host without its port, and the port with its colon.
    pub(crate) fn split_host(&self) -> (&str, &str) {
        match self.host.rfind(':') {
            Some(colon) => self.host.split_at(colon),
            None => (&self.host, ""),
        }
    }

    /// The first label of the host, and the rest with its dot.
    pub(crate) fn split_label(&self) -> (&str, &str) {
        let (name, _) = self.split_host();
        name.split_at(name.find('.').unwrap_or(name.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_is_put_wherever_its_place_is() {
        let ask = Ask::post("/{secret}/x", "a{secret}b{secret}").header("x-note", "<{secret}>").planting("S");
        assert_eq!((ask.path.as_str(), ask.body.as_slice()), ("/S/x", b"aSbS".as_slice()));
        assert_eq!(ask.headers, [("x-note".to_owned(), "<S>".to_owned())]);
    }

    #[test]
    fn a_host_comes_apart() {
        let side = |host: &str| Side::new(host, Ask::get("/"), "secret");
        assert_eq!(side("acme.localhost:8080").split_host(), ("acme.localhost", ":8080"));
        assert_eq!(side("acme.localhost").split_label(), ("acme", ".localhost"));
        assert_eq!(side("acme:1").split_label(), ("acme", ""));
    }
}
