//! The routes as a list, and what wraps them.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use axum::routing::{MethodRouter, delete, get, post};
use axum::{Router, middleware};
use tenant_core::{Clock, HostRules, NamePolicy};
use tokio::sync::watch;
use tower_http::catch_panic::CatchPanicLayer;

use crate::answer::Around;
use crate::attempts::Attempts;
use crate::error::ApiError;
use crate::gauges::Gauges;
use crate::keys::Keys;
use crate::meters::Meters;
use crate::openapi::Docs;
use crate::repo::Repo;
use crate::routes::{api_key, audit, changes, docs, health, keys, list, metrics, tenants};
use crate::token::Tokens;
use crate::turns::Turns;
use crate::{answer, body};

/// How long a request may take until its answer begins, reading its body included.
const DEADLINE: Duration = Duration::from_secs(10);

/// What the handlers share.
#[derive(Debug, Clone)]
pub(crate) struct AppState {
    pub(crate) repo: Arc<dyn Repo>,
    pub(crate) keys: Keys,
    pub(crate) tokens: Tokens,
    pub(crate) attempts: Attempts,
    pub(crate) meters: Meters,
    pub(crate) gauges: Gauges,
    pub(crate) docs: Docs,
    /// Whose whole lists are being sent.
    pub(crate) turns: Turns,
    /// `None` where no base domain is configured: then any host may be a tenant's own.
    pub(crate) base_domains: Option<Arc<HostRules>>,
    pub(crate) names: Arc<NamePolicy>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Changes when the service ends. What would go on for ever ends then.
    pub(crate) stop: watch::Receiver<()>,
}

/// Every path with its handlers.
fn routes() -> Vec<(&'static str, MethodRouter<AppState>)> {
    vec![
        ("/api-key/{key}", get(api_key::by_path)),
        ("/token", post(api_key::by_header)),
        // Removal is a route of its own to come; until then it is as unknown as the path of any other.
        ("/tenant", get(list::list).post(tenants::create)),
        ("/tenant/{tenant}", get(tenants::get).patch(tenants::patch).delete(not_found)),
        ("/tenant/{tenant}/activate", post(tenants::activate)),
        ("/tenant/{tenant}/suspend", post(tenants::suspend)),
        ("/tenant/{tenant}/resume", post(tenants::resume)),
        ("/tenant/{tenant}/verify-token", post(tenants::verify_token)),
        ("/host/{host}", get(tenants::by_host)),
        ("/changes", get(changes::follow)),
        ("/audit", get(audit::list)),
        ("/keys", get(keys::list).post(keys::issue)),
        ("/keys/{id}", delete(keys::revoke)),
        ("/keys/{id}/rotate", post(keys::rotate)),
        ("/livez", get(health::live)),
        ("/readyz", get(health::ready)),
        ("/metrics", get(metrics::metrics)),
        ("/openapi.json", get(docs::document)),
        ("/docs", get(docs::page)),
    ]
}

/// The whole service.
pub(crate) fn build_app(state: AppState) -> Router {
    let routes =
        routes().into_iter().fold(Router::new(), |router, (path, methods)| router.route(path, methods));
    let routes = routes.fallback(not_found).method_not_allowed_fallback(method_not_allowed);
    let around = Around { deadline: DEADLINE, meters: state.meters.clone() };
    wrap(routes, around).with_state(state)
}

/// The lower a layer stands, the earlier it sees a request.
fn wrap<S: Clone + Send + Sync + 'static>(routes: Router<S>, around: Around) -> Router<S> {
    let around = Arc::new(around);
    routes
        .layer(CatchPanicLayer::custom(answer::panicked))
        .layer(DefaultBodyLimit::max(body::LIMIT))
        .layer(middleware::from_fn(move |request, next| answer::wrap(request, next, around.clone())))
}

async fn not_found() -> ApiError {
    ApiError::NotFound
}

async fn method_not_allowed() -> ApiError {
    ApiError::MethodNotAllowed
}

#[cfg(test)]
mod tests {
    use axum::http::header::RETRY_AFTER;
    use serde_json::Value;
    use tokio::net::TcpListener;

    use super::*;
    use crate::serve::serve;

    const STALL: Duration = Duration::from_secs(10);

    #[test]
    fn the_document_has_these_paths_and_no_others() {
        let document = crate::openapi::document();
        let mut documented: Vec<&str> =
            document["paths"].as_object().expect("paths").keys().map(String::as_str).collect();
        let mut routed: Vec<&str> = routes().into_iter().map(|(path, _)| path).collect();
        documented.sort_unstable();
        routed.sort_unstable();
        assert_eq!(documented, routed);
    }

    async fn hang() {
        std::future::pending().await
    }

    async fn panic() {
        panic!("as a handler must not");
    }

    /// A handler that fails in ways that ours do not, behind what wraps ours.
    #[tokio::test]
    async fn a_handler_that_hangs_or_panics_is_answered_as_any_other_error() {
        let routes = Router::new().route("/hang", get(hang)).route("/panic", get(panic));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let addr = listener.local_addr().expect("an address");
        let (stop, stopped) = watch::channel(());
        let around = Around { deadline: Duration::from_millis(50), meters: Meters::new() };
        let serving = tokio::spawn(serve(listener, wrap(routes, around), STALL, stopped));
        for (path, status, code) in [("hang", 503, "timeout"), ("panic", 500, "internal")] {
            let answer = reqwest::get(format!("http://{addr}/{path}")).await.expect("an answer");
            assert_eq!(answer.status(), status);
            assert_eq!(answer.headers().contains_key(RETRY_AFTER.as_str()), status == 503);
            let body: Value = serde_json::from_str(&answer.text().await.expect("a body")).expect("json");
            assert_eq!(body["code"], code, "{body}");
        }
        stop.send(()).expect("it serves");
        serving.await.expect("no panic");
    }
}
