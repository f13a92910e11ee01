//! What a restart keeps, and what it makes once.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use tempfile::TempDir;
use tenant_core::SystemClock;
use tms_server::{Config, Scope, Server, StartError, rotate_signing_secret};

use crate::support::{As, KEY, Logs, Tms, config, database};

/// A configuration without a key, as on a first start.
fn bare(folder: &TempDir) -> Config {
    Config { api_key: None, ..config(folder) }
}

async fn start(config: Config, folder: TempDir) -> Tms {
    Tms::start_with(config, folder, Arc::new(SystemClock::default())).await
}

async fn stop(tms: Tms) -> TempDir {
    tms.server.shutdown().await;
    tms.folder
}

#[tokio::test]
async fn an_operator_key_is_generated_once_and_outlives_restarts_with_its_tokens() {
    let folder = tempfile::tempdir().expect("a folder");
    let tms = start(bare(&folder), folder).await;
    let key: SecretString = tms.server.generated_key().expect("a key at the first start").clone();
    assert_eq!(tms.server.keys().scope_of(&key).await.expect("asked"), Some(Scope::Operator));
    let operator = tms.with_key(key.expose_secret()).await;
    operator.create_active("acme").await;
    let token = operator.token;

    let folder = stop(tms).await;
    let tms = start(bare(&folder), folder).await;
    assert!(tms.server.generated_key().is_none());
    let operator = tms.with_key(key.expose_secret()).await;
    assert_eq!(operator.get("/tenant/acme").await.ok()["status"], "active");
    let earlier = As { tms: &tms, token };
    earlier.get("/tenant").await.ok();
}

#[tokio::test]
async fn with_a_key_in_the_environment_none_is_generated_and_its_tokens_end_when_it_changes() {
    let folder = tempfile::tempdir().expect("a folder");
    let tms = start(config(&folder), folder).await;
    assert!(tms.server.generated_key().is_none());
    let token = tms.operator().await.token;

    let folder = stop(tms).await;
    let tms = start(config(&folder), folder).await;
    As { tms: &tms, token: token.clone() }.get("/tenant").await.ok();

    let folder = stop(tms).await;
    let config = Config { api_key: Some("another-operator-key-than-before".into()), ..config(&folder) };
    let tms = start(config, folder).await;
    tms.exchange(KEY).await.is(403, "key_invalid");
    As { tms: &tms, token }.get("/tenant").await.is(401, "unauthorized");
    assert!(tms.server.keys().list().await.expect("asked").is_empty(), "it is never stored");
}

#[tokio::test]
async fn an_empty_key_is_none_and_a_weak_one_works_with_a_loud_warning() {
    let folder = tempfile::tempdir().expect("a folder");
    let tms = start(Config { api_key: Some("".into()), ..config(&folder) }, folder).await;
    assert!(tms.server.generated_key().is_some());
    tms.exchange("").await.is(403, "key_invalid");

    let folder = stop(tms).await;
    let tms = start(Config { api_key: Some("yyy".into()), ..config(&folder) }, folder).await;
    tms.with_key("yyy").await.get("/keys").await.ok();
    assert!(Logs::capture().text().contains("API_KEY is weak (it is well known)"));
}

#[tokio::test]
async fn a_secret_in_the_configuration_overrides_the_one_in_the_database() {
    let folder = tempfile::tempdir().expect("a folder");
    let tms = start(config(&folder), folder).await;
    let token = tms.operator().await.token;
    let folder = stop(tms).await;
    let secret = Some("a-secret-of-more-than-thirty-two-bytes".into());
    let tms = start(Config { secret, ..config(&folder) }, folder).await;
    As { tms: &tms, token }.get("/tenant").await.is(401, "unauthorized");
    tms.operator().await.get("/tenant").await.ok();
}

#[tokio::test]
async fn a_signing_secret_that_is_rotated_between_two_starts_is_good_for_its_overlap() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut tms = start(config(&folder), folder).await;
    let token = tms.operator().await.token;
    for (overlap, good) in [(Duration::from_secs(600), true), (Duration::ZERO, false)] {
        let folder = stop(tms).await;
        rotate_signing_secret(&database(&folder).into(), overlap).await.expect("rotated");
        tms = start(config(&folder), folder).await;
        let earlier = As { tms: &tms, token: token.clone() };
        assert_eq!(earlier.get("/tenant").await.status == 200, good, "{overlap:?}");
        tms.operator().await.get("/tenant").await.ok();
    }
}

#[tokio::test]
async fn a_start_that_fails_says_why_and_generates_no_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let refused = Server::start(Config::new("mysql://tms:word@db/tms")).await.expect_err("no such database");
    assert!(refused.to_string().contains("DATABASE_URL"), "{refused}");
    assert!(!format!("{refused:?} {refused}").contains("word"), "{refused:?}");

    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let bind = taken.local_addr().expect("an address");
    let refused = Server::start(Config { bind, ..bare(&folder) }).await.expect_err("taken");
    assert!(matches!(refused, StartError::Bind { .. }), "{refused}");

    let tms = start(bare(&folder), folder).await;
    assert!(tms.server.generated_key().is_some(), "the failed start has not used it up");
    let refused = Server::start(Config::new(database(&tms.folder))).await.expect_err("in use");
    assert!(refused.to_string().contains(&format!("process {}", std::process::id())), "{refused}");
}

#[tokio::test]
async fn a_request_under_way_is_answered_before_the_service_ends() {
    let tms = Tms::start().await;
    let token = tms.operator().await.token;
    let body = r#"{"name":"acme","email":"a@b"}"#;
    let head = format!(
        "POST /tenant HTTP/1.1\r\nhost: tms\r\nauthorization: Bearer {token}\r\ncontent-length: {}\r\n\
         expect: 100-continue\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(tms.server.addr()).expect("connected");
    let mut stream = tokio::task::spawn_blocking(move || {
        stream.write_all(head.as_bytes()).expect("written");
        let mut answer = [0; 25];
        stream.read_exact(&mut answer).expect("the handler reads the body");
        assert_eq!(&answer, b"HTTP/1.1 100 Continue\r\n\r\n");
        stream
    })
    .await
    .expect("no panic");
    let addr = tms.server.addr();
    let ending = tokio::spawn(tms.server.shutdown());
    let answer = tokio::task::spawn_blocking(move || {
        let deadline = std::time::Instant::now() + Duration::from_secs(5);
        while TcpStream::connect(addr).is_ok() {
            assert!(std::time::Instant::now() < deadline, "it still accepts");
        }
        stream.write_all(body.as_bytes()).expect("written");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer and the end");
        answer
    });
    assert!(answer.await.expect("no panic").starts_with("HTTP/1.1 200"));
    ending.await.expect("no panic");
}
