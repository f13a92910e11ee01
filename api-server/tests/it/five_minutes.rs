//! A user's first five minutes, and two tenants beside each other.

use serde_json::json;

use crate::support::{EMAIL, OPERATOR_KEY, PASSWORD, Platform, page_view};

#[tokio::test]
async fn from_the_install_to_what_was_sent() {
    let platform = Platform::start().await;
    let installed = platform.install("company-x").await.ok();
    assert_eq!(installed[0]["admin"], json!(true));
    assert_eq!(installed[1]["admin"], json!(false));
    assert_eq!(
        installed[0]["tenant"],
        json!({ "id": "companyx", "name": "company-x", "url": "https://company-x.localhost", "status": "active" })
    );
    for (element, context) in [(0, "staging"), (1, "production")] {
        let made = installed[element]["created"]["indices"].to_string();
        assert!(made.contains(context), "{made}");
    }

    let visitor = platform.at("company-x.localhost");
    let login = visitor.try_log_in(EMAIL, PASSWORD).await.ok();
    assert_eq!((&login["token_type"], &login["roles"]), (&json!("bearer"), &json!(["admin", "maintainer"])));
    let admin =
        visitor.clone().with_token(login["access_token"].as_str().expect("a token")).in_context("production");

    admin.connect_web().await;
    let tracked = visitor.track(&page_view("s1")).await;
    let tracked = tracked.ok();
    assert_eq!(tracked["session"], json!({ "id": "s1" }));
    let profile = tracked["profile"]["id"].as_str().expect("a profile");
    for key in ["task", "ux", "response", "events", "errors", "warnings"] {
        assert!(tracked.get(key).is_some(), "{key}");
    }

    assert_eq!(
        (admin.count("event").await, admin.count("session").await, admin.count("profile").await),
        (4, 1, 1)
    );
    let stored = admin.get(&format!("/profile/{profile}")).await.ok();
    assert_eq!((&stored["id"], &stored["_meta"]["id"]), (&json!(profile), &json!(profile)));
    let session = admin.get("/session/s1").await.ok();
    assert_eq!(session["profile"]["id"], json!(profile));
    let latest = admin.post("/event/select", &json!({ "limit": 1 })).await.ok();
    assert_eq!(latest["total"], json!(4));
    assert_eq!(latest["result"][0]["type"], json!("page-view"));
    let id = latest["result"][0]["id"].as_str().expect("an id");
    let event = admin.get(&format!("/event/{id}")).await.ok();
    assert_eq!(event["event"]["properties"], json!({ "url": "/" }));
    assert_eq!(event["_metadata"]["id"], json!(id));
}

#[tokio::test]
async fn staging_and_production_hold_different_data() {
    let platform = Platform::start().await;
    let production = platform.tenant("company-x").await;
    production.connect_web().await;
    assert_eq!(production.track(&page_view("s1")).await.status, 200);
    let staging = production.clone().in_context("staging");
    assert_eq!((production.count("event").await, staging.count("event").await), (4, 0));
    assert_eq!(staging.get("/event-source/web").await.status, 404);
    assert_eq!(staging.get("/session/s1").await.status, 404);

    let default = platform.at("company-x.localhost").log_in(EMAIL, PASSWORD).await;
    assert_eq!(default.count("event").await, 0, "without x-context the private API works on staging");
}

#[tokio::test]
async fn a_second_tenant_sees_nothing_of_the_first() {
    let platform = Platform::start().await;
    let first = platform.tenant("company-x").await;
    let second = platform.tenant("company-y").await;
    first.connect_web().await;
    let tracked = first.track(&page_view("s1")).await.ok();
    assert_eq!(second.track(&page_view("s1")).await.status, 401, "the source is the first tenant's");
    second.connect_web().await;
    for kind in ["event", "session", "profile"] {
        assert_eq!(second.count(kind).await, 0, "{kind}");
        assert_eq!(second.post(&format!("/{kind}/select"), &json!({})).await.ok()["total"], json!(0));
    }
    let profile = tracked["profile"]["id"].as_str().expect("a profile");
    for path in [format!("/profile/{profile}"), "/session/s1".to_owned()] {
        assert_eq!(second.get(&path).await.status, 404, "{path}");
        assert_eq!(second.delete(&path).await.status, 404, "{path}");
        assert_eq!(first.get(&path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn the_originals_page_works_to_the_letter() {
    let platform = Platform::start().await;
    let body = r#"{
      "name": "name-of-the-tenant",
      "tms_api_key": "TMS-API-KEY",
      "email": "tenant@email",
      "password": "Admin account password",
      "needs_admin": true,
      "update_mapping": false
    }"#;
    assert!(body.contains(OPERATOR_KEY));
    let api = platform.at("tracardi-api-url");
    let request =
        api.private(reqwest::Method::POST, "/tenant/install").header("content-type", "application/json");
    assert_eq!(api.send(request.body(body)).await.ok()[0]["tenant"]["id"], json!("nameofthetenant"));
    let host = platform.at("name-of-the-tenant.localhost");
    assert_eq!(host.try_log_in("tenant@email", "Admin account password").await.status, 200);
}
