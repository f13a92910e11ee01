//! Reads, deletes and counts of profiles, sessions and events (contract 7).

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use customer_data::records::{self, RecordKind};
use serde_json::{Value, json};
use storage::Document;

use crate::caller::{ANYBODY, BUILDERS, Caller, READERS};
use crate::error::ApiError;
use crate::state::AppState;

/// `GET /{kind}/{id}`: the record, or 404 `null`.
pub(crate) async fn read(
    kind: RecordKind,
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    caller.require(READERS)?;
    let document = records::get(&caller.store(&state), kind, &id).await?;
    Ok(found(document.map(|document| present(kind, document))))
}

/// The shape of a record is its kind's own.
fn present(kind: RecordKind, document: Document) -> Value {
    let meta = json!({ "id": document.id.as_str(), "index": kind.as_str() });
    let mut body = document.body;
    match kind {
        RecordKind::Profile => {
            body.insert("_meta".to_owned(), meta);
            Value::Object(body)
        }
        RecordKind::Session => Value::Object(body),
        RecordKind::Event => json!({ "event": body, "_metadata": meta }),
    }
}

/// What was found, or 404 with the body `null`.
fn found(value: Option<Value>) -> Response {
    let status = if value.is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND };
    (status, Json(value)).into_response()
}

/// `DELETE /{kind}/{id}`: an absent event is 200 with `deleted: 0`, an absent profile or session 404 `null`
/// (contract 12).
pub(crate) async fn delete(
    kind: RecordKind,
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    caller.require(BUILDERS)?;
    let existed = records::delete(&caller.store(&state), kind, &id).await?;
    let told = existed || kind == RecordKind::Event;
    Ok(found(told.then(|| deleted(u64::from(existed)))))
}

/// The search engine's answer to a delete-by-query, of which clients read `deleted`.
fn deleted(count: u64) -> Value {
    json!({
        "took": 0, "timed_out": false, "total": count, "deleted": count, "batches": 1, "version_conflicts": 0,
        "noops": 0, "retries": { "bulk": 0, "search": 0 }, "throttled_millis": 0, "requests_per_second": -1.0,
        "throttled_until_millis": 0, "failures": [],
    })
}

/// `GET /{kind}/count`: the search engine's answer to a count, of which clients read `count`.
pub(crate) async fn count(
    kind: RecordKind,
    State(state): State<AppState>,
    caller: Caller,
) -> Result<Json<Value>, ApiError> {
    caller.require(ANYBODY)?;
    let count = records::count(&caller.store(&state), kind).await?;
    Ok(Json(json!({ "count": count, "_shards": { "total": 1, "successful": 1, "skipped": 0, "failed": 0 } })))
}
