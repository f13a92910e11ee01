//! [`ApiError`]: every failure of a handler, with its status, its code, and what the client may read.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use customer_data::DataError;
use storage::{StoreError, StoreErrorKind};
use tenant_core::{ErrorBody, FieldError, RegistryError, RegistryErrorKind};
use tracing::{error, warn};

/// What a client is told when waiting a little may help and nobody knows better.
const RETRY_AFTER_S: u64 = 1;

/// Why a request was not answered as it was meant to be.
///
/// The body is rendered by [`middleware::render`](crate::middleware), which knows what the client accepts.
#[derive(Debug)]
pub(crate) struct ApiError {
    body: ErrorBody,
    retry_after_s: Option<u64>,
    challenge: bool,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        let body = ErrorBody::text(status.as_u16(), code, detail);
        Self { body, retry_after_s: None, challenge: false }
    }

    /// 422 with its rows.
    pub(crate) fn invalid(rows: Vec<FieldError>) -> Self {
        Self { body: ErrorBody::fields(rows), retry_after_s: None, challenge: false }
    }

    /// 403
    pub(crate) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    /// 409
    pub(crate) fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", detail)
    }

    /// 503 that says when to try again.
    pub(crate) fn unavailable(code: &'static str, detail: impl Into<String>, retry_after_s: u64) -> Self {
        let mut error = Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail);
        error.retry_after_s = Some(retry_after_s.max(1));
        error
    }

    /// 401 with a challenge (RFC 6750 section 3).
    pub(crate) fn unauthenticated(detail: &'static str) -> Self {
        let mut error = Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail);
        error.challenge = true;
        error
    }

    /// 500 that tells the client nothing; the cause goes to the log, once, here.
    pub(crate) fn internal(cause: &(dyn std::error::Error + 'static)) -> Self {
        error!(error = %chain(cause), "a request failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "internal error")
    }
}

/// A cause and what caused it, in one line.
fn chain(cause: &(dyn std::error::Error + 'static)) -> String {
    let mut text = cause.to_string();
    let mut source = cause.source();
    while let Some(next) = source {
        text.push_str(": ");
        text.push_str(&next.to_string());
        source = next.source();
    }
    text
}

impl From<StoreError> for ApiError {
    fn from(failure: StoreError) -> Self {
        match failure.kind() {
            StoreErrorKind::Invalid => {
                Self::new(StatusCode::BAD_REQUEST, "query_invalid", failure.to_string())
            }
            StoreErrorKind::Conflict { .. } => Self::conflict("somebody else changed this in between"),
            StoreErrorKind::NotInstalled => {
                error!(error = %chain(&failure), "the storage of an active tenant is not here");
                Self::unavailable("storage_not_installed", "The tenant's storage is not available.", 30)
            }
            StoreErrorKind::Unavailable { retry_after } => {
                warn!(error = %chain(&failure), "the storage is not available");
                Self::unavailable(
                    "storage_unavailable",
                    "The storage is not available.",
                    retry_after.as_secs(),
                )
            }
            StoreErrorKind::Full => {
                error!(error = %chain(&failure), "the disk is full");
                let mut full =
                    Self::new(StatusCode::INSUFFICIENT_STORAGE, "disk_full", "The storage is full.");
                full.retry_after_s = Some(30);
                full
            }
            StoreErrorKind::Corrupt => {
                error!(error = %chain(&failure), "the data of a tenant is damaged");
                Self::unavailable("storage_damaged", "The tenant's storage is not available.", 60)
            }
            StoreErrorKind::Backend => Self::internal(&failure),
        }
    }
}

impl From<DataError> for ApiError {
    fn from(failure: DataError) -> Self {
        match failure {
            DataError::Invalid(rows) => Self::invalid(rows),
            DataError::Source(refusal) => {
                Self::new(StatusCode::UNAUTHORIZED, "source_refused", refusal.to_string())
            }
            DataError::Login(refusal) => Self::new(
                StatusCode::BAD_REQUEST,
                "login_refused",
                format!("Authentication error: {refusal}"),
            ),
            DataError::Conflict(detail) => Self::conflict(detail),
            DataError::Contended => {
                Self::unavailable("contended", "Too many requests change the same data.", RETRY_AFTER_S)
            }
            DataError::TooLarge => Self::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "body_too_large",
                "The events would repeat too much context.",
            ),
            DataError::Busy => Self::unavailable("busy", "Too many logins at once.", RETRY_AFTER_S),
            DataError::Internal(_) => Self::internal(&failure),
            DataError::Storage(failure) => failure.into(),
        }
    }
}

impl From<RegistryError> for ApiError {
    fn from(failure: RegistryError) -> Self {
        match failure.kind() {
            RegistryErrorKind::Conflict => Self::conflict(failure.to_string()),
            RegistryErrorKind::Invalid(rows) => Self::invalid(rows.clone()),
            RegistryErrorKind::Forbidden => Self::new(
                StatusCode::FORBIDDEN,
                "tms_key_refused",
                "The Tenant Management Service refuses the key.",
            ),
            RegistryErrorKind::NotFound => {
                Self::new(StatusCode::NOT_FOUND, "tenant_unknown", failure.to_string())
            }
            RegistryErrorKind::Unavailable { retry_after } => {
                warn!(error = %chain(&failure), "the tenant management service is not available");
                let detail = "Could not reach Tenant Management Service.";
                Self::unavailable("tms_unavailable", detail, retry_after.as_secs())
            }
            RegistryErrorKind::Protocol => Self::internal(&failure),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = error_response(self.body);
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.challenge {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// A response whose body is yet to be rendered for the client that asked.
pub(crate) fn error_response(body: ErrorBody) -> Response {
    let status = StatusCode::from_u16(body.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = status.into_response();
    response.extensions_mut().insert(body);
    response
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn status(failure: impl Into<ApiError>) -> u16 {
        failure.into().into_response().status().as_u16()
    }

    #[test]
    fn an_outage_is_never_told_as_the_clients_fault_or_as_unknown() {
        let wait = Duration::from_secs(3);
        let outage =
            ApiError::from(StoreError::new(StoreErrorKind::Unavailable { retry_after: wait }, "busy"));
        let response = outage.into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[header::RETRY_AFTER], "3");
        assert_eq!(status(StoreError::new(StoreErrorKind::NotInstalled, "gone")), 503);
        assert_eq!(status(StoreError::new(StoreErrorKind::Corrupt, "torn")), 503);
        assert_eq!(status(StoreError::new(StoreErrorKind::Full, "full")), 507);
        assert_eq!(
            status(RegistryError::new(RegistryErrorKind::Unavailable { retry_after: wait }, "down")),
            503
        );
        assert_eq!(status(DataError::Contended), 503);
    }

    #[test]
    fn an_internal_failure_tells_the_client_nothing() {
        let error = ApiError::from(StoreError::new(StoreErrorKind::Backend, "the secret of the house"));
        assert_eq!(error.body, ErrorBody::text(500, "internal", "internal error"));
    }
}
