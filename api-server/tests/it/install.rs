//! `/tenant/install` and `/install`: what is refused, in which order, and what a refusal leaves behind.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, EMAIL, OPERATOR_KEY, PASSWORD, Platform};

fn request(changes: Value) -> Value {
    let mut body = json!({
        "name": "company-x", "tms_api_key": OPERATOR_KEY, "email": EMAIL, "password": PASSWORD,
        "needs_admin": true, "update_mapping": false,
    });
    for (name, value) in changes.as_object().expect("changes") {
        body[name] = value.clone();
    }
    body
}

async fn install(platform: &Platform, changes: Value) -> Answer {
    platform.at("localhost").post("/tenant/install", &request(changes)).await
}

/// The places of a 422's rows.
fn places(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 422, "{answer:?}");
    let rows = answer.body["detail"].as_array().expect("a list");
    assert!(rows.iter().all(|row| row["msg"].is_string() && row["type"].is_string()), "{rows:?}");
    rows.iter().map(|row| row["loc"].to_string()).collect()
}

async fn nothing_was_created(platform: &Platform) {
    assert_eq!(platform.tms.operate("GET", "/tenant", Value::Null).await, json!([]));
    let folders = std::fs::read_dir(platform.data_dir().join("tenants")).expect("the folder").flatten();
    let tenants: Vec<_> = folders.filter(|entry| entry.path().is_dir()).collect();
    assert!(tenants.is_empty(), "{tenants:?}");
}

#[tokio::test]
async fn a_wrong_key_is_403_and_nothing_is_created() {
    let platform = Platform::start().await;
    for key in ["wrong", "", "../tenant/x", "a/b?c#d", "%2e%2e", &"k".repeat(5000), "mit Ümlaut", "a\nb"] {
        let answer = install(&platform, json!({ "tms_api_key": key })).await;
        assert_eq!(answer.status, 403, "{key:?}: {answer:?}");
        assert!(answer.body["detail"].is_string() && answer.body["code"].is_string(), "{answer:?}");
        let told = answer.body.to_string();
        assert!(key.is_empty() || !told.contains(key), "the key is not echoed");
    }
    nothing_was_created(&platform).await;
}

#[tokio::test]
async fn a_wrong_key_is_told_before_wrong_fields_and_missing_json_before_the_key() {
    let platform = Platform::start().await;
    let answer = install(&platform, json!({ "tms_api_key": "wrong", "name": "", "email": "nobody" })).await;
    assert_eq!(answer.status, 403);
    let answer = install(&platform, json!({ "tms_api_key": 7, "name": "" })).await;
    assert_eq!(places(&answer), [r#"["body","tms_api_key"]"#]);
    nothing_was_created(&platform).await;
}

#[tokio::test]
async fn wrong_fields_are_422_in_the_contracts_list() {
    let platform = Platform::start().await;
    let name = [r#"["body","name"]"#];
    for bad in [
        "",
        "-a",
        "a.b",
        "a b",
        "ünï",
        "xn--abc",
        "ab--cd",
        "123",
        "1-2",
        "www",
        "ad-min",
        "ab",
        &"a".repeat(41),
    ] {
        assert_eq!(places(&install(&platform, json!({ "name": bad })).await), name, "{bad:?}");
    }
    for bad in ["", "nobody", "a@", "@b", "a b@c"] {
        assert_eq!(
            places(&install(&platform, json!({ "email": bad })).await),
            [r#"["body","email"]"#],
            "{bad:?}"
        );
    }
    let answer = install(&platform, json!({ "password": "" })).await;
    assert_eq!(places(&answer), [r#"["body","password"]"#]);
    let answer = install(&platform, json!({ "needs_admin": "maybe", "update_mapping": 3 })).await;
    assert_eq!(places(&answer), [r#"["body","needs_admin"]"#, r#"["body","update_mapping"]"#]);

    let api = platform.at("localhost");
    let answer = api.post("/tenant/install", &json!({ "tms_api_key": OPERATOR_KEY })).await;
    assert_eq!(places(&answer), [r#"["body","name"]"#, r#"["body","email"]"#, r#"["body","password"]"#]);
    for (body, place) in [("{", r#"["body",1]"#), ("", r#"["body",0]"#), ("[1]", r#"["body"]"#)] {
        let answer = api.send(api.private(Method::POST, "/tenant/install").body(body)).await;
        assert_eq!(places(&answer), [place], "{body:?}");
    }
    nothing_was_created(&platform).await;
}

#[tokio::test]
async fn a_taken_name_and_one_that_collapses_onto_another_are_409() {
    let platform = Platform::start().await;
    assert_eq!(platform.install("company-x").await.status, 200);
    assert_eq!(platform.install_as("company-x", "other@x.com", PASSWORD).await.status, 409);
    for other in ["companyx", "c-ompanyx", "company-x"] {
        let answer = platform.install_as(other, "other@x.com", "another").await;
        assert_eq!(answer.status, 409, "{other}: {answer:?}");
    }
    assert_eq!(platform.install("companyx").await.status, 409, "also with the same e-mail and password");
    let tenants = platform.tms.operate("GET", "/tenant", Value::Null).await;
    assert_eq!(tenants.as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn an_active_tenants_install_is_told_to_whoever_knows_the_password_and_changes_nothing() {
    let platform = Platform::start().await;
    platform.install("company-x").await.ok();
    let again = platform.install("company-x").await.ok();
    for element in [0, 1] {
        assert_eq!(again[element]["created"], json!({ "templates": [], "indices": [], "aliases": [] }));
    }
    assert_eq!((&again[0]["admin"], &again[0]["tenant"]["status"]), (&json!(true), &json!("active")));
    assert_eq!(platform.install_as("company-x", EMAIL, "another").await.status, 409);
    let without_admin = install(&platform, json!({ "needs_admin": false, "password": "" })).await;
    assert_eq!(without_admin.status, 200);
    let api = platform.at("company-x.localhost");
    assert_eq!(api.try_log_in(EMAIL, "another").await.status, 400);
    assert_eq!(api.try_log_in(EMAIL, PASSWORD).await.status, 200, "the admin is unchanged");

    platform.tms.operate("POST", "/tenant/companyx/suspend", json!({ "public_reason": "unpaid" })).await;
    let suspended = platform.install("company-x").await;
    assert_eq!(suspended.status, 409);
    assert!(suspended.body["detail"].as_str().expect("text").contains("unpaid"), "{suspended:?}");
}

#[tokio::test]
async fn a_pending_tenant_resumes_with_the_same_e_mail_alone() {
    let platform = Platform::start().await;
    platform.tms.operate("POST", "/tenant", json!({ "name": "company-x", "email": EMAIL })).await;
    assert_eq!(platform.install_as("company-x", "other@x.com", PASSWORD).await.status, 409);
    let resumed = platform.install("company-x").await.ok();
    assert_eq!(resumed[0]["tenant"]["status"], json!("active"));
    assert_eq!(platform.at("company-x.localhost").try_log_in(EMAIL, PASSWORD).await.status, 200);
}

#[tokio::test]
async fn while_the_management_service_is_down_an_install_is_503() {
    let mut platform = Platform::start().await;
    platform.tms.stop().await;
    let answer = platform.install("company-x").await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.header("retry-after").is_some());
    platform.tms.restart().await;
    assert_eq!(platform.install("company-x").await.status, 200);
}

#[tokio::test]
async fn the_install_takes_any_host() {
    let platform = Platform::start().await;
    for (i, host) in
        ["127.0.0.1:8686", "[::1]", "tracardi-api-url", "nobody.localhost", "no_host"].iter().enumerate()
    {
        let body = request(json!({ "name": format!("company-{i}x") }));
        let answer = platform.at(host).post("/tenant/install", &body).await;
        assert_eq!(answer.status, 200, "{host}: {answer:?}");
    }
}

#[tokio::test]
async fn an_install_token_finishes_a_pending_tenant() {
    let platform = Platform::start().await;
    let new = json!({ "name": "company-x", "email": EMAIL, "install_token": "the-install-token" });
    platform.tms.operate("POST", "/tenant", new).await;
    let api = platform.at("company-x.localhost");
    let state = api.get("/install").await.ok();
    assert_eq!(state, json!({ "schema_ok": false, "admin_ok": false, "form_ok": true, "warning": null }));

    let credentials =
        |token: &str| json!({ "username": EMAIL, "password": PASSWORD, "token": token, "needs_admin": true });
    for wrong in ["wrong", "", "tracardi"] {
        let answer = api.post("/install", &credentials(wrong)).await;
        assert_eq!(answer.status, 403, "{wrong:?}");
        assert_eq!(answer.body["detail"], json!("Installation forbidden. Invalid installation token."));
    }
    let mut no_mail = credentials("the-install-token");
    no_mail["username"] = json!("nobody");
    assert_eq!(api.post("/install", &no_mail).await.status, 403);
    let missing = api.post("/install", &json!({ "username": EMAIL })).await;
    assert_eq!(
        places(&missing),
        [r#"["body","password"]"#, r#"["body","token"]"#, r#"["body","needs_admin"]"#]
    );

    let installed = api.post("/install", &credentials("the-install-token")).await.ok();
    assert_eq!((&installed[0]["admin"], &installed[1]["admin"]), (&json!(true), &json!(false)));
    assert_eq!(api.try_log_in(EMAIL, PASSWORD).await.status, 200);
    let state = api.get("/install").await.ok();
    assert_eq!(state, json!({ "schema_ok": true, "admin_ok": true, "form_ok": true, "warning": null }));

    let again = api.post("/install", &credentials("the-install-token")).await.ok();
    assert_eq!(again[0]["created"]["indices"], json!([]));
}

#[tokio::test]
async fn get_install_keeps_the_originals_rows() {
    let mut platform = Platform::start().await;
    let unknown = platform.at("nobody.localhost").get("/install").await.ok();
    assert_eq!(
        unknown,
        json!({ "schema_ok": false, "admin_ok": false, "form_ok": false, "warning": ["Tenant [nobody] not allowed."] })
    );
    let refused = platform.at("nobody.localhost");
    let body = json!({ "username": EMAIL, "password": PASSWORD, "token": "t", "needs_admin": true });
    let answer = refused.post("/install", &body).await;
    assert_eq!(answer.body["detail"], json!("Installation forbidden. Tenant [nobody] not allowed."));
    assert_eq!(answer.status, 403);

    platform.tms.stop().await;
    let down = platform.at("company-x.localhost").get("/install").await.ok();
    let text = "Authorizing failed for tenant `companyx`. Could not reach Tenant Management Service.";
    assert_eq!(down["warning"], json!([text]));
    assert_eq!(platform.at("company-x.localhost").post("/install", &body).await.status, 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_installs_of_one_name_at_once_one_password_wins_and_is_told_to_nobody_else() {
    let platform = Platform::start().await;
    let calls = (0..12).map(|i| {
        let (platform, password) = (&platform, format!("password {}", i % 3));
        async move { (platform.install_as("company-x", EMAIL, &password).await.status, password) }
    });
    let answers = futures_util::future::join_all(calls).await;
    let won: std::collections::HashSet<&String> =
        answers.iter().filter(|(status, _)| *status == 200).map(|(_, password)| password).collect();
    assert_eq!(won.len(), 1, "{answers:?}");
    assert!(answers.iter().all(|(status, _)| [200, 409].contains(status)), "{answers:?}");
    for (status, password) in &answers {
        let login = platform.at("company-x.localhost").try_log_in(EMAIL, password).await;
        assert_eq!(login.status == 200, *status == 200, "{password}");
    }
    let api = platform.at("company-x.localhost").log_in(EMAIL, won.iter().next().expect("one")).await;
    assert_eq!(api.count("event").await, 0);
}
