//! Request bodies, read as JSON whatever their content type, and what is in a path.

use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::IntoResponse as _;
use serde_json::Value;
use tenant_core::{FieldError, Location, Reader, parse_json};

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
    let value = parse_json(bytes).map_err(|fault| ApiError::Invalid(vec![fault]))?;
    match nul(&value) {
        Some(mut way) => {
            way.push("body".into());
            way.reverse();
            let msg = "Input should have no character U+0000".to_owned();
            Err(ApiError::Invalid(vec![FieldError { kind: "string_type".to_owned(), loc: way, msg }]))
        }
        None => Ok(value),
    }
}

/// The way to a text with the character U+0000, which not every database can keep; its last step first.
fn nul(value: &Value) -> Option<Vec<Location>> {
    let step = |(at, value): (Location, &Value)| {
        let mut way = nul(value)?;
        way.push(at);
        Some(way)
    };
    match value {
        Value::String(text) => text.contains('\0').then(Vec::new),
        Value::Array(rows) => rows.iter().enumerate().find_map(|(at, row)| step((at.into(), row))),
        Value::Object(fields) => match fields.keys().find(|name| name.contains('\0')) {
            Some(name) => Some(vec![name.as_str().into()]),
            None => fields.iter().find_map(|(name, value)| step((name.as_str().into(), value))),
        },
        _ => None,
    }
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_text_with_a_nul_is_a_fault_of_its_field() {
        for (body, loc) in [
            (r#"{"a":"\u0000"}"#, json!(["body", "a"])),
            (r#"{"a":{"b":["x","y\u0000"]}}"#, json!(["body", "a", "b", 1])),
            (r#"{"a":{"b\u0000":1}}"#, json!(["body", "a", "b\u{0}"])),
        ] {
            match parse(body.as_bytes()) {
                Err(ApiError::Invalid(rows)) => assert_eq!(json!(rows[0].loc), loc),
                other => panic!("{body}: {other:?}"),
            }
        }
        assert!(parse(br#"{"a":["b",1,null,{"c":"\u0001"}]}"#).is_ok());
    }
}
