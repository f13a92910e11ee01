//! With the feature `axum`: extractors, `ConnectInfo`, routes that are exempt or not wrapped at all.

use std::net::SocketAddr;

use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};
use tenant_router::{CurrentTenant, Rejection, Resolution, TenantLayer};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::directory::{every_case, rules};
use crate::wire::{get as ask, send};

async fn whoami(current: CurrentTenant) -> String {
    current.tenant().name.to_string()
}

/// Finishes a pending tenant, and answers anybody else as the layer would.
async fn install(Resolution(found): Resolution) -> Result<String, Rejection> {
    match found {
        Err(refused) if refused.tenant().is_none() => Err(refused),
        Err(refused) => Ok(format!("finish {}", refused.id().expect("a known tenant has an id"))),
        Ok(current) => Ok(format!("already {}", current.tenant().id())),
    }
}

async fn serve() -> (SocketAddr, JoinSet<()>) {
    let layer = TenantLayer::new(rules(), every_case())
        .trusted_proxies(["127.0.0.1/32".parse().unwrap()])
        .exempt(|request| request.uri.path().starts_with("/install"));
    let app = Router::new()
        .route("/", get(whoami))
        .route("/install", post(install))
        .route("/install/whoami", get(whoami))
        .layer(layer)
        .route("/unwrapped", get(whoami))
        .route("/unwrapped/resolution", get(async |_: Resolution| Response::<String>::default()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let service = app.into_make_service_with_connect_info::<SocketAddr>();
        axum::serve(listener, service).await.unwrap();
    });
    (addr, tasks)
}

#[tokio::test]
async fn a_handler_takes_the_current_tenant() {
    let (addr, _tasks) = serve().await;
    let answer = ask(addr, "company-x.base.example").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "company-x"));
    let answer = ask(addr, "stranger.base.example").await;
    assert_eq!((answer.status, answer.code().as_str()), (404, "tenant_unknown"));
    let answer = send(addr, &["GET /no-such-route HTTP/1.1", "Host: stranger.base.example"]).await;
    assert_eq!(answer.code(), "tenant_unknown", "routes that are not there are wrapped too");
}

#[tokio::test]
async fn connect_info_tells_whom_to_trust() {
    let (addr, _tasks) = serve().await;
    let head = ["GET / HTTP/1.1", "Host: 10.0.0.1", "X-Forwarded-Host: acme.base.example"];
    assert_eq!(send(addr, &head).await.body, "acme");
}

#[tokio::test]
async fn an_exempt_handler_takes_the_resolution() {
    let (addr, _tasks) = serve().await;
    let install = async |host: &str| {
        send(addr, &["POST /install HTTP/1.1", &format!("Host: {host}.base.example")]).await
    };
    assert_eq!(install("new").await.body, "finish new");
    assert_eq!(install("acme").await.body, "already acme");
    let refused = install("away").await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("2")));
}

#[tokio::test]
async fn a_handler_that_cannot_do_without_a_tenant_is_not_run_without_one() {
    let (addr, _tasks) = serve().await;
    let head = ["GET /install/whoami HTTP/1.1", "Host: new.base.example", "Accept: application/problem+json"];
    let answer = send(addr, &head).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "tenant_pending"));
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    for path in ["/unwrapped", "/unwrapped/resolution"] {
        let answer = send(addr, &[&format!("GET {path} HTTP/1.1"), "Host: acme.base.example"]).await;
        assert_eq!(answer.status, 500, "{path}");
    }
}
