//! An API process has a key of scope `directory`, which is enough.

use std::time::Duration;

use serde_json::json;

use crate::proxy::Proxy;
use crate::site::ApiProcess;
use crate::tms::Tms;
use crate::until;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_process_never_receives_a_token_or_an_e_mail_and_can_finish_an_install() {
    const TOKEN: &str = "the-secret-of-this-install";
    const EMAIL: &str = "nobody-must-see@company-x.com";
    let folder = tempfile::tempdir().expect("a folder");
    let tms = Tms::start(&folder.path().join("tms")).await;
    let proxy = Proxy::start(tms.addr).await;
    let body = json!({ "name": "company-x", "email": EMAIL, "install_token": TOKEN });
    tms.post("/tenant", &body).await;
    tms.create("company-y").await;
    let api = ApiProcess::start(&folder.path().join("api"), &format!("http://{}", proxy.addr), &tms.directory_key);
    until("the start", Duration::from_secs(20), async || api.of("company-y").await == 200).await;
    assert_eq!(api.of("company-x").await, 503, "its install is not finished");

    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let install = json!({
        "token": TOKEN, "needs_admin": true, "username": "admin@company-x.com", "password": "a long password", "update_mapping": false,
    });
    let call = http.post(format!("http://{}/install", api.private)).header("host", "company-x.localhost");
    let answer = call.header("content-type", "application/json").body(install.to_string()).send().await;
    let answer = answer.expect("an answer");
    let (status, text) = (answer.status(), answer.text().await.expect("a body"));
    assert_eq!(status, 200, "{text}");
    until("the tenant", Duration::from_secs(20), async || api.of("company-x").await == 200).await;
    tms.suspend("company-x").await;
    until("the suspension", Duration::from_secs(20), async || api.of("company-x").await == 403).await;

    let heard = proxy.heard();
    assert!(heard.contains("company-x"), "the proxy was in between");
    for secret in [TOKEN, EMAIL, "install_token", "private_reason"] {
        assert!(!heard.contains(secret), "the TMS told an API process `{secret}`");
    }
}
