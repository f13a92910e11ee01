//! Wrong keys are slowed by address; valid ones and tokens never are.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::{Client, Method};
use secrecy::ExposeSecret as _;
use serde_json::json;
use tenant_core::ManualClock;
use tms_server::Scope;

use crate::support::{Answer, KEY, Tms, wrong_key};

/// How often an address may fail at once.
const BURST: usize = 20;

async fn start() -> (Arc<ManualClock>, Tms) {
    let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_800_000_000).expect("in range")));
    (clock.clone(), Tms::start_at(clock).await)
}

async fn with_token(tms: &Tms, token: &str) -> Answer {
    tms.send(tms.request(Method::GET, "/tenant").bearer_auth(token)).await
}

/// Fails until the address is slowed.
async fn use_up(tms: &Tms) {
    for _ in 0..BURST {
        tms.exchange(wrong_key().expose_secret()).await.is(403, "key_invalid");
    }
    tms.exchange(wrong_key().expose_secret()).await.is(429, "too_many_attempts");
}

#[tokio::test]
async fn an_address_that_fails_too_often_is_told_when_to_come_back() {
    let (clock, tms) = start().await;
    let wrong = wrong_key();
    use_up(&tms).await;
    let refused = tms.send(tms.request(Method::GET, &format!("/api-key/{}", wrong.expose_secret()))).await;
    refused.is(429, "too_many_attempts");
    assert_eq!(refused.headers["retry-after"], "3");
    assert_eq!(refused.headers["cache-control"], "no-store");

    clock.advance(Duration::from_secs(3));
    tms.exchange(wrong.expose_secret()).await.is(403, "key_invalid");
    tms.exchange(wrong.expose_secret()).await.is(429, "too_many_attempts");
    clock.advance(Duration::from_millis(2500));
    let refused = tms.exchange(wrong.expose_secret()).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.headers["retry-after"]),
        (429, &"1".parse().expect("a value"))
    );
}

#[tokio::test]
async fn a_valid_key_or_token_is_never_slowed_by_failures_from_its_own_address() {
    let (_, tms) = start().await;
    let operator = tms.operator().await;
    let issued = tms.server.keys().issue(Scope::Directory, "router").await.expect("a key");
    let before = tms.with_key(issued.key.expose_secret()).await;
    use_up(&tms).await;
    for _ in 0..2 * BURST {
        before.get("/tenant").await.ok();
        operator.get("/keys").await.ok();
        tms.exchange(KEY).await.ok();
        tms.send(tms.request(Method::GET, &format!("/api-key/{}", issued.key.expose_secret()))).await.ok();
        tms.exchange(wrong_key().expose_secret()).await.is(429, "too_many_attempts");
    }
}

#[tokio::test]
async fn another_address_is_not_slowed_and_a_header_makes_no_other_address() {
    let (_, tms) = start().await;
    use_up(&tms).await;
    for name in ["x-forwarded-for", "x-real-ip", "forwarded"] {
        let request = tms.request(Method::POST, "/token").header("x-api-key", "wrong");
        tms.send(request.header(name, "for=192.0.2.7")).await.is(429, "too_many_attempts");
    }
    let elsewhere: IpAddr = Ipv4Addr::new(127, 0, 0, 2).into();
    let client = Client::builder().local_address(elsewhere).build().expect("a client");
    let request = client.post(tms.url("/token")).header("x-api-key", "wrong");
    tms.send(request).await.is(403, "key_invalid");
}

/// Whoever holds one has to learn that it needs a new one, whatever others do from its address.
#[tokio::test]
async fn a_token_that_is_good_no_more_is_no_attempt_and_neither_is_none() {
    let (clock, tms) = start().await;
    let operator = tms.operator().await;
    let issued = operator.post("/keys", json!({ "scope": "directory" })).await.ok();
    let revoked = tms.with_key(issued["key"].as_str().expect("a key")).await;
    let path = format!("/keys/{}", issued["id"].as_str().expect("an id"));
    operator.call(Method::DELETE, &path, None).await.ok();
    for _ in 0..2 * BURST {
        revoked.get("/tenant").await.is(401, "unauthorized");
        with_token(&tms, "signed.by.another-secret").await.is(401, "unauthorized");
    }
    clock.advance(Duration::from_secs(300));
    use_up(&tms).await;
    for _ in 0..2 * BURST {
        operator.get("/tenant").await.is(401, "unauthorized");
        with_token(&tms, "signed.by.another-secret").await.is(401, "unauthorized");
        tms.send(tms.request(Method::GET, "/tenant")).await.is(401, "unauthorized");
        tms.send(tms.request(Method::POST, "/token")).await.is(403, "key_invalid");
    }
}
