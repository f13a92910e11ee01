//! [`ApiError`]: what a client is told when a request fails. The crate's one `IntoResponse`.

use std::error::Error;
use std::time::Duration;

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use tenant_core::{ErrorBody, FieldError};

use crate::bounds;
use crate::meters::DatabaseError;
use crate::repo::{RepoError, Taken};
use crate::transition::TransitionRefused;

/// Why a request fails.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error("no bearer token, or one that is not valid")]
    Unauthorized,
    #[error("no key, or one that is not valid")]
    KeyRefused,
    #[error("too many wrong keys from this address")]
    TooManyAttempts {
        /// How long until the address may fail again.
        wait: Duration,
    },
    #[error("the key's scope does not allow it")]
    Forbidden,
    #[error("no such tenant")]
    TenantUnknown(String),
    #[error("no such key")]
    KeyUnknown,
    #[error("no such path")]
    NotFound,
    #[error("no such method")]
    MethodNotAllowed,
    #[error("the body is too large")]
    TooLarge,
    #[error("the body cannot be read")]
    Unreadable,
    #[error("the request is not valid")]
    Invalid(Vec<FieldError>),
    #[error("the request took too long")]
    TimedOut,
    #[error(transparent)]
    Repo(#[from] RepoError),
    #[error("a token cannot be signed")]
    Sign(#[from] jsonwebtoken::errors::Error),
    #[error("there is no signing secret")]
    NoSecret,
    #[error("a handler panicked")]
    Panicked,
}

impl ApiError {
    /// What the client is told.
    fn body(&self) -> ErrorBody {
        let (status, code, detail) = match self {
            Self::Unauthorized => {
                (401, "unauthorized", "You are not authorized to use Multi Tenant Manager API.".to_owned())
            }
            Self::KeyRefused => (403, "key_invalid", "The API key is not valid.".to_owned()),
            Self::TooManyAttempts { .. } => (
                429,
                "too_many_attempts",
                "Too many wrong keys from your address. Please try again later.".to_owned(),
            ),
            Self::Forbidden => {
                (403, "forbidden", "The scope of your API key does not allow this.".to_owned())
            }
            Self::TenantUnknown(tenant) => (404, "tenant_unknown", format!("There is no tenant [{tenant}].")),
            Self::KeyUnknown => (404, "key_unknown", "There is no such key.".to_owned()),
            Self::NotFound => (404, "not_found", "Not Found".to_owned()),
            Self::MethodNotAllowed => (405, "method_not_allowed", "Method Not Allowed".to_owned()),
            Self::TooLarge => (413, "body_too_large", "The body is larger than 1 MiB.".to_owned()),
            Self::Unreadable => (400, "body_unreadable", "The body could not be read.".to_owned()),
            Self::Invalid(rows) => return ErrorBody::fields(rows.clone()),
            Self::TimedOut => (503, "timeout", "The service is busy. Please try again.".to_owned()),
            Self::Repo(error) => return repo_body(error),
            Self::Sign(_) | Self::NoSecret | Self::Panicked => return internal(),
        };
        ErrorBody::text(status, code, detail)
    }

    fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        match self {
            Self::Unauthorized => Some((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            Self::TooManyAttempts { wait } => {
                // Whole seconds, and not too early.
                let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                Some((RETRY_AFTER, seconds.max(1).into()))
            }
            Self::TimedOut | Self::Repo(RepoError::Unavailable(_)) => {
                Some((RETRY_AFTER, HeaderValue::from_static("1")))
            }
            _ => None,
        }
    }

    /// What the database did wrong, if that is why.
    fn of_database(&self) -> Option<DatabaseError> {
        match self {
            Self::Repo(RepoError::Unavailable(_)) => Some(DatabaseError::Unavailable),
            Self::Repo(RepoError::Backend(_)) => Some(DatabaseError::Failed),
            _ => None,
        }
    }
}

fn repo_body(error: &RepoError) -> ErrorBody {
    let (status, code, detail) = match error {
        RepoError::Taken(Taken::Id(id)) => {
            (409, "tenant_exists", format!("There is a tenant with the id [{id}] already."))
        }
        RepoError::Taken(Taken::Incarnation(incarnation)) => {
            (409, "incarnation_taken", format!("The id [{incarnation}] belongs to another tenant."))
        }
        RepoError::Taken(Taken::Host(host)) => {
            (409, "host_taken", format!("The host [{host}] belongs to another tenant."))
        }
        RepoError::Refused(TransitionRefused::Status { status, wanted }) => {
            (409, "status_conflict", format!("A tenant that is {} cannot be {wanted}.", status.as_str()))
        }
        RepoError::Refused(TransitionRefused::Token) => {
            (403, "install_token_invalid", "The install token is not valid.".to_owned())
        }
        RepoError::Refused(TransitionRefused::TooLarge { field, most }) => {
            let row = FieldError::in_body(field, "too_long", bounds::message(most));
            return ErrorBody::fields(vec![row]);
        }
        RepoError::Unavailable(_) => (
            503,
            "database_unavailable",
            "The service cannot reach its database. Please try again.".to_owned(),
        ),
        RepoError::Backend(_) => return internal(),
    };
    ErrorBody::text(status, code, detail)
}

/// The request's id is added where it is known, see [`crate::answer`].
fn internal() -> ErrorBody {
    ErrorBody::text(500, "internal", INTERNAL)
}

/// All that a client learns of a fault of ours.
pub(crate) const INTERNAL: &str = "internal error";

impl IntoResponse for ApiError {
    /// Plain JSON. The body goes along as an extension, so that [`crate::answer`] can give it the shape that the client
    /// asked for.
    fn into_response(self) -> Response {
        let body = self.body();
        if body.status >= 500 {
            tracing::error!(code = body.code, cause = causes(&self), "a request failed");
        }
        let mut response = render(body, None);
        if let Some((name, value)) = self.header() {
            response.headers_mut().insert(name, value);
        }
        if let Some(error) = self.of_database() {
            response.extensions_mut().insert(error);
        }
        response
    }
}

/// A response with this body, in the shape that `accept` asks for.
pub(crate) fn render(body: ErrorBody, accept: Option<&str>) -> Response {
    let (media_type, text) = body.render(accept);
    let mut response = Response::new(text.into());
    // The statuses above are all valid.
    *response.status_mut() = body.status.try_into().unwrap_or_default();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response.extensions_mut().insert(body);
    response
}

/// An error and all that caused it, in one line.
pub(crate) fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
