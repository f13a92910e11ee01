//! The keys of the service; for operators.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tenant_core::Reader;

use crate::app::AppState;
use crate::body::{JsonBody, OptionalJsonBody, PathText};
use crate::caller::Operator;
use crate::error::ApiError;
use crate::integer::integer;
use crate::keys::{IssuedKey, KeyInfo, LONGEST_OVERLAP, Scope};
use crate::openapi::schemas;

/// All keys but the environment's
#[utoipa::path(
    get,
    path = "/keys",
    operation_id = "listKeys",
    tag = "keys",
    responses((status = 200, description = "By id.", body = [schemas::Key])),
    security(("token" = ["operator"]))
)]
pub(crate) async fn list(_: Operator, State(state): State<AppState>) -> Result<Json<Vec<Value>>, ApiError> {
    Ok(Json(state.keys.list().await?.iter().map(info).collect()))
}

/// Make a key
#[utoipa::path(
    post,
    path = "/keys",
    operation_id = "issueKey",
    tag = "keys",
    request_body = schemas::NewKey,
    responses((status = 200, description = "The key, shown this once.", body = schemas::IssuedKey)),
    security(("token" = ["operator"]))
)]
pub(crate) async fn issue(
    Operator(caller): Operator,
    State(state): State<AppState>,
    body: JsonBody,
) -> Result<Json<Value>, ApiError> {
    let (scope, label) = body.read(|reader| (scope(reader), reader.optional_string("label")))?;
    let key = state.keys.by(caller.key_use()).issue(scope, &label.unwrap_or_default()).await?;
    Ok(Json(issued(&key)))
}

/// Make a new secret for a key
///
/// Earlier ones, and their tokens, work for the overlap.
#[utoipa::path(
    post,
    path = "/keys/{id}/rotate",
    operation_id = "rotateKey",
    tag = "keys",
    params(("id" = String, Path, description = "The id of a key.")),
    request_body = Option<schemas::Rotation>,
    responses(
        (status = 200, description = "The key, shown this once.", body = schemas::IssuedKey),
        (status = 404, description = "`key_unknown`: there is no such key"),
    ),
    security(("token" = ["operator"]))
)]
pub(crate) async fn rotate(
    Operator(caller): Operator,
    State(state): State<AppState>,
    PathText(id): PathText,
    OptionalJsonBody(body): OptionalJsonBody,
) -> Result<Json<Value>, ApiError> {
    let overlap = body.read(|reader| integer(reader, "overlap_s", 0..=LONGEST_OVERLAP))?;
    let overlap = Duration::from_secs(overlap.unwrap_or(0));
    let key = state.keys.by(caller.key_use()).rotate(&id, overlap).await?.ok_or(ApiError::KeyUnknown)?;
    Ok(Json(issued(&key)))
}

/// Remove a key
///
/// It and its tokens open nothing from the next request on.
#[utoipa::path(
    delete,
    path = "/keys/{id}",
    operation_id = "revokeKey",
    tag = "keys",
    params(("id" = String, Path, description = "The id of a key.")),
    responses(
        (status = 200, description = "What it was.", body = schemas::Key),
        (status = 404, description = "`key_unknown`: there is no such key"),
    ),
    security(("token" = ["operator"]))
)]
pub(crate) async fn revoke(
    Operator(caller): Operator,
    State(state): State<AppState>,
    PathText(id): PathText,
) -> Result<Json<Value>, ApiError> {
    let revoked = state.keys.by(caller.key_use()).revoke(&id).await?.ok_or(ApiError::KeyUnknown)?;
    Ok(Json(info(&revoked)))
}

fn scope(reader: &mut Reader<'_>) -> Scope {
    let word = reader.string("scope");
    let known = Scope::parse(&word);
    if known.is_none() && reader.get("scope").is_some_and(Value::is_string) {
        reader.fault("scope", "enum", "Input should be 'directory' or 'operator'");
    }
    // Used only if nothing was at fault.
    known.unwrap_or(Scope::Directory)
}

fn issued(key: &IssuedKey) -> Value {
    json!({ "id": key.id, "key": key.key.expose_secret() })
}

fn info(key: &KeyInfo) -> Value {
    json!({
        "id": key.id,
        "scope": key.scope.as_str(),
        "label": key.label,
        "generation": key.generation,
        "created": key.created,
    })
}
