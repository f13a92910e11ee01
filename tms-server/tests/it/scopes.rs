//! What a `directory` key may see and do.

use reqwest::Method;
use serde_json::json;

use crate::support::Tms;

#[tokio::test]
async fn a_directory_key_reads_records_without_what_routing_need_not_know() {
    let tms = Tms::start().await;
    let operator = tms.operator().await;
    let directory = tms.directory().await;
    let body = json!({ "name": "acme", "email": "a@b", "hosts": ["shop.example"] });
    operator.post("/tenant", body).await.ok();
    operator.call(Method::POST, "/tenant/acme/activate", None).await.ok();
    let reasons = json!({ "public_reason": "unpaid", "private_reason": "third reminder" });
    operator.post("/tenant/acme/suspend", reasons).await.ok();

    let mut expected = operator.get("/tenant/acme").await.ok();
    for secret in ["install_token", "email", "private_reason"] {
        let removed = expected.as_object_mut().and_then(|record| record.remove(secret));
        assert!(removed.is_some(), "{secret}");
    }
    assert_eq!(directory.get("/tenant/acme").await.ok(), expected);
    assert_eq!(directory.get("/host/shop.example").await.ok(), expected);
    assert_eq!(directory.get("/tenant").await.ok(), json!([expected]));
}

#[tokio::test]
async fn a_directory_key_changes_nothing_and_sees_no_keys() {
    let tms = Tms::start().await;
    let directory = tms.directory().await;
    tms.operator().await.create_active("acme").await;
    for (method, path) in [
        (Method::POST, "/tenant"),
        (Method::POST, "/tenant/acme/activate"),
        (Method::POST, "/tenant/acme/suspend"),
        (Method::POST, "/tenant/acme/resume"),
        (Method::GET, "/keys"),
        (Method::POST, "/keys"),
        (Method::POST, "/keys/env/rotate"),
        (Method::DELETE, "/keys/env"),
    ] {
        let body = json!({ "name": "new", "email": "a@b", "scope": "operator", "label": "mine" });
        directory.call(method, path, Some(&body)).await.is(403, "forbidden");
    }
    assert_eq!(directory.get("/tenant/acme").await.ok()["status"], "active");
    assert_eq!(tms.server.keys().list().await.expect("asked").len(), 1);
}
