//! Installs, and what the engine and the management service then have of them.

use std::num::NonZeroU32;
use std::time::Duration;

use api_server::{Config, Listeners, Server, StorageConfig, Tenancy};
use reqwest::Client;
use serde_json::{Value, json};
use storage::opensearch::EnginePlacement;

use crate::support::{EMAIL, PASSWORD, Platform, page_view};

#[tokio::test]
async fn an_install_is_repeated_without_harm() {
    let platform = Platform::start().await;
    let first = platform.install("company-x").await.ok();
    let made = first[0]["created"]["indices"][0].as_str().expect("a marker");
    assert!(made.starts_with(crate::prefix()) && made.contains("companyx"), "{made}");
    let admin = platform.at("company-x.localhost").log_in(EMAIL, PASSWORD).await.in_context("production");
    admin.connect_web().await;
    assert_eq!(admin.track(&page_view("s1")).await.status, 200);

    let again = platform.install("company-x").await.ok();
    assert_eq!(again[0]["created"], json!({ "templates": [], "indices": [], "aliases": [] }));
    assert_eq!(platform.install_as("company-x", EMAIL, "another").await.status, 409);
    assert_eq!(admin.count("event").await, 4, "what was sent is still there");
    assert_eq!(platform.at("company-x.localhost").try_log_in(EMAIL, PASSWORD).await.status, 200);
}

#[tokio::test]
async fn it_is_recorded_that_a_tenant_shares_indices() {
    let platform = Platform::start().await;
    platform.tenant("company-x").await;
    let record = platform.tms.operate("GET", "/tenant/company-x", Value::Null).await;
    assert_eq!(record["storage"], json!("shared"), "{record}");
}

#[tokio::test]
async fn a_tenant_has_indices_of_its_own_where_they_are_asked_for() {
    let version = format!("{}-own", crate::prefix());
    let platform = Platform::start_with(|config| {
        let StorageConfig::OpenSearch { engine } = &mut config.storage else {
            unreachable!("this program tests no other")
        };
        engine.placement = EnginePlacement::Dedicated;
        engine.own_version.clone_from(&version);
        engine.own_shards = NonZeroU32::MIN;
    })
    .await;
    let installed = platform.install("company-x").await.ok();
    for (position, mark) in ["", "prod-"].into_iter().enumerate() {
        let created = &installed[position]["created"];
        let counted = ["templates", "indices", "aliases"].map(|what| created[what].as_array().map(Vec::len));
        assert_eq!(counted, [Some(6); 3], "{created}");
        assert_eq!(created["aliases"][0], format!("{mark}{version}.companyx.tracardi-event"));
    }
    let record = platform.tms.operate("GET", "/tenant/company-x", Value::Null).await;
    assert_eq!(record["storage"], json!("dedicated"), "{record}");
    let admin = platform.at("company-x.localhost").log_in(EMAIL, PASSWORD).await.in_context("production");
    admin.connect_web().await;
    for _ in 0..2 {
        assert_eq!(admin.track(&page_view("s1")).await.status, 200);
    }
    assert_eq!((admin.count("session").await, admin.count("profile").await), (1, 1));
    assert_eq!(admin.count("event").await, 5, "two views, and what tells of a first visit");
}

#[tokio::test]
async fn what_was_stored_is_found_by_another_process() {
    let mut platform = Platform::start().await;
    let admin = platform.tenant("company-x").await;
    admin.connect_web().await;
    assert_eq!(admin.track(&page_view("s1")).await.status, 200);
    platform.restart().await;
    let admin = platform.at("company-x.localhost").with_token(admin.token()).in_context("production");
    assert_eq!((admin.count("event").await, admin.get("/session/s1").await.status), (4, 200));
}

#[tokio::test]
async fn many_events_come_in_one_request_and_in_many() {
    let platform = Platform::start().await;
    let admin = platform.tenant("company-x").await;
    admin.connect_web().await;
    let event = |id: String| json!({ "id": id, "type": "tick", "properties": { "id": id } });
    let payload = |session: usize, events: Vec<Value>| json!({ "source": { "id": "web" }, "session": { "id": format!("s{session}") }, "events": events });
    let whole = payload(0, (0..500).map(|number| event(format!("whole-{number}"))).collect());
    // Sent again, each is stored once.
    for _ in 0..2 {
        assert_eq!(admin.track(&whole).await.status, 200);
    }
    assert_eq!(admin.count("event").await, 500 + 3);
    let single = (1..=40).map(|session| {
        let (admin, payload) = (admin.clone(), payload(session, vec![event(format!("single-{session}"))]));
        tokio::spawn(async move { admin.track(&payload).await.status })
    });
    for sent in single.collect::<Vec<_>>() {
        assert_eq!(sent.await.expect("no panic"), 200);
    }
    assert_eq!(admin.count("event").await, 503 + 40 * 4);
    assert_eq!((admin.count("session").await, admin.count("profile").await), (41, 41));
    let latest = admin.post("/event/select", &json!({ "limit": 1000 })).await.ok();
    assert_eq!((&latest["total"], latest["result"].as_array().map(Vec::len)), (&json!(663), Some(663)));
}

#[tokio::test]
async fn an_install_token_makes_one_admin_however_late_searches_are() {
    let StorageConfig::OpenSearch { mut engine } = crate::storage_in("".as_ref()) else {
        unreachable!("this program tests no other")
    };
    engine.prefix = format!("{}-late", crate::prefix());
    engine.refresh_interval = Duration::from_secs(600);
    let tenancy = Tenancy::Single { name: "solo".parse().expect("a name"), installation_token: None };
    let mut config = Config::new(tenancy, StorageConfig::OpenSearch { engine });
    config.listeners = Listeners::any_local();
    let server = Server::start(config).await.expect("the server starts");
    let url = format!("http://{}", server.endpoints().private.expect("private"));
    // Not the other tests' client, which waits until everything is found.
    let client = Client::builder().no_proxy().build().expect("a client");
    let mut logins = Vec::new();
    for (email, password) in [(EMAIL, PASSWORD), (EMAIL, "stolen"), ("another@x.com", "stolen")] {
        let body = json!({ "username": email, "password": password, "token": "", "needs_admin": true, "update_mapping": false });
        let installed = client.post(format!("{url}/install")).json(&body).send().await.expect("an answer");
        assert_eq!(installed.status(), 200, "{email}");
        let form = format!("username={email}&password={password}");
        let login = client.post(format!("{url}/user/token")).body(form).send().await.expect("an answer");
        logins.push(login.status().as_u16());
    }
    assert_eq!(logins, [200, 400, 400], "the token takes over nobody's account");
    server.shutdown().await;
}
