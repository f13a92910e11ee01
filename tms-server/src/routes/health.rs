//! `/livez` and `/readyz`.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::app::AppState;
use crate::error::ApiError;
use crate::openapi::schemas;

/// Whether the process runs
#[utoipa::path(
    get,
    path = "/livez",
    operation_id = "getLive",
    tag = "service",
    responses((status = 200, description = "It does.", body = schemas::Health))
)]
pub(crate) async fn live() -> Json<Value> {
    Json(json!({ "status": "live" }))
}

/// Whether the database answers
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "getReady",
    tag = "service",
    responses((status = 200, description = "It does.", body = schemas::Health))
)]
pub(crate) async fn ready(State(state): State<AppState>) -> Result<Json<Value>, ApiError> {
    state.repo.ready().await?;
    Ok(Json(json!({ "status": "ready" })))
}
