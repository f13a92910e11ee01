//! [`Transport`]: sends one request and reads one bounded answer, or opens a stream; knows HTTP and JSON, no endpoint.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Method, Response, StatusCode};
use serde_json::Value;
use tenant_core::FieldError;

use crate::error::{TmsError, TmsErrorKind};

/// A longer `Retry-After` is not believed.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);
/// No more of what the TMS says about an error is kept, in characters.
const MAX_DETAIL: usize = 300;

/// A server and the pool of connections to it.
#[derive(Debug)]
pub(crate) struct Transport {
    pub(crate) http: reqwest::Client,
    /// How long an answer may take, or the head of a stream.
    pub(crate) timeout: Duration,
    /// Without a `/` at its end.
    pub(crate) base: String,
}

/// One request; everything it holds can be sent again.
#[derive(Debug, Clone)]
pub(crate) struct Request<'a> {
    pub(crate) method: Method,
    /// From the base URL on, beginning with `/`.
    pub(crate) path: &'a str,
    pub(crate) body: Option<Vec<u8>>,
    /// The greatest size of the answer, in bytes.
    pub(crate) max_answer: usize,
}

/// A whole answer, whatever its status.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    retry_after: Option<Duration>,
    body: Vec<u8>,
}

impl Transport {
    /// Sends the request with one header that proves something.
    ///
    /// # Errors
    /// `Unavailable` if no whole answer came in time, `Protocol` if it is too big.
    pub(crate) async fn send(
        &self,
        request: &Request<'_>,
        proof: Option<(HeaderName, HeaderValue)>,
    ) -> Result<Answer, TmsError> {
        let url = format!("{}{}", self.base, request.path);
        let mut call = self.http.request(request.method.clone(), url);
        if let Some((name, value)) = proof {
            call = call.header(name, value);
        }
        if let Some(body) = &request.body {
            call = call.header(CONTENT_TYPE, "application/json").body(body.clone());
        }
        Answer::read(call.send().await.map_err(no_answer)?, request.max_answer).await
    }

    /// Asks for a stream, and answers once its head is there: within the client's timeout, like any other call. From then
    /// on it may take `limit`; how long it may be silent is for its reader to say.
    ///
    /// # Errors
    /// `Unavailable` if there is no head in time.
    pub(crate) async fn open(
        &self,
        path: &str,
        headers: HeaderMap,
        limit: Duration,
    ) -> Result<Response, TmsError> {
        let url = format!("{}{path}", self.base);
        let call = self.http.get(url).headers(headers).timeout(limit).send();
        match tokio::time::timeout(self.timeout, call).await {
            Ok(response) => response.map_err(no_answer),
            Err(_) => Err(TmsError::unavailable("the tenant management service did not answer in time")),
        }
    }
}

/// The next bytes of a stream; `None` at its end.
///
/// # Errors
/// `Unavailable` if it was cut, or was silent for so long.
pub(crate) async fn next_bytes(
    response: &mut Response,
    silence: Duration,
) -> Result<Option<Bytes>, TmsError> {
    match tokio::time::timeout(silence, response.chunk()).await {
        Ok(bytes) => bytes.map_err(no_answer),
        Err(_) => Err(TmsError::unavailable("the tenant management service has gone silent")),
    }
}

/// The URL is taken out of the error: a key may be part of it.
fn no_answer(error: reqwest::Error) -> TmsError {
    TmsError::unavailable("the tenant management service did not answer").with_source(error.without_url())
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER))
}

async fn read(response: &mut Response, max: usize) -> Result<Vec<u8>, TmsError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(no_answer)? {
        if body.len() + chunk.len() > max {
            return Err(TmsError::protocol("the answer of the tenant management service is too big"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

impl Answer {
    /// Reads a whole answer, which may be so big.
    ///
    /// # Errors
    /// `Unavailable` if it was cut, `Protocol` if it is too big.
    pub(crate) async fn read(mut response: Response, max: usize) -> Result<Self, TmsError> {
        let status = response.status();
        let retry_after = retry_after(&response);
        let body = read(&mut response, max).await?;
        Ok(Self { status, retry_after, body })
    }

    /// The JSON of a success.
    ///
    /// # Errors
    /// What [`Answer::failure`] makes of any other status; `Protocol` if the body is no JSON.
    pub(crate) fn json(&self) -> Result<Value, TmsError> {
        if !self.status.is_success() {
            return Err(self.failure());
        }
        serde_json::from_slice(&self.body).map_err(|error| {
            // The cause names a line and a column, never the text.
            TmsError::protocol("the answer of the tenant management service is not JSON").with_source(error)
        })
    }

    /// The `detail` of an error answer.
    pub(crate) fn detail(&self) -> Option<Value> {
        let mut body: Value = serde_json::from_slice(&self.body).ok()?;
        body.get_mut("detail").map(Value::take)
    }

    /// What a status other than success means.
    pub(crate) fn failure(&self) -> TmsError {
        let detail = self.detail();
        let kind = match self.status.as_u16() {
            401 | 403 => TmsErrorKind::Forbidden,
            404 if detail.is_some() => TmsErrorKind::NotFound,
            409 => TmsErrorKind::Conflict,
            400 | 413 | 422 => TmsErrorKind::Invalid(rows(detail.as_ref())),
            408 | 425 | 429 | 500..=599 => TmsErrorKind::Unavailable,
            _ => TmsErrorKind::Protocol,
        };
        TmsError::new(kind, self.message(detail.as_ref())).with_retry_after(self.retry_after)
    }

    /// Like [`Answer::failure`], without what the TMS says about it: it might quote the key.
    pub(crate) fn silent_failure(&self, kind: TmsErrorKind) -> TmsError {
        TmsError::new(kind, self.message(None)).with_retry_after(self.retry_after)
    }

    fn message(&self, detail: Option<&Value>) -> String {
        let status = self.status.as_u16();
        match detail {
            Some(Value::String(text)) => {
                let text: String = text.chars().filter(|c| !c.is_control()).take(MAX_DETAIL).collect();
                format!("the tenant management service answered {status}: {text}")
            }
            _ => format!("the tenant management service answered {status}"),
        }
    }
}

/// The rows of a 422 that have the shape of one.
fn rows(detail: Option<&Value>) -> Vec<FieldError> {
    let rows = detail.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    rows.iter().filter_map(|row| serde_json::from_value(row.clone()).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        let status = StatusCode::from_u16(status).expect("a status");
        Answer { status, retry_after: None, body: body.into() }
    }

    #[test]
    fn every_status_has_a_kind() {
        let detail = r#"{"detail":"x"}"#;
        for (status, body, kind) in [
            (401, detail, TmsErrorKind::Forbidden),
            (403, detail, TmsErrorKind::Forbidden),
            (404, detail, TmsErrorKind::NotFound),
            (404, "<html>", TmsErrorKind::Protocol),
            (405, detail, TmsErrorKind::Protocol),
            (302, "", TmsErrorKind::Protocol),
            (409, detail, TmsErrorKind::Conflict),
            (422, detail, TmsErrorKind::Invalid(vec![])),
            (408, "", TmsErrorKind::Unavailable),
            (429, detail, TmsErrorKind::Unavailable),
            (500, "<html>", TmsErrorKind::Unavailable),
            (503, detail, TmsErrorKind::Unavailable),
        ] {
            assert_eq!(answer(status, body).failure().kind(), &kind, "{status} {body}");
            assert_eq!(answer(status, body).json().expect_err("a failure").kind(), &kind);
        }
        assert_eq!(answer(200, "{").json().expect_err("cut").kind(), &TmsErrorKind::Protocol);
        assert_eq!(answer(200, "null").json().expect("json"), Value::Null);
    }

    #[test]
    fn the_rows_of_a_422_are_kept() {
        let body = r#"{"detail":[{"loc":["body","name"],"msg":"taken","type":"value_error"},7]}"#;
        let TmsErrorKind::Invalid(rows) = answer(422, body).failure().kind().clone() else {
            panic!("not invalid")
        };
        assert_eq!(rows, [FieldError::in_body("name", "value_error", "taken")]);
    }

    #[test]
    fn a_detail_is_bounded_and_on_one_line() {
        let long = format!(r#"{{"detail":"a\nb{}"}}"#, "x".repeat(10_000));
        let message = answer(409, &long).failure().to_string();
        assert!(message.len() < 400 && !message.contains('\n'), "{message}");
        assert!(!answer(409, &long).silent_failure(TmsErrorKind::Forbidden).to_string().contains("ab"));
    }
}
