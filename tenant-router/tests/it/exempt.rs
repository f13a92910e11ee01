//! Exempt requests reach the handler, and are told what the layer found out.

use std::convert::Infallible;
use std::future::ready;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tenant_core::HostRules;
use tenant_router::{CurrentTenant, Resolution, TenantLayer};
use tower::{Layer, ServiceExt, service_fn};

use crate::directory::{every_case, rules};
use crate::server::serve;
use crate::wire::{get, send};

#[tokio::test]
async fn an_exempt_request_reaches_the_handler_with_what_was_found() {
    let layer = TenantLayer::new(rules(), every_case()).exempt(|request| request.uri.path() == "/install");
    let server = serve(layer).await;
    for (host, seen) in [
        ("acme.base.example", "exempt acme@acme.base.example"),
        ("missed.base.example", "exempt missed@missed.base.example"),
        ("new.base.example", "exempt 503 new true"),
        ("missednew.base.example", "exempt 503 missednew true"),
        ("unpaid.base.example", "exempt 403 unpaid true"),
        ("stranger.base.example", "exempt 404 stranger false"),
        ("away.base.example", "exempt 503 away false"),
        ("base.example", "exempt 400 - false"),
        ("127.0.0.1", "exempt 400 - false"),
    ] {
        let answer = send(server.addr, &["POST /install HTTP/1.1", &format!("Host: {host}")]).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, seen), "{host}");
    }
    assert_eq!(get(server.addr, "new.base.example").await.status, 503, "any other path is not exempt");
}

/// The tenant that the handler sees, or the status that it is told.
fn seen(request: &Request<()>) -> String {
    let current = request.extensions().get::<CurrentTenant>();
    match request.extensions().get::<Resolution>() {
        Some(Resolution(Err(rejection))) => format!("{} {}", rejection.status().as_u16(), current.is_some()),
        _ => current.map_or_else(String::new, |current| current.tenant().id().to_string()),
    }
}

#[tokio::test]
async fn what_a_layer_further_out_found_is_never_taken_for_what_this_one_did() {
    let handler = service_fn(|request: Request<()>| {
        ready(Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(seen(&request)))))
    });
    let further_out = TenantLayer::new(HostRules::fixed(&"company-x".parse().unwrap()), every_case());
    let exempts = TenantLayer::new(rules(), every_case()).exempt(|_| true);
    let service = further_out.layer(exempts.layer(handler));
    for (host, sees) in [
        ("acme.base.example", "acme"),
        ("missed.base.example", "missed"),
        ("stranger.base.example", "404 false"),
        ("nobody.base.example", "404 false"),
        ("unpaid.base.example", "403 false"),
        ("away.base.example", "503 false"),
        ("127.0.0.1", "400 false"),
    ] {
        let request = Request::get("/").header("host", host).body(()).unwrap();
        let body = service.clone().oneshot(request).await.unwrap().into_body();
        assert_eq!(body.collect().await.unwrap().to_bytes(), sees, "{host}");
    }
}
