//! What the service says of itself: `/openapi.json` for programs, `/docs` for people.

use axum::extract::State;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::IntoResponse;

use crate::app::AppState;

/// This document
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "getDocument",
    tag = "service",
    responses((status = 200, description = "An OpenAPI document.", body = serde_json::Value))
)]
pub(crate) async fn document(State(state): State<AppState>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], state.docs.document())
}

/// This document as a page
#[utoipa::path(
    get,
    path = "/docs",
    operation_id = "getPage",
    tag = "service",
    responses((status = 200, description = "A page that loads nothing else.", content_type = "text/html", body = String))
)]
pub(crate) async fn page(State(state): State<AppState>) -> impl IntoResponse {
    let (html, policy) = state.docs.page();
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (CONTENT_SECURITY_POLICY, policy.to_owned()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    (headers, html)
}
