//! Every row of the table of answers, over a socket.

use std::sync::Arc;
use std::time::Duration;

use tenant_core::{Cached, HostRules, Lookup, ManualClock};
use tenant_router::{RejectionKind, TenantLayer};

use crate::directory::{Scripted, every_case, rules, tenant};
use crate::server::serve;
use crate::wire::{get, send, send_bytes};

#[tokio::test]
async fn every_refusal_has_its_answer_and_the_handler_never_runs() {
    let server = serve(TenantLayer::new(rules(), every_case())).await;
    let not_ours = "This host is no tenant's.";
    for (host, status, code, detail, retry_after) in [
        ("", 400, "host_invalid", "Bad host: the host is empty.", None),
        ("192.0.2.1", 400, "host_invalid", "Bad host: the host is an IP address.", None),
        ("[2001:db8::1]", 400, "host_invalid", "Bad host: the host is an IP address.", None),
        ("a..base.example", 400, "host_invalid", "Bad host: the host has a malformed label.", None),
        ("u@acme.base.example", 400, "host_invalid", "Bad host: the host has user information.", None),
        ("acme.base.example:65536", 400, "host_invalid", "Bad host: the port is not a port.", None),
        ("base.example", 400, "host_invalid", "This host is the base domain, not a tenant's.", None),
        ("a.acme.base.example", 400, "host_invalid", not_ours, None),
        ("elsewhere.example", 400, "host_invalid", not_ours, None),
        ("lost.example", 400, "host_invalid", not_ours, None),
        ("mistaken.example", 400, "host_invalid", not_ours, None),
        ("stranger.base.example", 404, "tenant_unknown", "Tenant [stranger] not allowed.", None),
        ("nobody.base.example", 404, "tenant_unknown", "Tenant [nobody] not allowed.", None),
        ("c-ompanyx.base.example", 404, "tenant_unknown", "Tenant [companyx] not allowed.", None),
        ("missedx-y.base.example", 404, "tenant_unknown", "Tenant [missedxy] not allowed.", None),
        ("1-2.base.example", 404, "tenant_unknown", "Tenant [12] not allowed.", None),
        ("xn--a.base.example", 404, "tenant_unknown", "Tenant [xna] not allowed.", None),
        ("leav-ing.base.example", 404, "tenant_unknown", "Tenant [leaving] not allowed.", None),
        ("new.base.example", 503, "tenant_pending", "Tenant [new] is not ready yet.", Some("5")),
        ("missednew.base.example", 503, "tenant_pending", "Tenant [missednew] is not ready yet.", Some("5")),
        ("unpaid.base.example", 403, "tenant_suspended", "The bill is open.", None),
        ("quiet.base.example", 403, "tenant_suspended", "This tenant is suspended.", None),
        ("stopped.base.example", 403, "tenant_suspended", "This tenant is suspended.", None),
        ("expired.base.example", 403, "tenant_expired", "This tenant has expired.", None),
        ("away.base.example", 503, "tenant_unavailable", UNAVAILABLE, Some("2")),
        ("stranded.base.example", 503, "tenant_unavailable", UNAVAILABLE, Some("2")),
    ] {
        let answer = get(server.addr, host).await;
        assert_eq!(answer.status, status, "{host}: {answer:?}");
        assert_eq!(answer.json(), serde_json::json!({ "detail": detail, "code": code }), "{host}");
        assert_eq!(answer.header("retry-after"), retry_after, "{host}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{host}");
        assert_eq!(answer.header("content-type"), Some("application/json"), "{host}");
    }
    assert_eq!(server.handled(), 0);
}

const UNAVAILABLE: &str = "It cannot be told at the moment whose host this is. Try again.";

#[tokio::test]
async fn an_active_tenant_reaches_the_handler_under_each_of_its_hosts() {
    let server = serve(TenantLayer::new(rules(), every_case())).await;
    for (host, seen) in [
        ("acme.base.example", "acme@acme.base.example"),
        ("ACME.Base.Example.:8585", "acme@acme.base.example"),
        ("shop.example", "acme@shop.example"),
        ("company-x.base.example", "companyx@company-x.base.example"),
        ("companyx.base.example", "companyx@companyx.base.example"),
        ("missed.base.example", "missed@missed.base.example"),
        ("missed-xy.base.example", "missedxy@missed-xy.base.example"),
        ("stale.base.example", "stale@stale.base.example"),
    ] {
        let answer = get(server.addr, host).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, seen), "{host}");
    }
    assert_eq!(server.handled(), 8);
}

#[tokio::test]
async fn without_base_domains_the_second_key_is_asked_only_where_the_first_is_unknown() {
    let rules = HostRules::base_domains([]);
    let away = || Lookup::Unavailable { retry_after: Duration::from_secs(1) };
    let directory = every_case().with("acme.away.example", Cached::Miss, away());
    let server = serve(TenantLayer::new(rules, directory)).await;
    for (host, status) in [
        ("acme.any.example", 200),
        ("missed.any.example", 200),
        ("shop.example", 200),
        ("stranger.any.example", 404),
        ("stranger.example", 400),
        ("acme.away.example", 503),
    ] {
        assert_eq!(get(server.addr, host).await.status, status, "{host}");
    }
}

#[tokio::test]
async fn a_single_tenant_is_found_without_reading_the_host() {
    let rules = HostRules::fixed(&"acme".parse().unwrap());
    let server = serve(TenantLayer::new(rules, every_case())).await;
    for host in ["127.0.0.1", "globex.base.example", "", "a..b"] {
        assert_eq!(get(server.addr, host).await.body, "acme@-", "{host}");
    }
    let answer = send(server.addr, &["GET / HTTP/1.0"]).await;
    assert_eq!(answer.body, "acme@-");
}

#[tokio::test]
async fn a_client_gets_problem_details_if_it_asks() {
    let server = serve(TenantLayer::new(rules(), every_case())).await;
    let head = ["GET / HTTP/1.1", "Host: unpaid.base.example", "Accept: application/problem+json"];
    let answer = send(server.addr, &head).await;
    assert_eq!(answer.status, 403);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    let problem = serde_json::json!({
        "type": "about:blank", "title": "tenant suspended", "status": 403,
        "detail": "The bill is open.", "code": "tenant_suspended",
    });
    assert_eq!(answer.json(), problem);
}

#[tokio::test]
async fn a_head_request_gets_no_body() {
    let server = serve(TenantLayer::new(rules(), every_case())).await;
    let with_body = get(server.addr, "stranger.base.example").await;
    let answer = send(server.addr, &["HEAD / HTTP/1.1", "Host: stranger.base.example"]).await;
    assert_eq!((answer.status, answer.body.as_str()), (404, ""));
    assert_eq!(answer.header("content-length"), with_body.header("content-length"));
}

#[tokio::test]
async fn bytes_that_are_no_text_are_a_bad_host() {
    let server = serve(TenantLayer::new(rules(), every_case())).await;
    let hosts: [&[u8]; 3] = [b"\xe4cme.base.example", b"acme\xff", "äcme.base.example".as_bytes()];
    for host in hosts {
        let answer = send_bytes(server.addr, &[b"GET / HTTP/1.1", &[b"Host: ", host].concat()]).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "host_invalid"));
    }
    assert_eq!(server.handled(), 0);
}

#[tokio::test]
async fn a_program_may_render_refusals_itself() {
    let layer = TenantLayer::new(rules(), every_case()).on_reject(|rejection, request| {
        let RejectionKind::Unknown { id } = rejection.kind() else { return None };
        let mut response = rejection.response(request);
        *response.body_mut() = format!("nobody is called {id}, asked by {}", request.method).into();
        Some(response)
    });
    let server = serve(layer).await;
    let own = get(server.addr, "stranger.base.example").await;
    assert_eq!((own.status, own.body.as_str()), (404, "nobody is called stranger, asked by GET"));
    assert_eq!(get(server.addr, "elsewhere.example").await.code(), "host_invalid");
    assert_eq!(server.handled(), 0);
}

#[tokio::test]
async fn a_tenant_expires_by_the_layers_clock() {
    let clock = Arc::new(ManualClock::new("2026-01-01T00:00:00Z".parse().unwrap()));
    let mut trial = tenant("trial");
    trial.expire = Some("2026-01-01T01:00:00Z".parse().unwrap());
    let layer = TenantLayer::new(rules(), Scripted::default().with_known(trial)).clock(clock.clone());
    let server = serve(layer).await;
    assert_eq!(get(server.addr, "trial.base.example").await.status, 200);
    clock.advance(Duration::from_secs(3600));
    assert_eq!(get(server.addr, "trial.base.example").await.code(), "tenant_expired");
    assert_eq!(server.handled(), 1);
}
