//! `api-server dev` as a process: its file, its folder, its second start, its demo; and the other commands.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Api, EMAIL, PASSWORD};

pub(crate) struct Dev {
    child: Child,
    ready: Value,
}

impl Dev {
    /// `api-server dev` on any free ports.
    pub(crate) fn command(data: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_api-server"));
        command.arg("dev").arg("--data-dir").arg(data).stdin(Stdio::null()).stdout(Stdio::null());
        for bind in ["--public-bind", "--private-bind", "--ops-bind", "--tms-bind"] {
            command.args([bind, "127.0.0.1:0"]);
        }
        command
    }

    fn start(data: &Path) -> Self {
        Self::spawn(Self::command(data), data)
    }

    /// Starts a command and waits until `dev.json` is this process's.
    pub(crate) fn spawn(mut command: Command, data: &Path) -> Self {
        let mut child = command.spawn().expect("the program starts");
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let file = fs::read(data.join("dev.json")).ok();
            let ready: Option<Value> = file.and_then(|file| serde_json::from_slice(&file).ok());
            match ready.filter(|ready| ready["pid"] == json!(child.id())) {
                Some(ready) => return Self { child, ready },
                None => assert!(Instant::now() < deadline, "no dev.json after 30 s"),
            }
            if let Some(status) = child.try_wait().expect("a status") {
                panic!("the program ended at its start: {status}");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn operator_key(&self) -> String {
        self.ready["operator_key"].as_str().expect("a key").to_owned()
    }

    pub(crate) fn at(&self, host: &str) -> Api {
        let addr = |name: &str| {
            let url = self.ready[name].as_str().expect("a URL");
            url.trim_start_matches("http://").parse().expect("an address")
        };
        Api::new(addr("public"), addr("private"), host)
    }

    async fn install(&self, key: &str) -> crate::support::Answer {
        let body = json!({ "name": "company-x", "tms_api_key": key, "email": EMAIL, "password": PASSWORD });
        self.at("localhost").post("/tenant/install", &body).await
    }

    pub(crate) fn terminate(mut self) -> ExitStatus {
        let sent = Command::new("kill").arg(self.child.id().to_string()).status().expect("kill runs");
        assert!(sent.success());
        self.child.wait().expect("ended")
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

#[tokio::test]
async fn dev_json_tells_where_everything_is_and_the_folder_is_private() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let data = folder.path().join("data");
    let dev = Dev::start(&data);
    let keys: Vec<&String> = dev.ready.as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["base_domain", "operator_key", "ops", "pid", "private", "public", "tms"]);
    assert_eq!(dev.ready["base_domain"], json!("localhost"));
    assert_eq!((mode(&data), mode(&data.join("dev.json"))), (0o700, 0o600));
    let installed = dev.install(&dev.operator_key()).await.ok();
    let port = dev.at("localhost").private_addr().port();
    assert_eq!(installed[0]["tenant"]["url"], json!(format!("http://company-x.localhost:{port}")));
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    for path in ["livez", "readyz"] {
        let ops = dev.ready["ops"].as_str().expect("a URL");
        assert_eq!(
            http.get(format!("{ops}/{path}")).send().await.expect("an answer").status(),
            200,
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_second_start_keeps_key_and_tenants_and_a_folder_in_use_is_refused() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let data = folder.path().join("data");
    let first = Dev::start(&data);
    let key = first.operator_key();
    first.install(&key).await.ok();
    let token = first.at("company-x.localhost").log_in(EMAIL, PASSWORD).await.token().to_owned();

    let refused = Dev::command(&data).output().expect("it runs");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains(&first.child.id().to_string()), "{said}");
    let mut serve = Command::new(env!("CARGO_BIN_EXE_api-server"));
    serve.env("DATA_DIR", &data).args([
        "--public-bind",
        "off",
        "--private-bind",
        "127.0.0.1:0",
        "--ops-bind",
        "off",
    ]);
    let refused = serve.output().expect("it runs");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains(&first.child.id().to_string()), "{said}");
    assert!(first.terminate().success());

    let second = Dev::start(&data);
    assert_eq!(second.operator_key(), key);
    let admin = second.at("company-x.localhost").with_token(&token);
    assert_eq!(admin.get("/event/count").await.status, 200);
    assert_eq!(second.install(&key).await.ok()[0]["created"]["indices"], json!([]));
    assert!(second.terminate().success());

    fs::remove_file(data.join("dev.json")).expect("removed");
    let third = Dev::start(&data);
    assert_ne!(third.operator_key(), key, "the lost key is replaced");
    assert_eq!(third.install(&key).await.status, 403, "and works no more");
    assert_eq!(third.install(&third.operator_key()).await.status, 200);
}

#[tokio::test]
async fn the_demo_shows_two_tenants_and_serves_on() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let data = folder.path().join("data");
    for run in 1..=2 {
        let printed = folder.path().join("printed");
        let mut command = Dev::command(&data);
        command.arg("--demo").stdout(fs::File::create(&printed).expect("a file"));
        let dev = Dev::spawn(command, &data);
        let text = async || fs::read_to_string(&printed).expect("what was printed");
        crate::support::eventually("the end of the demo", async || {
            text().await.contains("The server goes on")
        })
        .await;
        let text = text().await;
        for line in [
            "acme sees",
            "globex sees",
            "property tenant: acme",
            "acme's token at globex:    401",
            "nobody's:   404",
        ] {
            assert!(text.contains(line), "run {run}: {line}: {text}");
        }
        assert_eq!(dev.at("acme.localhost").get("/healthcheck").await.status, 200);
        assert!(dev.terminate().success());
    }
}

fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_api-server"));
    command.args(arguments).envs(variables.iter().copied()).output().expect("it runs")
}

#[test]
fn check_config_prints_what_counts_and_hides_secrets() {
    let variables = [
        ("MULTI_TENANT", "Yes"),
        ("MULTI_TENANT_MANAGER_URL", "tms:8383"),
        ("MULTI_TENANT_MANAGER_API_KEY", "the-key"),
        ("BASE_DOMAINS", "Your-Domain.com, localhost"),
    ];
    let output = run(&["check-config"], &variables);
    assert!(!output.status.success(), "the URL is none");
    let mut good = variables;
    good[1].1 = "http://tms:8383//";
    let output = run(&["check-config"], &good);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{output:?}");
    for line in [
        "MULTI_TENANT=yes",
        "MULTI_TENANT_MANAGER_URL=http://tms:8383",
        "BASE_DOMAINS=your-domain.com,localhost",
    ] {
        assert!(text.lines().any(|printed| printed == line), "{line}: {text}");
    }
    assert!(!text.contains("the-key"), "{text}");
}

#[test]
fn a_setting_that_cannot_be_read_is_named() {
    for (variable, value) in
        [("MULTI_TENANT", "maybe"), ("MAX_BODY", "big"), ("DIRECTORY_FRESH", "soon"), ("PRIVATE_BIND", "x")]
    {
        let output = run(&["check-config"], &[(variable, value)]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let flag = variable.to_lowercase().replace('_', "-");
        assert!(!output.status.success() && said.contains(&flag), "{variable}: {said}");
    }
    let output = run(&["check-config"], &[("MULTI_TENANT", "yes")]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("No MULTI_TENANT_MANAGER_URL set"), "{said}");
}
