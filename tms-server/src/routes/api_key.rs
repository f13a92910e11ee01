//! A key for a token: `GET /api-key/{key}` (contract 2) and `POST /token`, which keeps the key out of paths.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use crate::app::AppState;
use crate::body::PathText;
use crate::error::ApiError;
use crate::token::LIFETIME;

pub(crate) async fn by_path(
    State(state): State<AppState>,
    PathText(key): PathText,
) -> Result<Json<Value>, ApiError> {
    exchange(&state, &key.into()).await
}

pub(crate) async fn by_header(
    State(state): State<AppState>,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    let key = headers.get("x-api-key").and_then(|value| value.to_str().ok());
    exchange(&state, &key.ok_or(ApiError::KeyRefused)?.into()).await
}

async fn exchange(state: &AppState, key: &SecretString) -> Result<Json<Value>, ApiError> {
    let key = state.keys.recognise(key).await?.ok_or(ApiError::KeyRefused)?;
    let token = state.tokens.issue(&key)?;
    let body =
        json!({ "access_token": token.expose_secret(), "token_type": "bearer", "expires_in": LIFETIME });
    Ok(Json(body))
}
