//! A key for a token: `GET /api-key/{key}` (contract 2) and `POST /token`, which keeps the key out of paths.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use crate::app::AppState;
use crate::attempts::Peer;
use crate::body::PathText;
use crate::error::ApiError;
use crate::openapi::schemas;
use crate::token::LIFETIME;

/// Exchange an API key for an access token
///
/// As the original has it. A path is logged by whatever is on the way: better send the key in a header, see `POST /token`.
#[utoipa::path(
    get,
    path = "/api-key/{key}",
    operation_id = "exchangeKeyByPath",
    tag = "keys",
    params(("key" = String, Path, description = "An API key.")),
    responses(
        (status = 200, description = "A token.", body = schemas::AccessToken),
        (status = 403, description = "`key_invalid`: no such key"),
    )
)]
pub(crate) async fn by_path(
    peer: Peer,
    State(state): State<AppState>,
    PathText(key): PathText,
) -> Result<Json<Value>, ApiError> {
    exchange(&state, peer, &key.into()).await
}

/// Exchange an API key for an access token
#[utoipa::path(
    post,
    path = "/token",
    operation_id = "exchangeKey",
    tag = "keys",
    responses(
        (status = 200, description = "A token.", body = schemas::AccessToken),
        (status = 403, description = "`key_invalid`: no key, or no such key"),
    ),
    security(("key" = []))
)]
pub(crate) async fn by_header(
    peer: Peer,
    State(state): State<AppState>,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    let key = headers.get("x-api-key").and_then(|value| value.to_str().ok());
    exchange(&state, peer, &key.ok_or(ApiError::KeyRefused)?.into()).await
}

async fn exchange(state: &AppState, peer: Peer, key: &SecretString) -> Result<Json<Value>, ApiError> {
    let known = state.keys.recognise(key).await?;
    let key = known.ok_or_else(|| state.attempts.refuse(peer))?;
    let token = state.tokens.issue(&key).await?;
    let body =
        json!({ "access_token": token.expose_secret(), "token_type": "bearer", "expires_in": LIFETIME });
    Ok(Json(body))
}
