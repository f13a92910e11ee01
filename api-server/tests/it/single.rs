//! `MULTI_TENANT=no`, the default: every host is the one tenant, and nobody else is asked.

use api_server::{Config, Listeners, Server, Tenancy};
use serde_json::json;

use crate::support::{Api, EMAIL, PASSWORD, page_view};

async fn start(token: Option<&str>) -> (Server, tempfile::TempDir) {
    let folder = tempfile::TempDir::new().expect("a folder");
    let name = "solo".parse().expect("a name");
    let tenancy = Tenancy::Single { name, installation_token: token.map(Into::into) };
    let mut config = Config::new(tenancy, crate::storage_in(folder.path()));
    config.listeners = Listeners::any_local();
    (Server::start(config).await.expect("the server starts"), folder)
}

fn at(server: &Server, host: &str) -> Api {
    let endpoints = server.endpoints();
    Api::new(endpoints.public.expect("public"), endpoints.private.expect("private"), host)
}

#[tokio::test]
async fn one_tenant_is_installed_by_token_and_found_at_any_host() {
    let (server, _folder) = start(Some("tracardi")).await;
    let api = at(&server, "127.0.0.1");
    assert_eq!(api.get("/install").await.ok()["schema_ok"], json!(false));
    assert_eq!(api.track(&page_view("s1")).await.status, 503, "not installed is never an empty tenant");

    let credentials = |token: &str| json!({ "username": EMAIL, "password": PASSWORD, "token": token, "needs_admin": true, "update_mapping": false });
    assert_eq!(api.post("/install", &credentials("wrong")).await.status, 403);
    let installed = api.post("/install", &credentials("tracardi")).await.ok();
    assert_eq!((&installed[0]["admin"], &installed[0]["tenant"]["id"]), (&json!(true), &json!("solo")));

    for host in ["127.0.0.1", "company-x.localhost", "no_host_at_all"] {
        let admin = at(&server, host).log_in(EMAIL, PASSWORD).await.in_context("production");
        admin.connect_web().await;
        assert_eq!(admin.track(&page_view("s1")).await.status, 200, "{host}");
    }
    assert_eq!(api.get("/install").await.ok()["admin_ok"], json!(true));

    for username in [EMAIL, "somebody-else@x.com"] {
        let mut again = credentials("tracardi");
        again["username"] = json!(username);
        again["password"] = json!("stolen");
        assert_eq!(api.post("/install", &again).await.status, 200);
        assert_eq!(
            api.try_log_in(username, "stolen").await.status,
            400,
            "the token takes over nobody's account"
        );
    }
    assert_eq!(api.try_log_in(EMAIL, PASSWORD).await.status, 200);
    server.shutdown().await;
}

#[tokio::test]
async fn there_is_no_install_of_tenants() {
    let (server, _folder) = start(None).await;
    let answer = at(&server, "localhost").post("/tenant/install", &json!({ "name": "company-x" })).await;
    assert_eq!((answer.status, &answer.body["code"]), (404, &json!("not_found")));
}
