//! [`Call`]: one request as it came in; and what a test asks of all of them.

use hyper::http::request::Parts;

use super::route::Route;
use super::server::FaultyTms;

/// One request as it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Call {
    /// The endpoint.
    pub route: Route,
    /// The tenant, host or API key that it is about, as it was sent; else empty.
    pub key: String,
    /// Method and path with the query, as in `GET /tenant/acme`.
    pub line: String,
    /// The `X-Api-Key` header.
    pub api_key: Option<String>,
    /// The `Authorization` header.
    pub bearer: Option<String>,
    /// Where the feed shall go on: the `Last-Event-ID` header, else `cursor` of the query.
    pub cursor: Option<String>,
}

impl Call {
    pub(super) fn read(head: &Parts) -> Self {
        let header = |name| Some(head.headers.get(name)?.to_str().ok()?.to_owned());
        let (route, key) = Route::of(&head.method, head.uri.path());
        let api_key = header("x-api-key");
        let key = match route {
            Route::Token => api_key.clone().unwrap_or_default(),
            _ => key.to_owned(),
        };
        let line = format!("{} {}", head.method, head.uri);
        let cursor = header("last-event-id").or_else(|| parameter(head, "cursor"));
        Self { route, key, line, api_key, bearer: header("authorization"), cursor }
    }
}

/// A parameter of the query. What the TMS takes there needs no escapes.
pub(super) fn parameter(head: &Parts, name: &str) -> Option<String> {
    let pairs = head.uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find(|(found, _)| *found == name).map(|(_, value)| value.to_owned())
}

/// What was asked so far.
impl FaultyTms {
    /// Every request so far, in the order of arrival, also those that got no answer.
    pub fn log(&self) -> Vec<Call> {
        self.shared().lock().log.clone()
    }

    /// Every request so far as method and path, as in `GET /tenant/acme`.
    pub fn lines(&self) -> Vec<String> {
        self.shared().lock().log.iter().map(|call| call.line.clone()).collect()
    }

    /// How many requests came for an endpoint. They are counted on arrival: the answer may be on its way still.
    pub fn calls(&self, route: Route) -> usize {
        count(&self.shared().lock().log, route, None)
    }

    /// How many requests came for an endpoint and this tenant, host or API key.
    pub fn calls_of(&self, route: Route, key: &str) -> usize {
        count(&self.shared().lock().log, route, Some(key))
    }

    /// Waits until at least so many requests came for an endpoint, counted from the start.
    ///
    /// # Panics
    /// If they do not come within the [`patience`](FaultyTms::patience).
    pub async fn until_calls(&self, route: Route, calls: usize) {
        self.until(&format!("{calls} calls of {route:?}"), |state| count(&state.log, route, None) >= calls)
            .await;
    }

    /// Waits until at least so many requests came for an endpoint and this tenant, host or API key.
    ///
    /// # Panics
    /// If they do not come within the [`patience`](FaultyTms::patience).
    pub async fn until_calls_of(&self, route: Route, key: &str, calls: usize) {
        let what = format!("{calls} calls of {route:?} for {key:?}");
        self.until(&what, |state| count(&state.log, route, Some(key)) >= calls).await;
    }
}

fn count(log: &[Call], route: Route, key: Option<&str>) -> usize {
    log.iter().filter(|call| call.route == route && key.is_none_or(|key| call.key == key)).count()
}
