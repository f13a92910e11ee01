//! The headers that every answer carries.

use std::time::Instant;

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

const PROCESS_TIME: HeaderName = HeaderName::from_static("x-process-time");
const CONTEXT: HeaderName = HeaderName::from_static("x-context");

/// `X-Process-Time` in seconds, and `X-Context` as the request had it (an echo of what was asked, not of what was
/// applied).
pub(crate) async fn stamp(request: Request, next: Next) -> Response {
    let began = Instant::now();
    let asked = request.headers().get(CONTEXT).cloned();
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    if let Ok(seconds) = HeaderValue::try_from(format!("{:.6}", began.elapsed().as_secs_f64())) {
        headers.insert(PROCESS_TIME, seconds);
    }
    if let Some(asked) = asked {
        headers.insert(CONTEXT, asked);
    }
    response
}
