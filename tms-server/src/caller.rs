//! Who asks: [`Caller`] and [`Operator`], read from the bearer token (RFC 6750).

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use tenant_core::TenantBody;

use crate::app::AppState;
use crate::error::ApiError;
use crate::keys::{KeyRef, Scope};
use crate::repo::{KeyUse, Stamp, Stored};
use crate::token::Token;

/// Whoever has a valid token, and what its key allows at this moment.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// The key that the token was issued for.
    pub(crate) key: KeyRef,
    pub(crate) scope: Scope,
    /// When the token expires.
    pub(crate) until: Timestamp,
    token: SecretString,
}

impl Caller {
    /// A record as this caller may see it.
    pub(crate) fn view(&self, stored: &Stored) -> TenantBody {
        match self.scope {
            Scope::Operator => stored.body(),
            Scope::Directory => stored.body().for_directory(),
        }
    }

    /// Whether what signed its token is still good, and its key allows what it allowed at first. Whether the token's time is over
    /// does not count.
    pub(crate) async fn is_admitted(&self, state: &AppState) -> bool {
        let token = state.tokens.read(self.token.expose_secret()).await;
        if !token.is_ok_and(|token| token != Token::Foreign) {
            return false;
        }
        let scope = state.keys.scope_of_ref(&self.key).await;
        scope.is_ok_and(|scope| scope == Some(self.scope))
    }

    /// The key that it acts with.
    pub(crate) fn key_use(&self) -> KeyUse {
        KeyUse { id: self.key.id.clone(), scope: self.scope }
    }

    /// What the audit says of a change that it asks for now.
    pub(crate) fn stamp(&self, state: &AppState) -> Stamp {
        Stamp { at: state.clock.wall(), key: Some(self.key_use()) }
    }
}

impl FromRequestParts<AppState> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(bearer).ok_or(ApiError::Unauthorized)?;
        let (key, until) = match state.tokens.read(token).await? {
            Token::Good(key, until) => (key, until),
            Token::Ended => return Err(ApiError::Unauthorized),
            Token::Foreign => {
                state.meters.foreign_token();
                return Err(ApiError::Unauthorized);
            }
        };
        let scope = state.keys.scope_of_ref(&key).await?.ok_or(ApiError::Unauthorized)?;
        Ok(Self { key, scope, until, token: token.into() })
    }
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// A [`Caller`] whose key allows everything.
#[derive(Debug, Clone)]
pub(crate) struct Operator(pub(crate) Caller);

impl FromRequestParts<AppState> for Operator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let caller = Caller::from_request_parts(parts, state).await?;
        match caller.scope {
            Scope::Operator => Ok(Self(caller)),
            Scope::Directory => Err(ApiError::Forbidden),
        }
    }
}
