//! Who asks: [`Caller`] and [`Operator`], read from the bearer token (RFC 6750).

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use tenant_core::{TenantBody, TenantRecord};

use crate::app::AppState;
use crate::attempts::{Attempt, Peer};
use crate::error::ApiError;
use crate::keys::Scope;
use crate::token::TokenRefused;

/// Whoever has a valid token, and what its key allows at this moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller(pub(crate) Scope);

impl Caller {
    /// A record as this caller may see it.
    pub(crate) fn view(self, record: &TenantRecord) -> TenantBody {
        let body = TenantBody::of_record(record);
        match self.0 {
            Scope::Operator => body,
            Scope::Directory => body.for_directory(),
        }
    }
}

impl FromRequestParts<AppState> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(bearer).ok_or(ApiError::Unauthorized)?;
        let key = state.tokens.read(token).map_err(|refused| match refused {
            TokenRefused::Foreign => state.attempts.refuse(Peer::of(parts), Attempt::Token),
            TokenRefused::Expired => ApiError::Unauthorized,
        })?;
        let scope = state.keys.scope_of_ref(&key).await?;
        scope.map(Self).ok_or(ApiError::Unauthorized)
    }
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// A [`Caller`] whose key allows everything.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operator;

impl FromRequestParts<AppState> for Operator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        match Caller::from_request_parts(parts, state).await?.0 {
            Scope::Operator => Ok(Self),
            Scope::Directory => Err(ApiError::Forbidden),
        }
    }
}
