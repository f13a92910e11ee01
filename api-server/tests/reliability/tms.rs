//! The TMS as a process that can be killed and stopped: this test program once more.

use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::{Value, json};
use tms_server::{Config, Scope, Server};

use crate::site::Access;
use crate::{PATIENCE, until};

const FOLDER: &str = "TENANTRY_TMS_FOLDER";
const BIND: &str = "TENANTRY_TMS_BIND";
pub(crate) const OPERATOR_KEY: &str = "an-operator-key-that-nobody-guesses";

/// The process.
pub(crate) struct Tms {
    process: Child,
    folder: PathBuf,
    pub(crate) addr: SocketAddr,
    /// What an API process gets: of scope `directory`.
    directory_key: String,
    http: Client,
    token: String,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn process() {
    let (Ok(folder), Ok(bind)) = (std::env::var(FOLDER), std::env::var(BIND)) else { return };
    // It ends with the test that started it, however that ends.
    std::thread::spawn(|| {
        std::io::stdin().read_to_end(&mut Vec::new()).ok();
        std::process::exit(0);
    });
    let folder = Path::new(&folder);
    let mut config = Config::new(format!("sqlite://{}", folder.join("tms.db").display()));
    config.bind = bind.parse().expect("an address");
    config.api_key = Some(OPERATOR_KEY.into());
    config.base_domains = vec!["localhost".parse().expect("a host")];
    let server = Server::start(config).await.expect("the TMS starts");
    let ready = json!({ "addr": server.addr().to_string() });
    let file = folder.join("ready.json");
    std::fs::write(file.with_extension("tmp"), ready.to_string()).expect("written");
    std::fs::rename(file.with_extension("tmp"), file).expect("renamed");
    std::future::pending::<()>().await;
}

impl Tms {
    /// Starts it on a folder, on any free port, with a key for API processes.
    pub(crate) async fn start(folder: &Path) -> Self {
        std::fs::create_dir_all(folder).expect("a folder");
        let (process, addr) = spawn(folder, "127.0.0.1:0").await;
        // A connection for each call: one that was silent while the TMS was stopped is closed as soon as that goes on.
        let builder = Client::builder().no_proxy().pool_max_idle_per_host(0);
        let http = builder.timeout(Duration::from_secs(5)).build().expect("a client");
        let (folder, directory_key, token) = (folder.to_owned(), String::new(), String::new());
        let mut tms = Self { process, folder, addr, directory_key, http, token };
        tms.log_in().await;
        let key = tms.post("/keys", &json!({ "scope": Scope::Directory.as_str(), "label": "api" })).await;
        tms.directory_key = key["key"].as_str().expect("a key").to_owned();
        tms
    }

    fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// What an API process gets to know.
    pub(crate) fn access(&self) -> Access {
        Access { url: self.url(), key: self.directory_key.clone() }
    }

    async fn log_in(&mut self) {
        let call = self.http.post(format!("{}/token", self.url())).header("X-Api-Key", OPERATOR_KEY);
        let answer: Value = read(call).await;
        self.token = answer["access_token"].as_str().expect("a token").to_owned();
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Value {
        read(self.http.post(self.url() + path).bearer_auth(&self.token).body(body.to_string())).await
    }

    async fn patch(&self, path: &str, body: &Value) -> Value {
        read(self.http.patch(self.url() + path).bearer_auth(&self.token).body(body.to_string())).await
    }

    /// Registers a tenant and makes it active.
    pub(crate) async fn create(&self, name: &str) {
        self.post("/tenant", &json!({ "name": name, "email": "admin@company-x.com" })).await;
        self.post(&format!("/tenant/{name}/activate"), &json!({})).await;
    }

    pub(crate) async fn suspend(&self, name: &str) {
        let reasons = json!({ "public_reason": "unpaid", "private_reason": "three reminders" });
        self.post(&format!("/tenant/{name}/suspend"), &reasons).await;
    }

    pub(crate) async fn resume(&self, name: &str) {
        self.post(&format!("/tenant/{name}/resume"), &json!({})).await;
    }

    pub(crate) async fn give_domain(&self, name: &str, domain: &str) {
        self.patch(&format!("/tenant/{name}"), &json!({ "hosts": [domain] })).await;
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.process.kill().expect("killed");
        self.process.wait().expect("its end");
    }

    /// SIGSTOP: it accepts connections, and answers none of them.
    pub(crate) fn stop(&self) {
        signal(self.process.id(), "STOP");
    }

    /// SIGCONT.
    pub(crate) fn go_on(&self) {
        signal(self.process.id(), "CONT");
    }

    /// Once more where it was, after it was killed.
    pub(crate) async fn start_again(&mut self) {
        let bind = self.addr.to_string();
        // Its clients' connections may hold the port for a moment.
        until("the port of the TMS", PATIENCE, async || std::net::TcpListener::bind(&bind).is_ok()).await;
        (self.process, self.addr) = spawn(&self.folder, &bind).await;
        self.log_in().await;
    }
}

impl Drop for Tms {
    fn drop(&mut self) {
        // It may be dead already.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &pid.to_string()]).status().expect("kill runs");
    assert!(sent.success());
}

async fn spawn(folder: &Path, bind: &str) -> (Child, SocketAddr) {
    let ready = folder.join("ready.json");
    std::fs::remove_file(&ready).ok();
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--exact", "tms::process", "--nocapture"]).env(FOLDER, folder).env(BIND, bind);
    let mut process = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("the TMS starts");
    let ready = read_ready(&mut process, &ready).await;
    let addr = ready["addr"].as_str().expect("an address").parse();
    (process, addr.expect("an address"))
}

/// What a program has written where it was told to, once it accepts.
pub(crate) async fn read_ready(process: &mut Child, file: &Path) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(ready) = std::fs::read(file).ok().and_then(|file| serde_json::from_slice(&file).ok()) {
            return ready;
        }
        if let Some(status) = process.try_wait().expect("a status") {
            panic!("it ended at its start: {status}");
        }
        assert!(Instant::now() < deadline, "not ready after {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

async fn read(call: reqwest::RequestBuilder) -> Value {
    let answer = call.header("content-type", "application/json").send().await.expect("an answer");
    let status = answer.status();
    let body = answer.text().await.expect("a body");
    assert!(status.is_success(), "{status}: {body}");
    serde_json::from_str(&body).expect("JSON")
}
