//! SIGKILL after each step of an install, also after the last, before the answer: the same call completes it.

use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use api_server::{Config, InstallStep, Listeners, Server, StorageConfig, Tenancy, TmsConfig};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::support::{Api, EMAIL, OPERATOR_KEY, PASSWORD, Platform, page_view};

/// What a child is told by; without them its test is no test.
const STEP: &str = "TENANTRY_STOP_AT";
const TMS: &str = "TENANTRY_TMS";
const KEY: &str = "TENANTRY_KEY";
const FOLDER: &str = "TENANTRY_FOLDER";

/// A server that stops for ever at a step of an install, having said so by a file.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_that_stops_at_a_step() {
    let var = |name: &str| std::env::var(name).ok();
    let (Some(step), Some(tms), Some(key), Some(folder)) = (var(STEP), var(TMS), var(KEY), var(FOLDER))
    else {
        return;
    };
    let folder = std::path::PathBuf::from(folder);
    let mut directory = TmsConfig::new(tms, key.into());
    directory.base_domains = vec!["localhost".parse().expect("a host")];
    let storage = StorageConfig::Embedded { data_dir: folder.join("data") };
    let mut config = Config::new(Tenancy::Multi(directory), storage);
    config.listeners = Listeners::any_local();
    config.ready_file = Some(folder.join("ready.json"));
    let reached = folder.join("reached");
    config.install_observer = Some(std::sync::Arc::new(move |at: InstallStep, _: &_| {
        if format!("{at:?}") == step {
            std::fs::write(&reached, "").expect("said");
            loop {
                std::thread::park();
            }
        }
    }));
    let _server = Server::start(config).await.expect("the server starts");
    std::future::pending::<()>().await;
}

fn child(platform: &Platform, step: InstallStep) -> Child {
    Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "install_steps::child_that_stops_at_a_step", "--nocapture"])
        .env(STEP, format!("{step:?}"))
        .env(TMS, platform.tms.url())
        .env(KEY, platform.tms.directory_key.expose_secret())
        .env(FOLDER, platform.folder())
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("a child")
}

async fn file(path: &Path) -> String {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        match std::fs::read_to_string(path) {
            Ok(text) => return text,
            Err(_) => assert!(Instant::now() < deadline, "no {} after 30 s", path.display()),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A platform whose server was killed when the install of `company-x` had done this step.
async fn killed_at(step: InstallStep) -> Platform {
    let mut platform = Platform::without_server().await;
    let mut child = child(&platform, step);
    let ready: Value =
        serde_json::from_str(&file(&platform.folder().join("ready.json")).await).expect("json");
    let addr = |name: &str| {
        ready[name].as_str().expect("a URL").trim_start_matches("http://").parse().expect("an address")
    };
    let api = Api::new(addr("public"), addr("private"), "localhost");
    let body =
        json!({ "name": "company-x", "tms_api_key": OPERATOR_KEY, "email": EMAIL, "password": PASSWORD });
    let call = tokio::spawn(async move {
        let request = api.private(reqwest::Method::POST, "/tenant/install").json(&body);
        api.try_send(request).await
    });
    file(&platform.folder().join("reached")).await;
    child.kill().expect("killed");
    child.wait().expect("its end");
    assert!(call.await.expect("no panic").is_err(), "the call was not answered");
    platform.start_server(|_| {}).await;
    platform
}

async fn is_whole(platform: &Platform, password: &str) {
    let admin = platform.at("company-x.localhost").log_in(EMAIL, password).await;
    for context in ["production", "staging"] {
        let admin = admin.clone().in_context(context);
        admin.connect_web().await;
        assert_eq!(admin.count("event").await, 0, "{context}");
    }
    let production = admin.in_context("production");
    assert_eq!(production.track(&page_view("s1")).await.status, 200);
    assert_eq!(production.count("event").await, 4);
    let again = platform.install_as("company-x", EMAIL, password).await.ok();
    assert_eq!(again[0]["created"]["indices"], json!([]), "there is nothing left to do");
}

async fn resumes_after(step: InstallStep) {
    let platform = killed_at(step).await;
    let api = platform.at("company-x.localhost");
    let refused = api.track(&page_view("s1")).await;
    assert_eq!((refused.status, &refused.body["code"]), (503, &json!("tenant_pending")), "{refused:?}");
    assert_eq!(api.try_log_in(EMAIL, PASSWORD).await.status, 503);
    assert_eq!(platform.install_as("company-x", "other@x.com", PASSWORD).await.status, 409);
    let resumed = platform.install_as("company-x", EMAIL, "another password").await.ok();
    assert_eq!(resumed[0]["tenant"]["status"], json!("active"));
    assert_eq!(api.try_log_in(EMAIL, PASSWORD).await.status, 400, "the later call's password counts");
    is_whole(&platform, "another password").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_tenant_was_registered() {
    resumes_after(InstallStep::Registered).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_its_storage_was_prepared() {
    resumes_after(InstallStep::StoragePrepared).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_its_admin_was_created() {
    resumes_after(InstallStep::AdminCreated).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_it_was_activated_before_the_answer() {
    let platform = killed_at(InstallStep::Activated).await;
    assert_eq!(platform.install_as("company-x", EMAIL, "another password").await.status, 409);
    let told = platform.install("company-x").await.ok();
    assert_eq!(told[0]["tenant"]["status"], json!("active"));
    is_whole(&platform, PASSWORD).await;
}
