//! The routers, and what surrounds them: the order of the layers, from the outermost to the handler.

use axum::Router;
use axum::middleware::from_fn;
use axum::routing::get;
use tenant_core::TenantDirectory;
use tenant_router::TenantLayer;
use tenant_router::limit::{AddressLimitLayer, TenantLimitLayer};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::trace::TraceLayer;

use crate::ask::Ask;
use crate::middleware::{cors, panicked, render, stamp};
use crate::readiness::Readiness;
use crate::routes;
use crate::state::{AppState, Listener};

/// Who is let in, on one listener: by address, then whose request it is, then by tenant and in total.
pub(crate) struct Doors<D> {
    pub(crate) addresses: AddressLimitLayer,
    pub(crate) tenants: TenantLayer<D>,
    pub(crate) limits: TenantLimitLayer,
}

/// The public listener.
pub(crate) fn public<D: TenantDirectory>(state: &AppState, doors: Doors<D>) -> Router {
    surround(routes::public().with_state(state.behind(Listener::Public)), doors)
}

/// The private listener.
pub(crate) fn private<D: TenantDirectory>(state: &AppState, mut doors: Doors<D>) -> Router {
    doors.tenants = doors.tenants.exempt(routes::is_exempt);
    surround(routes::private().with_state(state.behind(Listener::Private)), doors)
}

/// The operator's listener, which no tenant routing touches.
pub(crate) fn ops(readiness: Readiness, ask: Ask) -> Router {
    Router::new()
        .route("/livez", get(|| async { "ok" }))
        .route("/readyz", get(move || async move { readiness.answer() }))
        .route("/ask", get(move |question| ask.clone().answer(question)))
        .layer(from_fn(render))
}

fn surround<D: TenantDirectory>(routes: Router, doors: Doors<D>) -> Router {
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
            // Before a host is looked at, so that whoever tries one after the other is stopped too.
            .layer(doors.addresses)
            .layer(doors.tenants)
            .layer(doors.limits),
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
