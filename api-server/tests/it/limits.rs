//! Limits over real sockets: those of a tenant's record, as its TMS tells them, and those of the settings.

use std::collections::HashSet;
use std::net::SocketAddr;

use reqwest::Method;
use serde_json::{Value, json};
use tenant_core::Limits;

use crate::support::{Answer, Api, Platform, eventually, page_view};

const RATE: Limits =
    Limits { requests_per_second: Some(1), burst: Some(3), concurrent: None, body_bytes: None };

async fn patch(platform: &Platform, tenant: &str, limits: Value) {
    platform.tms.operate("PATCH", &format!("/tenant/{tenant}"), json!({ "limits": limits })).await;
}

/// Sends an event from the page of another origin.
async fn from_a_page(api: &Api, session: &str) -> Answer {
    let request = api.public(Method::POST, "/track").header("origin", "https://shop.example");
    api.send(request.json(&page_view(session))).await
}

#[tokio::test]
async fn a_record_patched_at_the_tms_counts_at_once_and_what_it_refuses_is_not_stored() {
    let platform = Platform::start().await;
    let admin = platform.tenant("company-x").await;
    admin.connect_web().await;
    for i in 0..20 {
        assert_eq!(admin.track(&page_view(&format!("before-{i}"))).await.status, 200);
    }
    let before = admin.count("session").await;

    patch(&platform, "companyx", json!({ "requests_per_second": 1, "burst": 5 })).await;
    let (mut stored, mut sent, mut refusal) = (0, 0, None);
    eventually("the limit", async || {
        let answer = from_a_page(&admin, &format!("after-{sent}")).await;
        sent += 1;
        stored += u64::from(answer.status == 200);
        let refused = answer.status == 429;
        if refused {
            refusal = Some(answer);
        }
        refused
    })
    .await;
    let refusal = refusal.expect("one was refused");
    assert_eq!(
        refusal.body,
        json!({ "detail": "Too many requests for this tenant.", "code": "rate_limited" })
    );
    assert_eq!(refusal.header("retry-after"), Some("1"));
    assert_eq!(
        refusal.header("access-control-allow-origin"),
        Some("https://shop.example"),
        "a page may read it"
    );
    for i in 0..20 {
        stored += u64::from(admin.track(&page_view(&format!("late-{i}"))).await.status == 200);
    }

    patch(&platform, "companyx", json!({ "requests_per_second": null, "burst": null })).await;
    eventually("the end of the limit", async || {
        let mut all = true;
        for _ in 0..10 {
            all &= admin.send(admin.public(Method::GET, "/healthcheck")).await.status == 200;
        }
        all
    })
    .await;
    assert_eq!(admin.count("session").await, before + stored, "as many as were acknowledged");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_noisy_tenant_does_not_silence_a_quiet_one() {
    let platform = Platform::start().await;
    let (noisy, quiet) = (platform.tenant("noisy").await, platform.tenant("quiet").await);
    noisy.connect_web().await;
    quiet.connect_web().await;
    patch(&platform, "noisy", json!({ "requests_per_second": 2, "burst": 4, "concurrent": 2 })).await;
    eventually("the limit", async || noisy.track(&page_view("s0")).await.status == 429).await;

    let flood = async |flooder: usize| {
        let mut statuses = HashSet::new();
        for i in 0..60 {
            statuses.insert(noisy.track(&page_view(&format!("n{flooder}-{i}"))).await.status);
        }
        statuses
    };
    let floods = futures_util::future::join_all((0..8).map(flood));
    let served = async {
        for i in 0..40 {
            let answer = quiet.track(&page_view(&format!("q{i}"))).await;
            assert_eq!(answer.status, 200, "{answer:?}");
        }
    };
    let (floods, ()) = futures_util::future::join(floods, served).await;
    let statuses: HashSet<u16> = floods.into_iter().flatten().collect();
    assert!(statuses.contains(&429) && statuses.is_subset(&HashSet::from([200, 429])), "{statuses:?}");
    assert_eq!(quiet.count("session").await, 40);
}

#[tokio::test]
async fn a_flood_of_events_leaves_the_tenants_people_their_own() {
    let platform = Platform::start().await;
    let admin = platform.tenant("company-x").await;
    patch(&platform, "companyx", json!({ "requests_per_second": 1, "burst": 3 })).await;
    eventually("the limit", async || admin.track(&page_view("s1")).await.status == 429).await;
    assert_eq!(admin.get("/event/count").await.status, 200, "the private listener counts for itself");
}

#[tokio::test]
async fn a_record_lowers_the_size_of_bodies_for_its_tenant_alone_and_never_raises_it() {
    let platform = Platform::start_with(|config| config.max_body = 4096).await;
    let (x, y) = (platform.tenant("company-x").await, platform.tenant("company-y").await);
    patch(&platform, "companyx", json!({ "body_bytes": 1000 })).await;
    let post = async |api: &Api, size: usize| {
        api.send(api.public(Method::POST, "/healthcheck").body(vec![b' '; size])).await
    };
    eventually("the limit", async || post(&x, 1001).await.status == 413).await;
    let refused = post(&x, 1001).await;
    assert_eq!(
        refused.body,
        json!({ "detail": "The body is larger than 1000 bytes.", "code": "body_too_large" })
    );
    assert_eq!(post(&x, 1000).await.status, 200);
    assert_eq!(post(&y, 4096).await.status, 200);
    patch(&platform, "companyx", json!({ "body_bytes": 1_000_000 })).await;
    eventually("the change", async || post(&x, 4096).await.status == 200).await;
    assert_eq!(post(&x, 4097).await.status, 413);
}

#[tokio::test]
async fn an_address_is_what_a_trusted_proxy_says_and_floods_on_its_own_account() {
    let platform = Platform::start_with(|config| {
        config.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
        config.limits.address = RATE;
    })
    .await;
    let from = async |client: &str, host: &str| {
        let api = platform.at(host);
        let request = api.public(Method::GET, "/healthcheck").header("x-forwarded-for", client);
        api.send(request).await
    };
    for host in ["a.localhost", "b.localhost", "c.localhost"] {
        assert_eq!(from("192.0.2.1", host).await.status, 404, "hosts of nobody count too");
    }
    let refused = from("192.0.2.1", "d.localhost").await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.body["detail"], "Too many requests from this address.");
    assert_eq!(from("198.51.100.7, 192.0.2.2", "a.localhost").await.status, 404, "another client");
    assert_eq!(
        from("192.0.2.2, 192.0.2.1", "a.localhost").await.status,
        429,
        "what the client says is not believed"
    );
}

#[tokio::test]
async fn the_defaults_are_for_tenants_without_limits_and_health_is_never_limited() {
    let platform = Platform::start_with(|config| {
        config.limits.tenant = RATE;
        config.limits.total = Limits { requests_per_second: Some(1), burst: Some(1000), ..Limits::default() };
    })
    .await;
    assert_eq!(platform.install("company-x").await.status, 200);
    let api = platform.at("company-x.localhost");
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(api.send(api.public(Method::GET, "/healthcheck")).await.status);
    }
    assert_eq!(statuses[..3], [200, 200, 200]);
    assert!(statuses.contains(&429), "{statuses:?}");
    for _ in 0..50 {
        assert_eq!(ops(platform.ops(), "/livez").await, 200);
        assert_eq!(ops(platform.ops(), "/readyz").await, 200);
    }
}

async fn ops(at: SocketAddr, path: &str) -> u16 {
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    http.get(format!("http://{at}{path}")).send().await.expect("an answer").status().as_u16()
}
