//! [`Visitor`] and [`Caller`]: for whom a handler works, without and with a login.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use customer_data::token;
use customer_data::user::{Role, User};
use storage::NamespacedStore;
use tenant_core::Context;
use tenant_router::CurrentTenant;

use crate::error::ApiError;
use crate::state::AppState;

const NOT_AUTHENTICATED: &str = "Not authenticated";
const INVALID_CREDENTIALS: &str = "Invalid authentication credentials";

/// Those who may read and change what is connected to the platform.
pub(crate) const BUILDERS: &[Role] = &[Role::Admin, Role::Developer];
/// Those who may read what visitors did.
pub(crate) const READERS: &[Role] = &[Role::Admin, Role::Developer, Role::Marketer];
/// Everybody with a login.
pub(crate) const ANYBODY: &[Role] = &[Role::Admin, Role::Developer, Role::Marketer, Role::Maintainer];

/// A request of an admitted tenant, in its context; nobody is logged in.
pub(crate) struct Visitor {
    pub(crate) tenant: CurrentTenant,
    pub(crate) context: Context,
}

impl Visitor {
    /// The tenant's documents in the request's context.
    pub(crate) fn store(&self, state: &AppState) -> NamespacedStore {
        state.store(self.tenant.active(), self.context)
    }
}

impl FromRequestParts<AppState> for Visitor {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let tenant = parts.extensions.get::<CurrentTenant>().cloned();
        let tenant = tenant.ok_or_else(|| ApiError::internal(&MissingTenant))?;
        Ok(Self { tenant, context: state.context(&parts.headers) })
    }
}

/// A handler that works for a tenant was put where no tenant is found: a mistake of ours.
#[derive(Debug, thiserror::Error)]
#[error("the route is not behind the tenant layer")]
struct MissingTenant;

/// A request of somebody who is logged in at the request's tenant (contract 5).
pub(crate) struct Caller {
    pub(crate) visitor: Visitor,
    user: User,
}

impl Caller {
    /// Lets the caller pass with one of these roles. A missing role is 401, as in the original.
    pub(crate) fn require(&self, roles: &[Role]) -> Result<(), ApiError> {
        let has_one = self.user.roles.iter().any(|role| roles.contains(role));
        if has_one { Ok(()) } else { Err(ApiError::unauthenticated(INVALID_CREDENTIALS)) }
    }

    /// The tenant's documents in the request's context.
    pub(crate) fn store(&self, state: &AppState) -> NamespacedStore {
        self.visitor.store(state)
    }
}

impl FromRequestParts<AppState> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let visitor = Visitor::from_request_parts(parts, state).await?;
        let token = bearer(&parts.headers).ok_or_else(|| ApiError::unauthenticated(NOT_AUTHENTICATED))?;
        guard_gui(state)?;
        let people = state.people(visitor.tenant.active());
        let user = token::check(&people, token, state.clock().wall()).await?;
        let user = user.ok_or_else(|| ApiError::unauthenticated(INVALID_CREDENTIALS))?;
        Ok(Self { visitor, user })
    }
}

/// 403 where the process serves no people.
pub(crate) fn guard_gui(state: &AppState) -> Result<(), ApiError> {
    if state.settings().expose_gui_api { Ok(()) } else { Err(ApiError::forbidden("Access forbidden")) }
}

/// The token of an `Authorization` header of exactly two parts, the first being `bearer` in any case.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut parts = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_ascii_whitespace();
    let (scheme, token) = (parts.next()?, parts.next()?);
    (parts.next().is_none() && scheme.eq_ignore_ascii_case("bearer")).then_some(token)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn only_a_bearer_of_two_parts_is_one() {
        for (header, token) in [
            ("Bearer abc", Some("abc")),
            ("bearer abc", Some("abc")),
            ("Basic abc", None),
            ("Bearer", None),
            ("Bearer a b", None),
        ] {
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static(header))]);
            assert_eq!(bearer(&headers), token, "{header}");
        }
    }
}
