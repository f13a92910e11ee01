//! Rejection to response: JSON, problem details or gRPC trailers, as the client asks.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER,
};
use http::request::Parts;
use http::{Method, Response, StatusCode};
use tenant_core::PROBLEM_JSON;

use crate::reject::Rejection;

/// What [`TenantLayer::on_reject`](crate::TenantLayer::on_reject) and its like are given.
pub(crate) type OnReject = Arc<dyn Fn(&Rejection, &Parts) -> Option<Response<Bytes>> + Send + Sync>;

impl Rejection {
    /// The answer of those who render refusals themselves, or the layer's.
    pub(crate) fn rendered(&self, by: Option<&OnReject>, request: &Parts) -> Box<Response<Bytes>> {
        let own = by.and_then(|render| render(self, request));
        Box::new(own.unwrap_or_else(|| self.response(request)))
    }

    /// The answer that the layer gives to this request: JSON in the shape that its `Accept` header asks for, without a
    /// body for `HEAD`; for `application/grpc` status 200 and trailers only, with `grpc-retry-pushback-ms` (gRFC A6) where
    /// [`Rejection::retry_after`] says when to ask again.
    pub fn response(&self, request: &Parts) -> Response<Bytes> {
        let mut response = if is_grpc(&request.headers) { self.grpc() } else { self.json(request) };
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(after) = self.retry_after() {
            let round_up = u64::from(after.subsec_nanos() > 0);
            headers.insert(RETRY_AFTER, HeaderValue::from(after.as_secs().saturating_add(round_up).max(1)));
        }
        response
    }

    fn json(&self, request: &Parts) -> Response<Bytes> {
        let (media_type, text) = self.error_body().render(accept(&request.headers));
        let length = text.len();
        let mut response = Response::new(Bytes::from(text));
        *response.status_mut() = self.status();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        if request.method == Method::HEAD {
            // Not every server drops the body by itself.
            *response.body_mut() = Bytes::new();
            response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        response
    }

    /// The trailers of an answer without a body travel as its headers: "Trailers-Only" of the gRPC protocol over HTTP/2.
    fn grpc(&self) -> Response<Bytes> {
        let mut response = Response::new(Bytes::new());
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert("grpc-status", HeaderValue::from(grpc_status(self.status())));
        let message = percent_encoded(&self.to_string());
        if let Ok(message) = HeaderValue::from_str(&message) {
            headers.insert("grpc-message", message);
        }
        if let Some(after) = self.retry_after() {
            headers.insert("grpc-retry-pushback-ms", HeaderValue::from(pushback(after)));
        }
        response
    }
}

/// The value that names problem details, else the first.
fn accept(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).peekable();
    let first = values.peek().copied();
    values.find(|value| value.contains(PROBLEM_JSON)).or(first)
}

/// `application/grpc` and its `+proto`-like subtypes; not gRPC-Web, which is plain HTTP.
fn is_grpc(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let Some(rest) = content_type.strip_prefix(b"application/grpc") else { return false };
    matches!(rest.first(), None | Some(b'+' | b';'))
}

/// The status codes of gRPC: INVALID_ARGUMENT, NOT_FOUND, PERMISSION_DENIED, RESOURCE_EXHAUSTED, UNAVAILABLE.
fn grpc_status(status: StatusCode) -> u16 {
    match status {
        // Another connection may be right, but no client of gRPC opens one for a call: none is told to retry.
        StatusCode::BAD_REQUEST | StatusCode::MISDIRECTED_REQUEST => 3,
        StatusCode::NOT_FOUND => 5,
        StatusCode::FORBIDDEN => 7,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::PAYLOAD_TOO_LARGE => 8,
        _ => 14,
    }
}

/// As gRFC A6 has it: milliseconds as a signed number of 32 bits, after which a client whose retry policy has the status and
/// attempts left asks again. Without the header it goes by its own back-off; a negative number would forbid to retry.
fn pushback(after: Duration) -> i32 {
    i32::try_from(after.as_nanos().div_ceil(1_000_000).max(1)).unwrap_or(i32::MAX)
}

/// As the gRPC protocol has `grpc-message`: bytes from space to tilde except percent stand for themselves.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if matches!(byte, b' '..=b'~') && byte != b'%' {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("writing to a string does not fail");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reject::RejectionKind;

    fn answer(kind: RejectionKind, headers: &[(&'static str, &'static str)]) -> Response<Bytes> {
        let mut request = http::Request::new(());
        for (name, value) in headers {
            request.headers_mut().append(*name, HeaderValue::from_static(value));
        }
        Rejection::new(kind).response(&request.into_parts().0)
    }

    #[test]
    fn a_part_of_a_second_is_rounded_up() {
        for (millis, seconds) in [(0, "1"), (1, "1"), (1000, "1"), (1001, "2"), (30_000, "30")] {
            let kind = RejectionKind::Unavailable { retry_after: Duration::from_millis(millis) };
            assert_eq!(answer(kind, &[]).headers()[RETRY_AFTER], seconds, "{millis} ms");
        }
    }

    #[test]
    fn any_accept_header_may_name_problem_details() {
        let headers = [("accept", "text/html"), ("accept", "application/problem+json;q=0.9")];
        let problem = answer(RejectionKind::Foreign, &headers);
        assert_eq!(problem.headers()[CONTENT_TYPE], PROBLEM_JSON);
        let plain = answer(RejectionKind::Foreign, &headers[..1]);
        assert_eq!(plain.headers()[CONTENT_TYPE], "application/json");
    }

    #[test]
    fn grpc_is_told_by_its_content_type() {
        for (content_type, is_it) in [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("application/grpc;charset=x", true),
            ("application/grpc-web", false),
            ("application/json", false),
        ] {
            let response = answer(RejectionKind::Expired, &[("content-type", content_type)]);
            assert_eq!(response.headers().contains_key("grpc-status"), is_it, "{content_type}");
            assert_eq!(response.status() == StatusCode::OK, is_it, "{content_type}");
        }
    }

    #[test]
    fn the_statuses_of_grpc() {
        let zero = Duration::ZERO;
        for (kind, status) in [
            (RejectionKind::Foreign, "3"),
            (RejectionKind::Misdirected, "3"),
            (RejectionKind::Deleting, "5"),
            (RejectionKind::Expired, "7"),
            (RejectionKind::Pending, "14"),
            (RejectionKind::Unavailable { retry_after: zero }, "14"),
        ] {
            let response = answer(kind, &[("content-type", "application/grpc")]);
            assert_eq!(response.headers()["grpc-status"], status);
        }
    }

    #[test]
    fn a_grpc_client_is_told_milliseconds() {
        for (micros, millis) in
            [(0, 1), (1, 1), (1000, 1), (1001, 2), (1_500_000, 1500), (u64::MAX, i32::MAX)]
        {
            assert_eq!(pushback(Duration::from_micros(micros)), millis, "{micros} us");
        }
    }

    #[test]
    fn a_grpc_message_is_ascii_on_one_line() {
        assert_eq!(percent_encoded("50% größer\r\n"), "50%25 gr%C3%B6%C3%9Fer%0D%0A");
    }
}
