//! A key for a token, and how long a token is good for.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Method;
use secrecy::ExposeSecret as _;
use tenant_core::ManualClock;
use tms_server::Scope;

use crate::support::{KEY, Tms, wrong_key};

#[tokio::test]
async fn a_key_is_exchanged_for_a_token_by_path_and_by_header() {
    let tms = Tms::start().await;
    let issued = tms.server.keys().issue(Scope::Directory, "router").await.expect("a key");
    for key in [KEY, issued.key.expose_secret()] {
        for answer in
            [tms.send(tms.request(Method::GET, &format!("/api-key/{key}"))).await, tms.exchange(key).await]
        {
            assert_eq!(answer.headers["cache-control"], "no-store");
            let body = answer.ok();
            assert_eq!((&body["token_type"], &body["expires_in"]), (&"bearer".into(), &300.into()));
            let token = body["access_token"].as_str().expect("a token");
            tms.send(tms.request(Method::GET, "/tenant").bearer_auth(token)).await.ok();
        }
    }
}

#[tokio::test]
async fn a_key_that_is_none_is_403() {
    let tms = Tms::start().await;
    for key in [wrong_key().expose_secret(), "yyy", "..%2Ftenant%2Fx", "%FF", "tk_", "tk__", "%00"] {
        tms.send(tms.request(Method::GET, &format!("/api-key/{key}"))).await.is(403, "key_invalid");
        tms.exchange(key).await.is(403, "key_invalid");
    }
    tms.exchange("").await.is(403, "key_invalid");
    tms.send(tms.request(Method::POST, "/token")).await.is(403, "key_invalid");
}

#[tokio::test]
async fn a_request_without_a_valid_token_is_401() {
    let tms = Tms::start().await;
    let token = tms.operator().await.token;
    let foreign = Tms::start().await.operator().await.token;
    for header in [
        None,
        Some("Bearer".to_owned()),
        Some("Bearer x".to_owned()),
        Some(format!("Basic {token}")),
        Some(token.clone()),
        Some(format!("Bearer {token}x")),
        Some(format!("Bearer {foreign}")),
    ] {
        let mut request = tms.request(Method::GET, "/tenant");
        if let Some(header) = &header {
            request = request.header("authorization", header);
        }
        let answer = tms.send(request).await;
        answer.is(401, "unauthorized");
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
    }
}

#[tokio::test]
async fn a_token_is_refused_after_five_minutes() {
    let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_800_000_000).expect("in range")));
    let tms = Tms::start_at(clock.clone()).await;
    let operator = tms.operator().await;
    clock.advance(Duration::from_secs(299));
    operator.get("/tenant").await.ok();
    clock.advance(Duration::from_secs(1));
    operator.get("/tenant").await.is(401, "unauthorized");
}
