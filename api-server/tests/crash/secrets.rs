//! Secrets are in no log, at no level of ours, and in no file but where they belong.

use std::fs::{self, File};
use std::path::Path;

use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::laptop::Laptop;
use crate::site::{HOST, Site, TENANT};
use crate::support::{Api, EMAIL, OPERATOR_KEY, Program, Tms, page_view};
use crate::traces::{Secrets, contains, files};

/// Written the same in JSON, in a form and in a URL: however it got into a log, it is found.
const PASSWORD: &str = "correct-horse-battery-staple";
/// What a person mistypes is as good as what they meant.
const WRONG_PASSWORD: &str = "correct-horse-battery-stable";
const WRONG_KEY: &str = "TMS-API-KEZ";
const WRONG_TOKEN: &str = "0123456789-not-a-token";

const DEBUG: &str = "debug";
const TRACE_OF_OURS: &str = "debug,api_server=trace,customer_data=trace,storage=trace,tenant_core=trace,\
                             tenant_router=trace,tms_client=trace,tms_server=trace";

fn install_body(key: &str, password: &str) -> Value {
    json!({ "name": TENANT, "tms_api_key": key, "email": EMAIL, "password": password })
}

/// Everything that a secret is sent with, right and wrong. The access token.
async fn use_everything(at: &dyn Fn(&str) -> Api, key: &str) -> String {
    let base = at("localhost");
    let install = async |key: &str, password: &str| {
        base.post("/tenant/install", &install_body(key, password)).await.status
    };
    assert_eq!(install(WRONG_KEY, PASSWORD).await, 403);
    assert_eq!(install(key, PASSWORD).await, 200);
    assert_eq!(install(key, PASSWORD).await, 200);
    assert_eq!(install(key, WRONG_PASSWORD).await, 409);

    let visitor = at(HOST);
    assert_eq!(visitor.try_log_in(EMAIL, WRONG_PASSWORD).await.status, 400);
    let admin = visitor.clone().log_in(EMAIL, PASSWORD).await.in_context("production");
    admin.connect_web().await;
    visitor.track(&page_view("s1")).await.ok();
    // Sent by a page that has a login, too.
    admin.track(&page_view("s2")).await.ok();
    assert_eq!(admin.count("event").await, 8);
    assert_eq!(visitor.clone().with_token(WRONG_TOKEN).get("/event/count").await.status, 401);
    assert_eq!(at("nobody.localhost").with_token(admin.token()).get("/event/count").await.status, 404);
    admin.token().to_owned()
}

/// Finishes an install by the tenant's install token, rightly and wrongly.
async fn use_install_token(visitor: &Api, token: &str) {
    for (token, status) in [(token, 200), (WRONG_TOKEN, 403)] {
        let body = json!({ "username": EMAIL, "password": PASSWORD, "token": token, "needs_admin": true });
        assert_eq!(visitor.post("/install", &body).await.status, status);
    }
}

async fn install_token(tms: &Tms) -> String {
    let record = tms.operate("GET", &format!("/tenant/{TENANT}"), Value::Null).await;
    record["install_token"].as_str().expect("a token").to_owned()
}

fn secrets(access_token: &str, operator_key: &str) -> Vec<(&'static str, String)> {
    let named = [
        ("the password", PASSWORD),
        ("a mistyped password", WRONG_PASSWORD),
        ("a mistyped key", WRONG_KEY),
        ("a wrong token", WRONG_TOKEN),
        ("a login's token", access_token),
        ("the operator's key", operator_key),
    ];
    named.map(|(name, secret)| (name, secret.to_owned())).into()
}

/// The search would find what is there.
fn assert_searchable(log: &[u8], stored: &[(std::path::PathBuf, Vec<u8>)]) {
    assert!(contains(log, "install of tenant companyx"), "nothing was logged");
    assert!(contains(log, "DEBUG"), "the level was not in force");
    assert!(
        stored.iter().any(|(_, content)| contains(content, EMAIL)),
        "the files are not those of the tenant"
    );
}

async fn serve_keeps_secrets(level: &str) {
    let site = Site::start().await;
    let log = site.path("log");
    let mut command = Program::command(&site.tms, &site.data_dir());
    command.env("LOGGING_LEVEL", level).stderr(File::create(&log).expect("a file"));
    let program = Program::spawn(command, &site.path("ready.json"));
    let access_token = use_everything(&|host| program.at(host), OPERATOR_KEY).await;
    let install_token = install_token(&site.tms).await;
    use_install_token(&program.at(HOST), &install_token).await;

    let mut named = secrets(&access_token, OPERATOR_KEY);
    named.push(("the install token", install_token));
    named.push(("the process's own key", site.tms.directory_key.expose_secret().to_owned()));
    let secrets = Secrets::new(named);
    let ready = fs::read(site.path("ready.json")).expect("a ready file");
    secrets.assert_absent("the ready file", &ready);
    // While it runs, with the journals, and after its end.
    let running = files(&site.data_dir());
    assert!(program.terminate().success());
    let stored = files(&site.data_dir());
    for (path, content) in running.iter().chain(&stored) {
        secrets.assert_absent(&path.display().to_string(), content);
    }
    let log = fs::read(&log).expect("a log");
    secrets.assert_absent_from_log(&log);
    assert_searchable(&log, &running);
}

#[tokio::test(flavor = "multi_thread")]
async fn serve_keeps_secrets_to_itself_at_debug() {
    serve_keeps_secrets(DEBUG).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn serve_keeps_secrets_to_itself_at_our_trace() {
    serve_keeps_secrets(TRACE_OF_OURS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dev_keeps_secrets_to_itself() {
    let folder = tempfile::tempdir().expect("a folder");
    let laptop = Laptop::start(&folder.path().join("data"), &["--logging-level", TRACE_OF_OURS]);
    let key = laptop.operator_key();
    let access_token = use_everything(&|host| laptop.at(host), &key).await;
    let secrets = Secrets::new(secrets(&access_token, &key));

    let running = files(laptop.data_dir());
    let (data_dir, log) = (laptop.data_dir().to_owned(), laptop.log());
    laptop.stop();
    let is_database = |path: &Path| path.starts_with(data_dir.join("tms"));
    assert!(running.iter().any(|(path, _)| is_database(path)));
    for (path, content) in running.iter().chain(&files(&data_dir)) {
        if *path == data_dir.join("dev.json") {
            assert!(contains(content, &key));
            continue;
        }
        // No key is in the management service's database either: it has their digests.
        secrets.assert_absent(&path.display().to_string(), content);
    }
    let log = fs::read(log).expect("a log");
    secrets.assert_absent_from_log(&log);
    assert_searchable(&log, &running);
}
