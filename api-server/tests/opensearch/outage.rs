//! The program without its engine, and when it comes back.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Answer, EMAIL, OPERATOR_KEY, PASSWORD, Program, Tms, eventually, page_view};
use crate::switch::Switch;

/// Far less than a request may take in all.
const PATIENCE: Duration = Duration::from_secs(10);

/// The program, with the settings that an operator makes.
fn program(tms: &Tms, data_dir: &Path, engine: &str) -> Program {
    let mut command = Program::command(tms, data_dir);
    command
        .env("STORAGE", "opensearch")
        .env("ELASTIC_HOST", engine)
        .env("ELASTIC_HTTP_COMPRESS", "yes")
        .env("ELASTIC_MAX_CONN", "4")
        .env("OPENSEARCH_PREFIX", format!("{}-outage", crate::prefix()))
        .env("LOGGING_LEVEL", "error");
    Program::spawn(command, &data_dir.join("../ready.json"))
}

async fn install(program: &Program) -> Answer {
    let body =
        json!({ "name": "company-x", "tms_api_key": OPERATOR_KEY, "email": EMAIL, "password": PASSWORD });
    program.at("localhost").post("/tenant/install", &body).await
}

fn is_unavailable(answer: &Answer) {
    assert_eq!((answer.status, &answer.body["code"]), (503, &json!("storage_unavailable")), "{answer:?}");
    assert!(
        answer.header("retry-after").expect("when to come back").parse::<u64>().is_ok_and(|wait| wait > 0)
    );
}

async fn storage(program: &Program) -> Value {
    let (status, mut body) = program.readiness().await;
    assert_eq!(
        (status, &body["status"]),
        (200, &json!("ready")),
        "an outage takes no process out of service"
    );
    body["storage"].take()
}

async fn until_reachable(program: &Program, is_reachable: bool) {
    eventually("the engine's state in /readyz", async || {
        storage(program).await["reachable"] == json!(is_reachable)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_is_down_is_503_and_found_again_when_it_is_up() {
    let folder = TempDir::new().expect("a folder");
    let data_dir = folder.path().join("data");
    let tms = Tms::start(folder.path()).await;
    let mut engine = Switch::off(&crate::hosts()).await;

    // Down at the start.
    let api = program(&tms, &data_dir, &engine.url());
    let began = Instant::now();
    is_unavailable(&install(&api).await);
    assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
    until_reachable(&api, false).await;
    let state = storage(&api).await;
    assert_eq!(state["engine"], json!("opensearch"));
    assert!(state["failing_s"].is_u64(), "{state}");
    assert!(state["last_error"].as_str().is_some_and(|text| text.contains("refused")), "{state}");

    // Up: the same call goes on.
    engine.switch_on().await;
    until_reachable(&api, true).await;
    assert_eq!(storage(&api).await["failing_s"], Value::Null);
    assert_eq!(install(&api).await.status, 200);
    let admin = api.at("company-x.localhost").log_in(EMAIL, PASSWORD).await.in_context("production");
    admin.connect_web().await;
    assert_eq!(admin.track(&page_view("s1")).await.status, 200);
    eventually("the events", async || admin.count("event").await == 4).await;

    // Down again: nobody waits for long, however many come.
    engine.switch_off().await;
    let mut payload = page_view("s1");
    payload["events"][0]["id"] = json!("during-the-outage");
    let began = Instant::now();
    let requests = (0..50).map(|_| {
        let (admin, payload) = (admin.clone(), payload.clone());
        tokio::spawn(async move { admin.track(&payload).await })
    });
    for request in requests.collect::<Vec<_>>() {
        is_unavailable(&request.await.expect("no panic"));
    }
    assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
    until_reachable(&api, false).await;

    // Up again, by itself; what is sent again is stored once.
    engine.switch_on().await;
    eventually("what was sent", async || admin.track(&payload).await.status == 200).await;
    assert_eq!(admin.track(&payload).await.status, 200);
    eventually("the event", async || admin.count("event").await == 5).await;
    until_reachable(&api, true).await;

    // A process that starts while it is down knows everything as soon as it is up.
    engine.switch_off().await;
    assert!(api.terminate().success());
    let api = program(&tms, &data_dir, &engine.url());
    let admin = api.at("company-x.localhost").with_token(admin.token()).in_context("production");
    is_unavailable(&admin.get("/event/count").await);
    engine.switch_on().await;
    eventually("the process", async || admin.get("/event/count").await.status == 200).await;
    assert_eq!(admin.count("event").await, 5);
}

#[test]
fn what_cannot_be_is_refused_at_the_start() {
    let check = |settings: &[(&str, &str)]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_api-server"));
        command.arg("check-config").env("STORAGE", "opensearch").envs(settings.iter().copied());
        let output = command.output().expect("it runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        (output.status.success(), text(output.stdout), text(output.stderr))
    };
    for (setting, value) in [
        ("PLACEMENT", "elsewhere"),
        ("ELASTIC_HOST", ""),
        ("ELASTIC_HOST", "9200"),
        ("ELASTIC_CLOUD_ID", "mine:abc"),
        ("ELASTIC_CA_FILE", "/nowhere/ca.pem"),
        ("ELASTIC_API_KEY", "s3cret"),
        ("OPENSEARCH_PREFIX", "A"),
        ("ELASTIC_VERIFY_CERTS", "maybe"),
        ("ELASTIC_MAX_CONN", "0"),
    ] {
        let (good, _, told) = check(&[(setting, value)]);
        let named = told.contains(setting)
            || told.contains(&format!("--{}", setting.to_lowercase().replace('_', "-")));
        assert!(!good && named && !told.contains("s3cret"), "{setting}: {told}");
    }

    let secrets = [
        ("ELASTIC_HOST", "https://me:s3cret@search.example, other"),
        ("ELASTIC_HTTP_AUTH_PASSWORD", "s3cret"),
        ("ELASTIC_SNIFF_ON_START", "yes"),
    ];
    let (good, shown, told) = check(&secrets);
    assert!(good, "{told}");
    assert!(!shown.contains("s3cret") && !told.contains("s3cret"), "{shown} {told}");
    for line in [
        "STORAGE=opensearch",
        "PLACEMENT=shared",
        "ELASTIC_HOST=https://(hidden)@search.example:443/,http://other:9200/",
        "ELASTIC_HTTP_AUTH_USERNAME=elastic",
        "ELASTIC_HTTP_AUTH_PASSWORD=(set)",
        "ELASTIC_VERIFY_CERTS=yes",
        "ELASTIC_CONF_INDEX_SHARDS=1",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line} is not in\n{shown}");
    }
}
