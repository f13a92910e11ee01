//! Keys are issued, listed, rotated with overlap and revoked.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Method;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tenant_core::ManualClock;
use tms_server::Scope;

use crate::support::{KEY, Tms, wrong_key};

fn text(body: &Value, field: &str) -> String {
    body[field].as_str().expect(field).to_owned()
}

#[tokio::test]
async fn a_key_is_shown_once_and_allows_what_its_scope_says() {
    let tms = Tms::start().await;
    let operator = tms.operator().await;
    assert_eq!(operator.get("/keys").await.ok(), json!([]), "the environment's key is not among them");
    for scope in ["directory", "operator"] {
        let issued = operator.post("/keys", json!({ "scope": scope, "label": "mine" })).await.ok();
        let (id, key) = (text(&issued, "id"), text(&issued, "key"));
        assert_eq!(issued.as_object().map(|issued| issued.len()), Some(2));
        let secret = key.strip_prefix(&format!("tk_{id}_")).expect("its id");
        assert_eq!(secret.len(), 43, "256 bits");
        let allowed = tms.with_key(&key).await.get("/keys").await.status;
        assert_eq!(allowed == 200, scope == "operator");
    }
    let listed = operator.get("/keys").await.ok();
    let listed = listed.as_array().expect("a list");
    assert_eq!(listed.len(), 2);
    for key in listed {
        let fields: Vec<_> = key.as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(fields, ["created", "generation", "id", "label", "scope"]);
    }
}

#[tokio::test]
async fn a_scope_that_is_none_is_422() {
    let tms = Tms::start().await;
    let operator = tms.operator().await;
    for body in [json!({}), json!({ "scope": "worker" }), json!({ "scope": 1 }), json!({ "scope": null })] {
        assert_eq!(operator.post("/keys", body).await.fields(), ["scope"]);
    }
    let id = operator.post("/keys", json!({ "scope": "operator" })).await.ok();
    let path = format!("/keys/{}/rotate", text(&id, "id"));
    for overlap in [json!(-1), json!("1"), json!(1.5), json!(u64::MAX)] {
        assert_eq!(operator.post(&path, json!({ "overlap_s": overlap })).await.fields(), ["overlap_s"]);
    }
}

#[tokio::test]
async fn a_revoked_key_and_its_tokens_open_nothing_from_the_next_request_on() {
    let tms = Tms::start().await;
    let operator = tms.operator().await;
    let issued = operator.post("/keys", json!({ "scope": "operator", "label": "mine" })).await.ok();
    let (id, key) = (text(&issued, "id"), text(&issued, "key"));
    let caller = tms.with_key(&key).await;
    caller.get("/tenant").await.ok();

    let path = format!("/keys/{id}");
    let revoked = operator.call(Method::DELETE, &path, None).await.ok();
    assert_eq!((&revoked["id"], &revoked["label"]), (&json!(id), &json!("mine")));
    caller.get("/tenant").await.is(401, "unauthorized");
    tms.exchange(&key).await.is(403, "key_invalid");
    operator.call(Method::DELETE, &path, None).await.is(404, "key_unknown");
    operator.post(&format!("{path}/rotate"), json!({})).await.is(404, "key_unknown");
}

#[tokio::test]
async fn a_rotated_key_and_its_tokens_last_for_the_overlap() {
    let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_800_000_000).expect("in range")));
    let tms = Tms::start_at(clock.clone()).await;
    let operator = tms.operator().await;
    let issued = operator.post("/keys", json!({ "scope": "directory" })).await.ok();
    let (id, old) = (text(&issued, "id"), text(&issued, "key"));
    let by_old = tms.with_key(&old).await;

    let rotated = operator.post(&format!("/keys/{id}/rotate"), json!({ "overlap_s": 60 })).await.ok();
    let new = text(&rotated, "key");
    assert_eq!(text(&rotated, "id"), id);
    assert_ne!(new, old);
    let by_new = tms.with_key(&new).await;
    clock.advance(Duration::from_secs(59));
    by_old.get("/tenant").await.ok();
    tms.exchange(&old).await.ok();
    clock.advance(Duration::from_secs(1));
    by_old.get("/tenant").await.is(401, "unauthorized");
    tms.exchange(&old).await.is(403, "key_invalid");
    by_new.get("/tenant").await.ok();

    // Without an overlap it ends at once.
    operator.call(Method::POST, &format!("/keys/{id}/rotate"), None).await.ok();
    by_new.get("/tenant").await.is(401, "unauthorized");
    tms.exchange(&new).await.is(403, "key_invalid");
}

#[tokio::test]
async fn an_embedding_program_can_replace_the_keys_of_a_label() {
    let tms = Tms::start().await;
    let keys = tms.server.keys();
    let first = keys.replace(Scope::Operator, "dev").await.expect("a key");
    let other = keys.issue(Scope::Directory, "router").await.expect("a key");
    let caller = tms.with_key(first.key.expose_secret()).await;
    let second = keys.replace(Scope::Operator, "dev").await.expect("a key");

    caller.get("/tenant").await.is(401, "unauthorized");
    for (key, scope) in [
        (&first.key, None),
        (&second.key, Some(Scope::Operator)),
        (&other.key, Some(Scope::Directory)),
        (&KEY.into(), Some(Scope::Operator)),
        (&wrong_key(), None),
        (&"".into(), None),
    ] {
        assert_eq!(keys.scope_of(key).await.expect("asked"), scope);
    }
}
