//! One axum handler: bare, behind our layer, and behind a middleware as most write it.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use http::header::HOST;
use tenant_core::{HostRules, StaticDirectory, Tenant, TenantDirectory};
use tenant_router::TenantLayer;

use crate::{Result, hosts, opponents};

/// The handler alone.
pub fn bare() -> Router {
    Router::new().route("/", get(async || "ok"))
}

/// The layer of a service under the base domain.
///
/// # Errors
/// Never: the base domain is one.
pub fn layer<D: TenantDirectory>(directory: D) -> Result<TenantLayer<D>> {
    Ok(TenantLayer::new(HostRules::base_domains([hosts::BASE.parse()?]), directory))
}

/// So many tenants that never change.
pub fn directory(tenants: usize) -> StaticDirectory {
    (0..tenants).map(hosts::tenant).collect()
}

/// The handler behind a layer that does nothing: what it costs to have any.
pub fn identity() -> Router {
    bare().layer(tower::layer::util::Identity::new())
}

/// The handler behind the tenant layer, as axum applies layers.
///
/// # Errors
/// Never: the base domain is one.
pub fn within<D: TenantDirectory>(directory: D) -> Result<Router> {
    Ok(bare().layer(layer(directory)?))
}

type Tenants = moka::sync::Cache<String, Arc<Tenant>>;

/// A middleware that reads the header into a text, asks a cache, and hands on what it finds.
pub fn naive(tenants: usize) -> Router {
    let cache: Tenants = moka::sync::Cache::new(2 * tenants as u64);
    (0..tenants).for_each(|tenant| cache.insert(hosts::name(tenant), Arc::new(hosts::tenant(tenant))));
    cache.run_pending_tasks();
    bare().layer(middleware::from_fn_with_state(cache, find))
}

async fn find(State(cache): State<Tenants>, mut request: Request, next: Next) -> Response<Body> {
    let host = request.headers().get(HOST).map(|host| host.as_bytes().to_vec()).unwrap_or_default();
    match opponents::label_text(&host).and_then(|label| cache.get(&label)) {
        Some(tenant) => {
            request.extensions_mut().insert(tenant);
            next.run(request).await
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
