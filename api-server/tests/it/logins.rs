//! Logins and bearer tokens: good for one tenant, one incarnation, one user.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, EMAIL, PASSWORD, Platform, eventually};

fn is_refused(answer: &Answer, detail: &str) {
    assert_eq!((answer.status, &answer.body["detail"]), (401, &json!(detail)), "{answer:?}");
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
}

#[tokio::test]
async fn the_token_endpoint_answers_as_the_contract_says() {
    let platform = Platform::start().await;
    platform.tenant("company-x").await;
    let api = platform.at("company-x.localhost");
    for (email, password) in [(EMAIL, "wrong"), ("nobody@x.com", PASSWORD), ("", ""), (EMAIL, "")] {
        let answer = api.try_log_in(email, password).await;
        assert_eq!(answer.status, 400, "{email} {password}");
        assert_eq!(answer.body["detail"], json!("Authentication error: Incorrect username or password."));
    }
    let form = async |form: &'static str| api.send(api.private(Method::POST, "/user/token").body(form)).await;
    let missing = form("username=a").await;
    assert_eq!((missing.status, &missing.body["detail"][0]["loc"]), (422, &json!(["body", "password"])));
    let grant = form("username=a&password=b&grant_type=implicit").await;
    assert_eq!((grant.status, &grant.body["detail"][0]["type"]), (422, &json!("string_pattern_mismatch")));
    let login = api.try_log_in(EMAIL, PASSWORD).await;
    assert_eq!(login.header("cache-control"), Some("no-store"));
    assert_eq!(login.ok()["preference"], json!({}));
}

#[tokio::test]
async fn a_guarded_route_wants_a_bearer() {
    let platform = Platform::start().await;
    platform.tenant("company-x").await;
    let api = platform.at("company-x.localhost");
    is_refused(&api.get("/event/count").await, "Not authenticated");
    for header in ["Basic abc", "Bearer", "Bearer a b", ""] {
        let request = api.private(Method::GET, "/event/count").header("authorization", header);
        is_refused(&api.send(request).await, "Not authenticated");
    }
    is_refused(
        &api.clone().with_token("made-up").get("/event/count").await,
        "Invalid authentication credentials",
    );
}

#[tokio::test]
async fn a_token_of_one_tenant_is_nothing_at_another() {
    let platform = Platform::start().await;
    let (x, y) = (platform.tenant("company-x").await, platform.tenant("company-y").await);
    let foreign = platform.at("company-y.localhost").with_token(x.token());
    for path in ["/event/count", "/event-source/web", "/profile/a", "/event-sources"] {
        is_refused(&foreign.get(path).await, "Invalid authentication credentials");
    }
    assert_eq!(foreign.post("/user/logout", &Value::Null).await.status, 200, "and logs nobody out");
    assert_eq!((x.get("/event/count").await.status, y.get("/event/count").await.status), (200, 200));
}

#[tokio::test]
async fn a_logout_ends_the_token() {
    let platform = Platform::start().await;
    let admin = platform.tenant("company-x").await;
    let out = platform.at("company-x.localhost").post("/user/logout", &Value::Null).await;
    assert_eq!((out.status, &out.body["detail"]), (401, &json!("No authorization header provided.")));
    assert_eq!(admin.post("/user/logout", &Value::Null).await.ok(), Value::Null);
    is_refused(&admin.get("/event/count").await, "Invalid authentication credentials");
    assert_eq!(admin.post("/user/logout", &Value::Null).await.ok(), Value::Null, "for an unknown token too");
}

#[tokio::test]
async fn a_token_of_a_former_incarnation_is_401_and_its_data_is_not_there() {
    let mut platform = Platform::start().await;
    let former = platform.tenant("company-x").await;
    former.connect_web().await;
    assert_eq!(former.track(&crate::support::page_view("s1")).await.status, 200);
    platform.tms.replace_by_an_empty_one().await;
    platform.restart().await;
    let again = platform.tenant("company-x").await;
    assert_eq!((again.count("event").await, again.get("/session/s1").await.status), (0, 404));
    let former = platform.at("company-x.localhost").with_token(former.token());
    is_refused(&former.get("/event/count").await, "Invalid authentication credentials");
    let lives = std::fs::read_dir(platform.tenant_dir("companyx")).expect("the folder").count();
    assert_eq!(lives, 2, "the former life's files are untouched, beside the new ones");
}

#[tokio::test]
async fn tokens_survive_a_restart_and_the_tenants_staging_holds_them_for_both_contexts() {
    let mut platform = Platform::start().await;
    let admin = platform.tenant("company-x").await;
    platform.restart().await;
    let admin = platform.at("company-x.localhost").with_token(admin.token());
    assert_eq!(admin.clone().in_context("production").get("/event/count").await.status, 200);
    assert_eq!(admin.in_context("staging").get("/event/count").await.status, 200);
}

#[tokio::test]
async fn a_process_that_serves_no_people_lets_nobody_in() {
    let platform = Platform::start_with(|config| config.expose_gui_api = false).await;
    assert_eq!(platform.install("company-x").await.status, 200);
    let api = platform.at("company-x.localhost");
    let refused = api.try_log_in(EMAIL, PASSWORD).await;
    assert_eq!((refused.status, &refused.body["detail"]), (403, &json!("Access forbidden")));
    assert_eq!(api.get("/event/count").await.status, 401, "without a token as ever");
    assert_eq!(api.with_token("any").get("/event/count").await.status, 403);
}

#[tokio::test]
async fn a_tenant_whose_folder_is_moved_away_is_503_and_not_empty() {
    let platform = Platform::start().await;
    let admin = platform.tenant("company-x").await;
    admin.connect_web().await;
    assert_eq!(admin.track(&crate::support::page_view("s1")).await.status, 200);
    let (folder, away) = (platform.tenant_dir("companyx"), platform.data_dir().join("away"));
    std::fs::rename(&folder, &away).expect("moved");
    let gone = admin.track(&crate::support::page_view("s2")).await;
    assert_eq!((gone.status, &gone.body["code"]), (503, &json!("storage_not_installed")), "{gone:?}");
    assert!(gone.header("retry-after").is_some());
    assert_eq!(admin.get("/event/count").await.status, 503);
    assert_eq!(
        platform.install("company-x").await.status,
        503,
        "an install of an active tenant makes no empty one"
    );
    assert!(!folder.exists());
    std::fs::rename(&away, &folder).expect("moved back");
    eventually("the tenant", async || admin.get("/event/count").await.status == 200).await;
    assert_eq!(admin.count("event").await, 4);
}
