//! Request bodies, read as JSON whatever their content type, and what is in a path.

use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::IntoResponse as _;
use serde_json::Value;
use tenant_core::{Reader, parse_json};

use crate::error::ApiError;

/// The greatest size of a body, in bytes.
pub(crate) const LIMIT: usize = 1 << 20;

/// A JSON body.
#[derive(Debug)]
pub(crate) struct JsonBody(Value);

impl JsonBody {
    /// Reads the fields of the body; any fault refuses the request.
    pub(crate) fn read<'a, T>(&'a self, read: impl FnOnce(&mut Reader<'a>) -> T) -> Result<T, ApiError> {
        let mut reader = Reader::body(&self.0);
        let result = read(&mut reader);
        reader.finish().map_err(ApiError::Invalid)?;
        Ok(result)
    }
}

impl<S: Send + Sync> FromRequest<S> for JsonBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        parse(&bytes(request, state).await?).map(Self)
    }
}

/// A JSON body that may be left out: nothing and `null` read as an empty object.
#[derive(Debug)]
pub(crate) struct OptionalJsonBody(pub(crate) JsonBody);

impl<S: Send + Sync> FromRequest<S> for OptionalJsonBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let bytes = bytes(request, state).await?;
        let value = if bytes.trim_ascii().is_empty() { Value::Null } else { parse(&bytes)? };
        let value = if value.is_null() { Value::Object(serde_json::Map::new()) } else { value };
        Ok(Self(JsonBody(value)))
    }
}

async fn bytes<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, ApiError> {
    Bytes::from_request(request, state).await.map_err(|rejection| match rejection.into_response().status() {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::TooLarge,
        _ => ApiError::Unreadable,
    })
}

fn parse(bytes: &[u8]) -> Result<Value, ApiError> {
    parse_json(bytes).map_err(|fault| ApiError::Invalid(vec![fault]))
}

/// The one parameter of a path, decoded; empty where that is no text.
#[derive(Debug)]
pub(crate) struct PathText(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for PathText {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path: Result<Path<String>, PathRejection> = Path::from_request_parts(parts, state).await;
        Ok(Self(path.map(|Path(text)| text).unwrap_or_default()))
    }
}
