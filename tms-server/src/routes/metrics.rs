//! `/metrics`: for Prometheus. It names no tenant and no key.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

use crate::app::AppState;

/// What the service counts and measures of itself
///
/// Counts of requests, failed attempts and errors are this process's; tenants by status and the number of the last change
/// are read from the database, at most every five seconds.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "getMetrics",
    tag = "service",
    responses((status = 200, description = "Prometheus' text format.", content_type = "text/plain", body = String))
)]
pub(crate) async fn metrics(State(state): State<AppState>) -> impl IntoResponse {
    state.gauges.refresh(&*state.repo).await;
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], state.meters.render())
}
