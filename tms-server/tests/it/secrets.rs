//! Secrets are in no log at any level, and keys are in no file.

use std::path::Path;

use reqwest::Method;
use secrecy::ExposeSecret as _;
use serde_json::json;
use tms_server::{Config, Scope};

use crate::support::{KEY, Logs, Tms, wrong_key};

/// All that the database's files hold.
fn files(folder: &Path) -> Vec<u8> {
    let entries = std::fs::read_dir(folder.join("tms")).expect("a folder");
    entries.flat_map(|entry| std::fs::read(entry.expect("an entry").path()).expect("readable")).collect()
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn no_secret_is_logged_at_any_level_and_no_key_is_written_to_disk() {
    let tms = Tms::start().await;
    let issued = tms.server.keys().issue(Scope::Operator, "mine").await.expect("a key");
    let key = issued.key.expose_secret();
    tms.send(tms.request(Method::GET, &format!("/api-key/{key}"))).await.ok();
    tms.send(tms.request(Method::GET, &format!("/api-key/{}", wrong_key().expose_secret()))).await;
    tms.send(tms.request(Method::GET, &format!("/api-key/{key}/more"))).await.is(404, "not_found");
    tms.send(tms.request(Method::GET, &format!("/api-key/{KEY}?key={KEY}"))).await.ok();
    let operator = tms.with_key(key).await;
    let body = json!({ "name": "acme", "email": "a@b", "install_token": "the-install-token-of-acme" });
    operator.post("/tenant", body.clone()).await.ok();
    operator.post("/tenant", body).await.is(409, "tenant_exists");
    let rotated = operator.post(&format!("/keys/{}/rotate", issued.id), json!({ "overlap_s": 9 })).await.ok();
    let rotated = rotated["key"].as_str().expect("a key").to_owned();
    let directory = tms.directory().await;
    let body = json!({ "install_token": "the-install-token-of-acme" });
    directory.post("/tenant/acme/activate", body.clone()).await.ok();
    directory.post("/tenant/acme/verify-token", json!({ "token": "a-token-that-was-guessed" })).await.ok();

    let secret_of = |key: &str| key.rsplit_once('_').expect("a key").1.to_owned();
    let keys = [secret_of(key), secret_of(&rotated), KEY.to_owned()];
    let logs = Logs::capture().text();
    assert!(logs.contains("http.route=\"/api-key/{key}\""), "requests are logged, by their route");
    assert!(logs.contains("registered tenant acme"));
    let others = [
        secret_of(wrong_key().expose_secret()),
        operator.token.clone(),
        directory.token.clone(),
        "the-install-token-of-acme".to_owned(),
        "a-token-that-was-guessed".to_owned(),
    ];
    for secret in keys.iter().chain(&others) {
        assert!(!logs.contains(secret.as_str()), "{secret} is in the log");
    }
    let before = files(tms.folder.path());
    assert!(contains(&before, "acme"), "this is where the data is");
    let folder = tms.folder;
    tms.server.shutdown().await;
    for bytes in [before, files(folder.path())] {
        for key in &keys {
            assert!(!contains(&bytes, key), "{key} is on disk");
        }
    }
}

#[tokio::test]
async fn nothing_that_can_be_printed_shows_a_secret() {
    let tms = Tms::start().await;
    let issued = tms.server.keys().issue(Scope::Operator, "mine").await.expect("a key");
    let config = Config {
        api_key: Some(KEY.into()),
        secret: Some("the-secret".into()),
        ..Config::new("postgres://tms:pass-word@db/tms")
    };
    let text = format!("{:?} {:?} {issued:?} {config:?}", tms.server, tms.server.keys());
    let secret = issued.key.expose_secret().rsplit_once('_').expect("a key").1;
    for secret in [KEY, "the-secret", "pass-word", secret] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}
