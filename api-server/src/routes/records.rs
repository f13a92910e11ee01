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

/// `GET /profile/{id}`
pub(crate) async fn profile(
    state: State<AppState>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    Ok(found(read(state, caller, RecordKind::Profile, &id).await?.map(with_meta)))
}

/// `GET /session/{id}`
pub(crate) async fn session(
    state: State<AppState>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    Ok(found(
        read(state, caller, RecordKind::Session, &id).await?.map(|document| Value::Object(document.body)),
    ))
}

/// `GET /event/{id}`
pub(crate) async fn event(
    state: State<AppState>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let document = read(state, caller, RecordKind::Event, &id).await?;
    Ok(found(document.map(|document| {
        json!({ "event": document.body, "_metadata": { "id": document.id.as_str(), "index": "event" } })
    })))
}

async fn read(
    State(state): State<AppState>,
    caller: Caller,
    kind: RecordKind,
    id: &str,
) -> Result<Option<Document>, ApiError> {
    caller.require(READERS)?;
    Ok(records::get(&caller.store(&state), kind, id).await?)
}

fn with_meta(document: Document) -> Value {
    let mut body = document.body;
    body.insert("_meta".to_owned(), json!({ "id": document.id.as_str(), "index": "profile" }));
    Value::Object(body)
}

/// What was found, or 404 with the body `null`.
fn found(value: Option<Value>) -> Response {
    let status = if value.is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND };
    (status, Json(value)).into_response()
}

/// `DELETE /profile/{id}`
pub(crate) async fn delete_profile(
    state: State<AppState>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let existed = delete(state, caller, RecordKind::Profile, &id).await?;
    Ok(found(existed.then(|| deleted(1))))
}

/// `DELETE /session/{id}`
pub(crate) async fn delete_session(
    state: State<AppState>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let existed = delete(state, caller, RecordKind::Session, &id).await?;
    Ok(found(existed.then(|| deleted(1))))
}

/// `DELETE /event/{id}`: an absent one is 200 with `deleted: 0` (contract 12).
pub(crate) async fn delete_event(
    state: State<AppState>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let existed = delete(state, caller, RecordKind::Event, &id).await?;
    Ok(found(Some(deleted(u64::from(existed)))))
}

async fn delete(
    State(state): State<AppState>,
    caller: Caller,
    kind: RecordKind,
    id: &str,
) -> Result<bool, ApiError> {
    caller.require(BUILDERS)?;
    Ok(records::delete(&caller.store(&state), kind, id).await?)
}

/// The search engine's answer to a delete-by-query, of which clients read `deleted`.
fn deleted(count: u64) -> Value {
    json!({
        "took": 0, "timed_out": false, "total": count, "deleted": count, "batches": 1, "version_conflicts": 0,
        "noops": 0, "retries": { "bulk": 0, "search": 0 }, "throttled_millis": 0, "requests_per_second": -1.0,
        "throttled_until_millis": 0, "failures": [],
    })
}

/// `GET /profile/count`
pub(crate) async fn count_profiles(state: State<AppState>, caller: Caller) -> Result<Json<Value>, ApiError> {
    count(state, caller, RecordKind::Profile).await
}

/// `GET /session/count`
pub(crate) async fn count_sessions(state: State<AppState>, caller: Caller) -> Result<Json<Value>, ApiError> {
    count(state, caller, RecordKind::Session).await
}

/// `GET /event/count`
pub(crate) async fn count_events(state: State<AppState>, caller: Caller) -> Result<Json<Value>, ApiError> {
    count(state, caller, RecordKind::Event).await
}

/// The search engine's answer to a count, of which clients read `count`.
async fn count(
    State(state): State<AppState>,
    caller: Caller,
    kind: RecordKind,
) -> Result<Json<Value>, ApiError> {
    caller.require(ANYBODY)?;
    let count = records::count(&caller.store(&state), kind).await?;
    Ok(Json(json!({ "count": count, "_shards": { "total": 1, "successful": 1, "skipped": 0, "failed": 0 } })))
}
