//! Exempt requests reach the handler, and are told what the layer found out.

use tenant_router::TenantLayer;

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
