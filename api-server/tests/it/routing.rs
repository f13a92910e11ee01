//! Which host is which tenant, and what is answered where there is none; the handler never runs then.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{EMAIL, PASSWORD, Platform, eventually, page_view};

#[tokio::test]
async fn unknown_reserved_short_and_misspelt_labels_are_404() {
    let platform = Platform::start().await;
    platform.tenant("company-x").await.connect_web().await;
    let unknown = [
        ("nobody", "nobody"),
        ("www", "www"),
        ("ab", "ab"),
        ("c-ompanyx", "companyx"),
        ("xn--a", "xna"),
        ("123", "123"),
    ];
    for (label, id) in unknown {
        let answer = platform.at(&format!("{label}.localhost")).track(&page_view("s1")).await;
        assert_eq!(answer.status, 404, "{label}: {answer:?}");
        assert_eq!(
            answer.body,
            json!({ "detail": format!("Tenant [{id}] not allowed."), "code": "tenant_unknown" })
        );
    }
    for known in ["company-x.localhost", "companyx.localhost", "COMPANY-X.LocalHost.:8585"] {
        assert_eq!(platform.at(known).track(&page_view("s1")).await.status, 200, "{known}");
    }
}

#[tokio::test]
async fn malformed_and_foreign_hosts_are_400() {
    let platform = Platform::start().await;
    for host in [
        "127.0.0.1",
        "[::1]:8585",
        "company_x.localhost",
        "a.b.localhost",
        "shop.example",
        "localhost",
        "-a.localhost",
    ] {
        let answer = platform.at(host).track(&page_view("s1")).await;
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (400, &json!("host_invalid")),
            "{host}: {answer:?}"
        );
    }
}

/// Sends bytes as they are, which no HTTP library would, and gives the status line's number.
fn raw(to: SocketAddr, request: &str) -> u16 {
    let mut stream = TcpStream::connect(to).expect("connected");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answered");
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{answer}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn no_host_two_hosts_and_a_target_that_disagrees_are_400() {
    let platform = Platform::start().await;
    platform.tenant("company-x").await;
    let to = platform.at("localhost").private_addr();
    let x = "Host: company-x.localhost\r\n";
    for (request, status) in [
        (format!("GET /healthcheck HTTP/1.1\r\n{x}Connection: close\r\n\r\n"), 200),
        ("GET /healthcheck HTTP/1.1\r\nConnection: close\r\n\r\n".to_owned(), 400),
        (format!("GET /healthcheck HTTP/1.1\r\n{x}{x}Connection: close\r\n\r\n"), 400),
        (format!("GET http://other.localhost/healthcheck HTTP/1.1\r\n{x}Connection: close\r\n\r\n"), 400),
        (format!("GET http://company-x.localhost/healthcheck HTTP/1.1\r\n{x}Connection: close\r\n\r\n"), 200),
    ] {
        assert_eq!(raw(to, &request), status, "{request:?}");
    }
}

#[tokio::test]
async fn a_forwarded_host_and_a_tenant_header_count_for_nothing_by_default() {
    let platform = Platform::start().await;
    let (x, _) = (platform.tenant("company-x").await, platform.tenant("company-y").await);
    x.connect_web().await;
    for (name, value) in [
        ("x-forwarded-host", "company-x.localhost"),
        ("forwarded", "host=company-x.localhost"),
        ("x-tenant", "company-x"),
        ("x-original-host", "company-x.localhost"),
    ] {
        let y = platform.at("company-y.localhost");
        let answer =
            y.send(y.public(Method::POST, "/track").header(name, value).json(&page_view("s1"))).await;
        assert_eq!(answer.status, 401, "{name}: it is company-y's request, which has no such source");
    }
    assert_eq!(x.count("event").await, 0);
}

#[tokio::test]
async fn a_suspended_tenant_is_403_and_a_pending_one_503_and_no_handler_runs() {
    let platform = Platform::start().await;
    let admin = platform.tenant("company-x").await;
    admin.connect_web().await;
    platform.tms.operate("POST", "/tenant/companyx/suspend", json!({ "public_reason": "unpaid" })).await;
    eventually("the suspension", async || admin.track(&page_view("s1")).await.status == 403).await;
    let refused = admin.get("/event/count").await;
    assert_eq!(
        (refused.status, &refused.body["code"]),
        (403, &json!("tenant_suspended")),
        "a good token does not help"
    );
    assert!(refused.body["detail"].as_str().expect("text").contains("unpaid"));
    assert_eq!(admin.try_log_in(EMAIL, PASSWORD).await.status, 403);
    let before = admin.track(&page_view("s2")).await;
    assert_eq!(before.status, 403);
    platform.tms.operate("POST", "/tenant/companyx/resume", Value::Null).await;
    eventually("the end of it", async || admin.get("/session/s2").await.status != 403).await;
    assert_eq!(admin.get("/session/s2").await.status, 404, "nothing was stored meanwhile");

    platform.tms.operate("POST", "/tenant", json!({ "name": "company-z", "email": EMAIL })).await;
    let pending = platform.at("company-z.localhost").track(&page_view("s1")).await;
    assert_eq!((pending.status, &pending.body["code"]), (503, &json!("tenant_pending")));
    assert!(pending.header("retry-after").is_some());
}

#[tokio::test]
async fn while_the_management_service_is_down_known_tenants_are_served_and_others_are_503() {
    let mut platform = Platform::start().await;
    let admin = platform.tenant("company-x").await;
    admin.connect_web().await;
    platform.tms.stop().await;
    for i in 0..5 {
        assert_eq!(admin.track(&page_view(&format!("s{i}"))).await.status, 200);
    }
    let unknown = platform.at("nobody.localhost").track(&page_view("s1")).await;
    assert_eq!((unknown.status, &unknown.body["code"]), (503, &json!("tenant_unavailable")), "never 404");
    assert!(unknown.header("retry-after").is_some());
    platform.tms.restart().await;
    eventually("an answer", async || {
        platform.at("nobody.localhost").track(&page_view("s1")).await.status == 404
    })
    .await;
}

#[tokio::test]
async fn the_public_listener_has_the_collector_and_the_health_check_alone() {
    let platform = Platform::start().await;
    let admin = platform.tenant("company-x").await;
    assert_eq!(admin.send(admin.public(Method::GET, "/healthcheck")).await.status, 200);
    for path in ["/", "/install", "/tenant/install", "/user/token", "/event/count", "/event-source", "/docs"]
    {
        for method in [Method::GET, Method::POST] {
            let answer = admin.send(admin.public(method.clone(), path)).await;
            assert_eq!((answer.status, &answer.body["code"]), (404, &json!("not_found")), "{method} {path}");
        }
    }
    assert_eq!(admin.send(admin.public(Method::GET, "/track")).await.status, 405);
}

#[tokio::test]
async fn a_person_is_told_where_they_are() {
    let platform = Platform::start().await;
    platform.tenant("company-x").await;
    let browser = async |host: &str| {
        let api = platform.at(host);
        api.send(api.private(Method::GET, "/").header("accept", "text/html,application/xhtml+xml")).await
    };
    let at_tenant = browser("company-x.localhost").await;
    assert_eq!(at_tenant.status, 200);
    assert!(at_tenant.header("content-type").expect("a type").starts_with("text/html"));
    assert!(at_tenant.body.as_str().expect("a page").contains("company-x"));
    assert!(browser("localhost").await.body.as_str().expect("a page").contains("/tenant/install"));
    assert_eq!(browser("nobody.localhost").await.status, 404);
    assert_eq!(browser("127.0.0.1").await.status, 400);

    let program = platform.at("company-x.localhost").get("/").await.ok();
    assert_eq!((&program["tenant"], &program["multi-tenant"]), (&json!("companyx"), &json!(true)));
    assert_eq!(program["installed"]["users"], json!(true));
}
