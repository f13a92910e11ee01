//! The routes as a list, and what wraps them.

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::routing::{delete, get, post};
use axum::{Router, middleware};
use tenant_core::{Clock, HostRules, NamePolicy};
use tower_http::catch_panic::CatchPanicLayer;

use crate::error::ApiError;
use crate::keys::Keys;
use crate::repo::TenantRepo;
use crate::routes::{api_key, health, keys, tenants};
use crate::token::Tokens;
use crate::{answer, body};

/// What the handlers share.
#[derive(Debug, Clone)]
pub(crate) struct AppState {
    pub(crate) tenants: Arc<dyn TenantRepo>,
    pub(crate) keys: Keys,
    pub(crate) tokens: Tokens,
    /// `None` where no base domain is configured: then any host may be a tenant's own.
    pub(crate) base_domains: Option<Arc<HostRules>>,
    pub(crate) names: Arc<NamePolicy>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// The whole service.
pub(crate) fn build_app(state: AppState) -> Router {
    let routes = Router::new()
        .route("/api-key/{key}", get(api_key::by_path))
        .route("/token", post(api_key::by_header))
        // Removal is a route of its own to come; until then it is as unknown as the path of any other.
        .route("/tenant", get(tenants::list).post(tenants::create))
        .route("/tenant/{tenant}", get(tenants::get).delete(not_found))
        .route("/tenant/{tenant}/activate", post(tenants::activate))
        .route("/tenant/{tenant}/suspend", post(tenants::suspend))
        .route("/tenant/{tenant}/resume", post(tenants::resume))
        .route("/tenant/{tenant}/verify-token", post(tenants::verify_token))
        .route("/host/{host}", get(tenants::by_host))
        .route("/keys", get(keys::list).post(keys::issue))
        .route("/keys/{id}", delete(keys::revoke))
        .route("/keys/{id}/rotate", post(keys::rotate))
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed);
    wrap(routes).with_state(state)
}

/// The lower a layer stands, the earlier it sees a request.
fn wrap(routes: Router<AppState>) -> Router<AppState> {
    routes
        .layer(CatchPanicLayer::custom(answer::panicked))
        .layer(DefaultBodyLimit::max(body::LIMIT))
        .layer(middleware::from_fn(answer::wrap))
}

async fn not_found() -> ApiError {
    ApiError::NotFound
}

async fn method_not_allowed() -> ApiError {
    ApiError::MethodNotAllowed
}
