//! Secrets appear in no log at DEBUG, and in no file but those that are there to keep them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::dev::Dev;
use crate::support::{Api, EMAIL, OPERATOR_KEY, Platform, Program, page_view};

const PASSWORD: &str = "a-password-like-no-other-word";
const WRONG: &str = "wrong-secret-like-no-other-word";

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() { files(&entry, into) } else { into.push(entry) }
    }
}

/// The files below a folder, or the file itself, that hold a secret.
fn holding(secret: &str, place: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    if place.is_dir() {
        files(place, &mut all)
    } else {
        all.push(place.to_owned())
    }
    let holds = |file: &PathBuf| {
        let bytes = fs::read(file).expect("a file");
        bytes.windows(secret.len()).any(|window| window == secret.as_bytes())
    };
    all.retain(holds);
    all
}

/// Everything that a secret goes along with; gives the token of a login.
async fn use_secrets(localhost: &Api, company: &Api, key: &str) -> String {
    let install =
        |key: &str| json!({ "name": "company-x", "tms_api_key": key, "email": EMAIL, "password": PASSWORD });
    assert_eq!(localhost.post("/tenant/install", &install(WRONG)).await.status, 403);
    assert_eq!(localhost.post("/tenant/install", &install(key)).await.status, 200);
    let credentials = json!({ "username": EMAIL, "password": PASSWORD, "token": WRONG, "needs_admin": true });
    assert_eq!(company.post("/install", &credentials).await.status, 403);
    assert_eq!(company.try_log_in(EMAIL, WRONG).await.status, 400);
    assert_eq!(company.clone().with_token(WRONG).get("/event/count").await.status, 401);
    let admin = company.clone().log_in(EMAIL, PASSWORD).await.in_context("production");
    admin.connect_web().await;
    assert_eq!(admin.track(&page_view("s1")).await.status, 200);
    admin.token().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn in_the_servers_log_and_in_its_data_folder() {
    let platform = Platform::without_server().await;
    let log = platform.folder().join("log");
    let mut command = Program::command(&platform.tms, &platform.data_dir());
    command.env("LOGGING_LEVEL", "debug").stderr(File::create(&log).expect("a log"));
    let program = Program::spawn(command, &platform.folder().join("ready.json"));
    let token = use_secrets(&program.at("localhost"), &program.at("company-x.localhost"), OPERATOR_KEY).await;
    let record = platform.tms.operate("GET", "/tenant/companyx", Value::Null).await;
    let install_token = record["install_token"].as_str().expect("a token").to_owned();
    assert!(program.terminate().success());

    let text = fs::read_to_string(&log).expect("the log");
    assert!(text.contains("/tenant/install") && text.contains("DEBUG"), "the log is one at DEBUG: {text}");
    // `eyJ` begins every access token of the management service.
    let directory_key = platform.tms.directory_key.expose_secret();
    for secret in [OPERATOR_KEY, directory_key, PASSWORD, WRONG, &token, &install_token, "eyJ"] {
        assert!(holding(secret, &log).is_empty(), "{secret}");
        assert!(holding(secret, &platform.data_dir()).is_empty(), "{secret}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_the_laptop_modes_log_and_folder() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let log = folder.path().join("log");
    let data = folder.path().join("data");
    let mut command = Dev::command(&data);
    command.env("LOGGING_LEVEL", "debug").stderr(File::create(&log).expect("a log"));
    let dev = Dev::spawn(command, &data);
    let key = dev.operator_key();
    let token = use_secrets(&dev.at("localhost"), &dev.at("company-x.localhost"), &key).await;
    assert!(dev.terminate().success());

    for secret in [&key, PASSWORD, WRONG, &token, "eyJ"] {
        assert!(holding(secret, &log).is_empty(), "{secret}");
        let kept = holding(secret, &data);
        let expected = if secret == key { vec![data.join("dev.json")] } else { Vec::new() };
        assert_eq!(kept, expected, "{secret}: the database of the management service has hashes alone");
    }
}
