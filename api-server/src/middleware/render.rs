//! Turns an [`ErrorBody`] that a handler left behind into the body that this client asked for, and bounds the time.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tenant_core::{Detail, ErrorBody};
use tower_http::request_id::RequestId;
use tracing::warn;

use crate::error::{ApiError, error_response};

/// How long a request may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// The one place that writes error bodies. A request that takes too long is told so; its outcome is unknown.
pub(crate) async fn render(request: Request, next: Next) -> Response {
    let accept =
        request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let id = request
        .extensions()
        .get::<RequestId>()
        .and_then(|id| id.header_value().to_str().ok())
        .map(str::to_owned);
    let response = tokio::time::timeout(DEADLINE, next.run(request)).await.unwrap_or_else(|_| {
        warn!("a request took longer than {} s", DEADLINE.as_secs());
        ApiError::unavailable(
            "timeout",
            "The request took too long; it may or may not have been carried out.",
            1,
        )
        .into_response()
    });
    let mut response = response;
    if let Some(body) = response.extensions_mut().remove::<ErrorBody>().or_else(|| unspoken(&response)) {
        fill(&mut response, body, accept.as_deref(), id.as_deref());
    }
    response
}

/// The body of an error that came without one of ours: no such route, no such method, a path that is no text.
fn unspoken(response: &Response) -> Option<ErrorBody> {
    let status = response.status();
    let spoken = response.headers().get(header::CONTENT_TYPE).is_some_and(|media_type| {
        ["application/json", "application/problem+json", "application/grpc"]
            .iter()
            .any(|ours| media_type == ours)
    });
    if spoken || !(status.is_client_error() || status.is_server_error()) {
        return None;
    }
    let code = match status {
        StatusCode::NOT_FOUND => "not_found",
        StatusCode::METHOD_NOT_ALLOWED => "method_not_allowed",
        status if status.is_client_error() => "request_invalid",
        _ => "internal",
    };
    Some(ErrorBody::text(status.as_u16(), code, status.canonical_reason().unwrap_or("error")))
}

fn fill(response: &mut Response, mut body: ErrorBody, accept: Option<&str>, request_id: Option<&str>) {
    if let (500, Some(id), Detail::Text(text)) = (body.status, request_id, &mut body.detail) {
        text.push_str(&format!(" (request {id})"));
    }
    let (media_type, text) = body.render(accept);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    *response.body_mut() = Body::from(text);
}

/// What a handler that panicked leaves to be rendered.
pub(crate) fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    tracing::error!("a handler panicked");
    let status = StatusCode::INTERNAL_SERVER_ERROR.as_u16();
    error_response(ErrorBody::text(status, "internal", "internal error"))
}
