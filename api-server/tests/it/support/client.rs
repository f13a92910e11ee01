//! A client of one host of the platform.

use std::net::SocketAddr;

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

/// The id of the original's REST bridge.
pub(crate) const BRIDGE: &str = "778ded05-4ff3-4e08-9a86-72c0195fa95d";

/// A client of one host; the name is resolved by the test, as browsers and curl do it for `*.localhost`.
#[derive(Clone)]
pub(crate) struct Api {
    http: Client,
    public: SocketAddr,
    private: SocketAddr,
    host: String,
    token: Option<String>,
    context: Option<&'static str>,
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    /// The body as JSON, or as a text where it is none.
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("text"))
    }

    /// The body of a 200.
    pub(crate) fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        self.body
    }
}

impl Api {
    pub(crate) fn new(public: SocketAddr, private: SocketAddr, host: &str) -> Self {
        let http = Client::builder().no_proxy().build().expect("a client");
        Self { http, public, private, host: host.to_owned(), token: None, context: None }
    }

    /// The same client, logged in.
    pub(crate) async fn log_in(self, email: &str, password: &str) -> Self {
        let answer = self.try_log_in(email, password).await.ok();
        let token = answer["access_token"].as_str().expect("a token").to_owned();
        self.with_token(&token)
    }

    pub(crate) async fn try_log_in(&self, email: &str, password: &str) -> Answer {
        let form =
            serde_urlencoded::to_string([("username", email), ("password", password)]).expect("a form");
        self.send(self.private(Method::POST, "/user/token").body(form)).await
    }

    pub(crate) fn with_token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    pub(crate) fn token(&self) -> &str {
        self.token.as_deref().expect("logged in")
    }

    pub(crate) fn public_addr(&self) -> SocketAddr {
        self.public
    }

    pub(crate) fn private_addr(&self) -> SocketAddr {
        self.private
    }

    pub(crate) fn in_context(mut self, context: &'static str) -> Self {
        self.context = Some(context);
        self
    }

    /// A request of the private API, with the client's host, token and context.
    pub(crate) fn private(&self, method: Method, path: &str) -> RequestBuilder {
        self.request(self.private, method, path)
    }

    /// A request of the public API.
    pub(crate) fn public(&self, method: Method, path: &str) -> RequestBuilder {
        self.request(self.public, method, path)
    }

    fn request(&self, to: SocketAddr, method: Method, path: &str) -> RequestBuilder {
        let mut request = self.http.request(method, format!("http://{to}{path}")).header("host", &self.host);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(context) = self.context {
            request = request.header("x-context", context);
        }
        request
    }

    pub(crate) async fn send(&self, request: RequestBuilder) -> Answer {
        self.try_send(request).await.expect("an answer")
    }

    pub(crate) async fn try_send(&self, request: RequestBuilder) -> reqwest::Result<Answer> {
        crate::settle().await;
        let answer = request.send().await?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().await?;
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Ok(Answer { status, headers, body })
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.private(Method::GET, path)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(self.private(Method::DELETE, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.private(Method::POST, path).json(body)).await
    }

    /// `POST /track` of the public API.
    pub(crate) async fn track(&self, payload: &Value) -> Answer {
        self.send(self.public(Method::POST, "/track").json(payload)).await
    }

    /// Stores the source `web` in the client's context.
    pub(crate) async fn connect_web(&self) {
        let bridge = json!({ "id": BRIDGE, "name": "REST" });
        let source = json!({ "id": "web", "name": "Web", "type": ["rest"], "bridge": bridge });
        assert_eq!(self.post("/event-source", &source).await.ok(), json!("web"));
    }

    pub(crate) async fn count(&self, kind: &str) -> u64 {
        self.get(&format!("/{kind}/count")).await.ok()["count"].as_u64().expect("a number")
    }
}

/// The payload of the first five minutes, in this session.
pub(crate) fn page_view(session: &str) -> Value {
    json!({
        "source": { "id": "web" }, "session": { "id": session },
        "events": [{ "type": "page-view", "properties": { "url": "/" } }],
    })
}
