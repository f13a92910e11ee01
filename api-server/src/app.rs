//! The routers, and what surrounds them: the order of the layers, from the outermost to the handler.

use axum::Router;
use axum::middleware::from_fn;
use axum::routing::get;
use tenant_core::TenantDirectory;
use tenant_router::TenantLayer;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::trace::TraceLayer;

use crate::ask::Ask;
use crate::middleware::{cors, panicked, render, stamp};
use crate::readiness::Readiness;
use crate::routes;
use crate::state::{AppState, Listener};

/// The public listener.
pub(crate) fn public<D: TenantDirectory>(state: &AppState, tenants: TenantLayer<D>) -> Router {
    surround(routes::public().with_state(state.behind(Listener::Public)), tenants)
}

/// The private listener.
pub(crate) fn private<D: TenantDirectory>(state: &AppState, tenants: TenantLayer<D>) -> Router {
    surround(routes::private().with_state(state.behind(Listener::Private)), tenants.exempt(routes::is_exempt))
}

/// The operator's listener, which no tenant routing touches.
pub(crate) fn ops(readiness: Readiness, ask: Ask) -> Router {
    Router::new()
        .route("/livez", get(|| async { "ok" }))
        .route("/readyz", get(move || async move { readiness.answer() }))
        .route("/ask", get(move |question| ask.clone().answer(question)))
        .layer(from_fn(render))
}

fn surround<D: TenantDirectory>(routes: Router, tenants: TenantLayer<D>) -> Router {
    routes.layer(
        ServiceBuilder::new()
            .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
            // A failure of ours is logged where it is met; a 503 that a stranger can cause is no error line.
            .layer(TraceLayer::new_for_http().make_span_with(span).on_failure(()))
            .layer(PropagateRequestIdLayer::x_request_id())
            .layer(from_fn(stamp))
            // A browser may read a refusal only if these headers are on it.
            .layer(from_fn(cors))
            .layer(from_fn(render))
            .layer(CatchPanicLayer::custom(panicked))
            .layer(tenants),
    )
}

/// Neither headers nor the query: they carry secrets.
fn span<B>(request: &axum::http::Request<B>) -> tracing::Span {
    tracing::info_span!(
        "request",
        method = %request.method(),
        path = request.uri().path(),
        request_id = request.headers().get("x-request-id").and_then(|id| id.to_str().ok()),
        tenant.id = tracing::field::Empty,
    )
}
