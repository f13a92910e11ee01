//! `/user/token` and `/user/logout` (contract 5).

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use customer_data::{token, user};
use serde_json::{Value, json};
use tenant_core::FieldError;

use crate::body::RawBody;
use crate::caller::{Visitor, bearer, guard_gui};
use crate::error::ApiError;
use crate::state::AppState;

/// A longer password is nobody's: a bound on the work that a stranger can ask for.
const MAX_PASSWORD_BYTES: usize = 1024;

/// `POST /user/token`: the OAuth 2 password form.
pub(crate) async fn log_in(
    State(state): State<AppState>,
    visitor: Visitor,
    RawBody(form): RawBody,
) -> Result<Response, ApiError> {
    guard_gui(&state)?;
    let Credentials { username, password } = Credentials::read(&form)?;
    let people = state.people(visitor.tenant.active());
    let now = state.clock().wall();
    let user = user::log_in(&people, state.passwords(), &username, &password, now).await?;
    let token = token::issue(&people, &user, now).await?;
    let answer = json!({
        "access_token": token, "token_type": "bearer", "roles": user.roles, "preference": user.preference,
    });
    // RFC 6749 section 5.1: nobody may keep an answer with a token.
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response())
}

struct Credentials {
    username: String,
    password: String,
}

impl Credentials {
    fn read(form: &[u8]) -> Result<Self, ApiError> {
        let mut fields: Vec<(String, String)> = serde_urlencoded::from_bytes(form).unwrap_or_default();
        let mut take = |name: &str| {
            let at = fields.iter().position(|(field, _)| field == name)?;
            Some(fields.swap_remove(at).1)
        };
        let (username, password, grant) = (take("username"), take("password"), take("grant_type"));
        let mut faults = Vec::new();
        if grant.is_some_and(|grant| grant != "password") {
            let text = "String should match pattern '^password$'";
            faults.push(FieldError::in_body("grant_type", "string_pattern_mismatch", text));
        }
        for (name, value) in [("username", &username), ("password", &password)] {
            if value.is_none() {
                faults.push(FieldError::in_body(name, "missing", "Field required"));
            }
        }
        if password.as_ref().is_some_and(|password| password.len() > MAX_PASSWORD_BYTES) {
            faults.push(FieldError::in_body(
                "password",
                "string_too_long",
                "A password has at most 1024 bytes",
            ));
        }
        match (username, password) {
            (Some(username), Some(password)) if faults.is_empty() => Ok(Self { username, password }),
            _ => Err(ApiError::invalid(faults)),
        }
    }
}

/// `POST /user/logout`: `null`, for unknown tokens too.
pub(crate) async fn log_out(
    State(state): State<AppState>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    if !headers.contains_key(header::AUTHORIZATION) {
        let status = StatusCode::UNAUTHORIZED;
        return Err(ApiError::new(status, "unauthenticated", "No authorization header provided."));
    }
    if let Some(given) = bearer(&headers) {
        token::revoke(&state.people(visitor.tenant.active()), given).await?;
    }
    Ok(Json(Value::Null))
}
