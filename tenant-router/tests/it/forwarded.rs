//! Who may speak for the host that a client asked for.

use http::HeaderName;
use tenant_router::TenantLayer;

use crate::directory::{Scripted, every_case, rules};
use crate::server::serve;
use crate::wire::send;

fn behind(net: &str) -> TenantLayer<Scripted> {
    TenantLayer::new(rules(), every_case()).trusted_proxies([net.parse().unwrap()])
}

#[tokio::test]
async fn what_an_untrusted_peer_forwards_is_ignored() {
    for layer in [TenantLayer::new(rules(), every_case()), behind("10.0.0.0/8")] {
        let server = serve(layer).await;
        for spoof in [
            "Forwarded: host=company-x.base.example",
            "X-Forwarded-Host: company-x.base.example",
            "X-Forwarded-Host: ,,,",
            "X-Tenant: company-x",
        ] {
            let answer = send(server.addr, &["GET / HTTP/1.1", "Host: acme.base.example", spoof]).await;
            assert_eq!(answer.body, "acme@acme.base.example", "{spoof}");
        }
    }
}

#[tokio::test]
async fn a_trusted_proxy_tells_the_host() {
    let server = serve(behind("127.0.0.0/8")).await;
    let by_its_own_host = "GET / HTTP/1.1\r\nHost: 10.1.2.3:8585";
    for forwarded in [
        "Forwarded: for=192.0.2.1;host=acme.base.example;proto=https",
        "Forwarded: host=spoofed.example, host=\"acme.base.example:443\"",
        "X-Forwarded-Host: acme.base.example",
        "X-Forwarded-Host: spoofed.example, acme.base.example",
        "X-Forwarded-Host: acme.base.example\r\nForwarded: host=acme.base.example",
    ] {
        let answer = send(server.addr, &[by_its_own_host, forwarded]).await;
        assert_eq!(answer.body, "acme@acme.base.example", "{forwarded}");
    }
    let direct = send(server.addr, &["GET / HTTP/1.1", "Host: acme.base.example"]).await;
    assert_eq!(direct.body, "acme@acme.base.example", "a proxy that forwards nothing asks for itself");
}

#[tokio::test]
async fn a_trusted_proxy_that_is_not_understood_is_refused() {
    let server = serve(behind("127.0.0.0/8")).await;
    for (forwarded, detail) in [
        ("Forwarded: host", "Bad host: the forwarded host is malformed."),
        ("Forwarded: host=\"acme", "Bad host: the forwarded host is malformed."),
        ("X-Forwarded-Host: 10.0.0.1", "Bad host: the forwarded host is malformed."),
        (
            "X-Forwarded-Host: acme.base.example\r\nForwarded: host=company-x.base.example",
            "Bad host: the forwarded hosts disagree.",
        ),
        (
            "X-Forwarded-Host: acme.base.example\r\nHost: acme.base.example",
            "Bad host: the request has more than one host header.",
        ),
    ] {
        let answer = send(server.addr, &["GET / HTTP/1.1", "Host: acme.base.example", forwarded]).await;
        assert_eq!((answer.status, &answer.json()["detail"]), (400, &detail.into()), "{forwarded}");
    }
    assert_eq!(server.handled(), 0);
}

#[tokio::test]
async fn an_enabled_tenant_header_decides_in_place_of_the_host() {
    let header = Some(HeaderName::from_static("x-tenant"));
    let server = serve(TenantLayer::new(rules(), every_case()).tenant_header(header)).await;
    let ask = async |lines: &str| {
        let answer = send(server.addr, &["GET / HTTP/1.1", "Host: acme.base.example", lines]).await;
        (answer.status, answer.body)
    };
    for (lines, seen) in [
        ("X-Tenant: Company-X", "companyx@-"),
        ("X-Tenant: companyx", "companyx@-"),
        ("X-Tenant: missed", "missed@-"),
        ("X-Other: company-x", "acme@acme.base.example"),
    ] {
        assert_eq!(ask(lines).await, (200, seen.to_owned()), "{lines}");
    }
    for (lines, status) in [
        ("X-Tenant: stranger", 404),
        ("X-Tenant: c-ompanyx", 404),
        ("X-Tenant: XN--a", 404),
        ("X-Tenant: unpaid", 403),
        ("X-Tenant:", 400),
        ("X-Tenant: acme.base.example", 400),
        ("X-Tenant: acme\r\nX-Tenant: acme", 400),
    ] {
        assert_eq!(ask(lines).await.0, status, "{lines}");
    }
}
