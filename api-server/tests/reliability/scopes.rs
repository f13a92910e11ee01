//! An API process has a key of scope `directory`, which is enough.

use serde_json::json;

use crate::proxy::Proxy;
use crate::site::{Access, ApiProcess};
use crate::tms::{OPERATOR_KEY, Tms};
use crate::{PATIENCE, alone, report, until};

const TOKEN: &str = "the-secret-of-this-install";
const EMAIL: &str = "nobody-must-see@company-x.com";
const SECRETS: [&str; 5] = [TOKEN, EMAIL, "install_token", "private_reason", "three reminders"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_process_never_receives_a_token_or_an_e_mail_and_can_finish_an_install() {
    let _turn = alone().await;
    let folder = tempfile::tempdir().expect("a folder");
    let tms = Tms::start(&folder.path().join("tms")).await;
    let proxy = Proxy::start(tms.addr).await;
    tms.post("/tenant", &json!({ "name": "company-x", "email": EMAIL, "install_token": TOKEN })).await;
    let access = Access { url: proxy.url(), ..tms.access() };
    let api = ApiProcess::start(&folder.path().join("api"), &access, &[]).await;
    api.until_it_has(1).await;
    assert_eq!(api.of("company-x").await, 503, "its install is not finished");

    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let install = json!({
        "token": TOKEN, "needs_admin": true, "username": EMAIL, "password": "a long password", "update_mapping": false,
    });
    let send = async |path: &str, kind: &str, body: String| {
        let call = http.post(format!("http://{}{path}", api.private)).header("host", "company-x.localhost");
        let answer = call.header("content-type", kind).body(body).send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("a body"))
    };
    let (status, text) = send("/install", "application/json", install.to_string()).await;
    assert_eq!(status, 200, "{text}");
    until("the tenant", PATIENCE, async || api.of("company-x").await == 200).await;
    let login = format!("username={EMAIL}&password=a+long+password");
    let (status, text) = send("/user/token", "application/x-www-form-urlencoded", login).await;
    assert_eq!(status, 200, "its admin logs in: {text}");

    // What the feed tells, and what an answer to a question about one tenant, or about a domain.
    tms.suspend("company-x").await;
    until("the suspension", PATIENCE, async || api.of("company-x").await == 403).await;
    tms.give_domain("company-x", "shop.example").await;
    until("its domain", PATIENCE, async || api.status("shop.example").await == 403).await;
    let api = ApiProcess::start(&folder.path().join("other"), &access, &[]).await;
    api.until_it_has(1).await;

    let heard = proxy.heard();
    for route in ["company-x", "shop.example", "event: heartbeat", "\"access_token\"", "\"ok\":true"] {
        assert!(heard.contains(route), "the proxy was in between: {route}");
    }
    for secret in SECRETS {
        assert!(!heard.contains(secret), "the TMS told an API process `{secret}`");
    }
    report(&format!("{} bytes of the TMS, no token and no e-mail among them", heard.len()));
    would_be_heard(&tms).await;
}

/// The same with the operator's key: the list tells it all, and the proxy hears it.
async fn would_be_heard(tms: &Tms) {
    let folder = tempfile::tempdir().expect("a folder");
    let proxy = Proxy::start(tms.addr).await;
    let access = Access { url: proxy.url(), key: OPERATOR_KEY.to_owned() };
    let api = ApiProcess::start(&folder.path().join("api"), &access, &[]).await;
    api.until_it_has(1).await;
    let heard = proxy.heard();
    assert!(heard.contains(TOKEN) && heard.contains(EMAIL), "{heard}");
}
