//! Activate, suspend, resume, and the install token.

use reqwest::Method;
use serde_json::json;

use crate::support::Tms;

#[tokio::test]
async fn a_tenant_is_activated_suspended_and_resumed_and_repeating_is_harmless() {
    let tms = Tms::start().await;
    let operator = tms.operator().await;
    operator.create("company-x").await;
    for path in ["/tenant/company-x/activate", "/tenant/companyx/activate"] {
        assert_eq!(operator.call(Method::POST, path, None).await.ok()["status"], "active");
    }
    let reasons = json!({ "public_reason": "unpaid", "private_reason": "third reminder" });
    let suspended = operator.post("/tenant/companyx/suspend", reasons).await.ok();
    assert_eq!(suspended["status"], "suspended");
    assert_eq!(suspended["public_reason"], "unpaid");
    assert_eq!(suspended["private_reason"], "third reminder");
    let again = operator.call(Method::POST, "/tenant/companyx/suspend", None).await.ok();
    assert_eq!(again, suspended);
    assert_eq!(operator.get("/tenant/companyx").await.ok(), suspended);
    for _ in 0..2 {
        let resumed = operator.call(Method::POST, "/tenant/companyx/resume", None).await.ok();
        assert_eq!((&resumed["status"], &resumed["public_reason"]), (&json!("active"), &json!(null)));
        assert_eq!(resumed.get("private_reason"), None);
    }
}

#[tokio::test]
async fn a_change_that_makes_no_sense_is_409_and_of_nobody_404() {
    let tms = Tms::start().await;
    let operator = tms.operator().await;
    operator.create("pending").await;
    operator.create_active("stopped").await;
    operator.post("/tenant/stopped/suspend", json!(null)).await.ok();
    for path in ["/tenant/pending/suspend", "/tenant/pending/resume", "/tenant/stopped/activate"] {
        operator.call(Method::POST, path, None).await.is(409, "status_conflict");
    }
    for change in ["activate", "suspend", "resume"] {
        for tenant in ["nobody", "p-ending", "%FF"] {
            let path = format!("/tenant/{tenant}/{change}");
            operator.call(Method::POST, &path, None).await.is(404, "tenant_unknown");
        }
    }
    let answer = operator.post("/tenant/stopped/suspend", json!({ "public_reason": 1 })).await;
    assert_eq!(answer.fields(), ["public_reason"]);
}

#[tokio::test]
async fn an_install_token_is_verified_and_activates_under_any_scope() {
    let tms = Tms::start().await;
    let operator = tms.operator().await;
    let directory = tms.directory().await;
    operator.create("acme").await;
    operator.create("globex").await;
    for (token, ok) in [("acme-token", true), ("globex-token", false), ("", false), ("acme-toke", false)] {
        for caller in [&operator, &directory] {
            let answer = caller.post("/tenant/acme/verify-token", json!({ "token": token })).await.ok();
            assert_eq!(answer, json!({ "ok": ok }), "{token}");
        }
    }
    assert_eq!(directory.post("/tenant/acme/verify-token", json!({})).await.fields(), ["token"]);
    directory.post("/tenant/nobody/verify-token", json!({ "token": "" })).await.is(404, "tenant_unknown");

    for body in [json!(null), json!({}), json!({ "install_token": null })] {
        directory.post("/tenant/acme/activate", body).await.is(403, "forbidden");
    }
    for token in ["globex-token", ""] {
        let body = json!({ "install_token": token });
        directory.post("/tenant/acme/activate", body).await.is(403, "install_token_invalid");
    }
    assert_eq!(operator.get("/tenant/acme").await.ok()["status"], "pending");
    for _ in 0..2 {
        let body = json!({ "install_token": "acme-token" });
        let active = directory.post("/tenant/acme/activate", body).await.ok();
        assert_eq!(active["status"], "active");
        assert_eq!(active.get("install_token"), None);
    }
}
