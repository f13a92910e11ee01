//! `embed-api-server`.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

/// The running program, stopped when dropped.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _status = self.0.wait();
    }
}

/// The program, and the words of the line that it prints.
fn start(folder: &std::path::Path) -> (Program, Vec<String>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_embed-api-server"));
    let mut program = Program(command.arg(folder).stdout(Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(program.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (program, line.split_whitespace().map(str::to_owned).collect())
}

async fn ask(request: reqwest::RequestBuilder) -> Value {
    let answer = request.send().await.unwrap();
    let (status, body) = (answer.status(), answer.json().await.unwrap());
    assert!(status.is_success(), "{status} {body}");
    body
}

#[tokio::test]
async fn a_tenant_is_installed_tracked_and_counted_in_a_program_of_ones_own() {
    let folder = tempfile::tempdir().unwrap();
    let (_program, words) = start(folder.path());
    let [_, public, _, private, _, key] = words.try_into().unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let private = |path: &str| http.post(format!("{private}{path}")).header("host", "company-x.localhost");

    let install = json!({ "name": "company-x", "tms_api_key": key, "email": "a@x.com", "password": "pass" });
    let installed = ask(private("/tenant/install").json(&install)).await;
    assert_eq!(installed[0]["tenant"]["id"], json!("companyx"));
    let login = ask(private("/user/token").body("username=a@x.com&password=pass")).await;
    let token = login["access_token"].as_str().unwrap();
    let source =
        json!({ "id": "web", "name": "Web", "type": "rest", "bridge": { "id": "b", "name": "REST" } });
    let guarded = |path: &str| private(path).bearer_auth(token).header("x-context", "production");
    assert_eq!(ask(guarded("/event-source").json(&source)).await, json!("web"));
    let payload =
        json!({ "source": { "id": "web" }, "session": { "id": "s1" }, "events": [{ "type": "page-view" }] });
    let track = http.post(format!("{public}/track")).header("host", "company-x.localhost");
    assert_eq!(ask(track.json(&payload)).await["session"]["id"], json!("s1"));
    assert_eq!(ask(guarded("/event/select")).await["total"], json!(4));
}
