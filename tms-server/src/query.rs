//! What is in the query of a path: pages, places, filters. Parameters that nobody asks for do not count.

use std::ops::RangeInclusive;

use axum::extract::{FromRequestParts, Query};
use axum::http::HeaderValue;
use axum::http::request::Parts;
use tenant_core::FieldError;

use crate::error::ApiError;

/// The parameters of a query, decoded.
#[derive(Debug)]
pub(crate) struct Parameters(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let pairs = Query::from_request_parts(parts, state).await;
        let fault = |_| FieldError {
            kind: "value_error".to_owned(),
            loc: vec!["query".into()],
            msg: "Input should be the parameters of a query".to_owned(),
        };
        pairs.map(|Query(pairs)| Self(pairs)).map_err(|rejection| ApiError::Invalid(vec![fault(rejection)]))
    }
}

impl Parameters {
    /// The first parameter of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A parameter, read by `read`; what it refuses is a fault with this message.
    pub(crate) fn read<T>(
        &self,
        name: &str,
        message: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, ApiError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let (kind, loc) = ("value_error".to_owned(), vec!["query".into(), name.into()]);
        let fault = || ApiError::Invalid(vec![FieldError { kind, loc, msg: message.to_owned() }]);
        read(text).map(Some).ok_or_else(fault)
    }

    /// A whole number within a range.
    pub(crate) fn integer<T>(&self, name: &str, range: RangeInclusive<T>) -> Result<Option<T>, ApiError>
    where
        T: std::str::FromStr + PartialOrd + std::fmt::Display,
    {
        let (from, to) = (range.start(), range.end());
        let message = format!("Input should be a whole number from {from} to {to}");
        self.read(name, &message, |text| text.parse().ok().filter(|number| range.contains(number)))
    }
}

/// A `Link` header to the next page (RFC 8288).
pub(crate) fn next_page(path_and_query: &str) -> Result<HeaderValue, ApiError> {
    // What we put in a query ourselves is ASCII.
    HeaderValue::from_str(&format!("<{path_and_query}>; rel=\"next\"")).map_err(|_| ApiError::NotFound)
}
