//! `/event-source` and `/event-sources` (contract 7).

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use customer_data::source::{self, EventSource};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::body::JsonBody;
use crate::caller::{BUILDERS, Caller};
use crate::error::ApiError;
use crate::state::AppState;

/// How many sources a listing gives.
const MAX_LISTED: usize = 500;

/// `POST /event-source`: stores a source and answers its id, as a bare JSON string.
pub(crate) async fn save(
    State(state): State<AppState>,
    caller: Caller,
    JsonBody(body): JsonBody,
) -> Result<Json<String>, ApiError> {
    caller.require(BUILDERS)?;
    let source = EventSource::parse(&body, state.clock().wall()).map_err(ApiError::invalid)?;
    source::save(&caller.store(&state), &source).await?;
    Ok(Json(source.id))
}

/// `GET /event-source/{id}`: the source, or 404 `null`.
pub(crate) async fn read(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    caller.require(BUILDERS)?;
    let source = source::get(&caller.store(&state), &id).await?;
    let status = if source.is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND };
    Ok((status, Json(source)).into_response())
}

/// `DELETE /event-source/{id}`: `[true, source]`, or 404 `null`.
pub(crate) async fn delete(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    caller.require(BUILDERS)?;
    Ok(match source::delete(&caller.store(&state), &id).await? {
        Some(deleted) => Json(json!([true, deleted])).into_response(),
        None => (StatusCode::NOT_FOUND, Json(Value::Null)).into_response(),
    })
}

#[derive(Deserialize)]
pub(crate) struct Listing {
    #[serde(default)]
    query: String,
}

/// `GET /event-sources?query=`: the sources whose name contains the text, under the label of the original.
pub(crate) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Query(listing): Query<Listing>,
) -> Result<Json<Value>, ApiError> {
    caller.require(BUILDERS)?;
    let sources = source::list(&caller.store(&state), &listing.query, MAX_LISTED).await?;
    let grouped = if sources.is_empty() { Value::Null } else { json!({ "Event sources": sources }) };
    Ok(Json(json!({ "total": sources.len(), "grouped": grouped })))
}
