//! Cross-origin requests, as the original answers them (contract 12): any origin, method and header, with credentials.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

const METHODS: HeaderValue = HeaderValue::from_static("DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT");
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");
const EXPOSED: HeaderValue = HeaderValue::from_static("x-context, x-process-time, retry-after");

/// Answers preflights, and lets the pages of any origin read the answers. A request without `Origin` is none of its
/// business: its `OPTIONS` finds no route, and so is 405.
pub(crate) async fn cors(request: Request, next: Next) -> Response {
    let Some(origin) = request.headers().get(header::ORIGIN).cloned() else { return next.run(request).await };
    let mut response = if is_preflight(&request) {
        preflight(request.headers())
    } else {
        let mut response = next.run(request).await;
        response.headers_mut().insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        response
    };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    headers.append(header::VARY, name_as_value(&header::ORIGIN));
    response
}

fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

fn preflight(asked: &HeaderMap) -> Response {
    let mut response = StatusCode::OK.into_response();
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    if let Some(wanted) = asked.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
        headers.append(header::VARY, name_as_value(&header::ACCESS_CONTROL_REQUEST_HEADERS));
    }
    response
}

fn name_as_value(name: &HeaderName) -> HeaderValue {
    HeaderValue::from_str(name.as_str()).unwrap_or(HeaderValue::from_static("*"))
}
