//! The program, as a process.

use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How long a process may take to start or to stop.
const PATIENCE: Duration = Duration::from_secs(20);

fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tms-server"));
    command
        .env_clear()
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// A process that is killed if the test gives up on it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail where it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    fn start(command: &mut Command) -> Self {
        Self(command.spawn().expect("the program"))
    }

    /// Waits for the file that says that it accepts.
    fn ready(&mut self, file: &Path) -> Value {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Ok(text) = std::fs::read(file) {
                return serde_json::from_slice(&text).expect("all of it or nothing");
            }
            assert!(self.0.try_wait().expect("a child").is_none(), "it has ended");
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("it is not ready");
    }

    /// Asks it to end, and gives what it wrote to standard output and standard error.
    fn terminate(mut self) -> (String, String) {
        let pid = self.0.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status().expect("kill");
        assert!(sent.success());
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.0.try_wait().expect("a child") {
                break status;
            }
            assert!(Instant::now() < deadline, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        };
        let (mut out, mut err) = (String::new(), String::new());
        self.0.stdout.take().expect("piped").read_to_string(&mut out).expect("text");
        self.0.stderr.take().expect("piped").read_to_string(&mut err).expect("text");
        assert!(status.success(), "{status}: {err}");
        (out, err)
    }
}

fn key_in(out: &str) -> Option<&str> {
    out.split_whitespace().find(|word| word.starts_with("tk_"))
}

fn text(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

#[tokio::test]
async fn it_serves_shows_its_first_key_once_and_stops_cleanly() {
    let folder = tempfile::tempdir().expect("a folder");
    let ready_file = folder.path().join("ready.json");
    let start = || {
        let mut command = program(folder.path());
        command.env("READY_FILE", &ready_file).env("BASE_DOMAINS", "your-domain.com, localhost");
        Running::start(command.args(["--tms-bind", "127.0.0.1:0", "--logging-level", "TRACE"]))
    };
    let mut running = start();
    let ready = running.ready(&ready_file);
    assert_eq!((&ready["base_domain"], &ready["pid"]), (&json!("your-domain.com"), &json!(running.0.id())));
    assert_eq!(ready_file.metadata().expect("there").permissions().mode() & 0o777, 0o600);
    let url = ready["tms"].as_str().expect("a url").to_owned();
    assert_eq!(reqwest::get(format!("{url}/readyz")).await.expect("an answer").status(), 200);
    assert!(folder.path().join("data/tms/tms.db").exists(), "the default database");
    let (out, err) = running.terminate();
    let key = key_in(&out).expect("a key on standard output").to_owned();
    assert!(out.contains(&url), "{out}");
    assert!(!err.contains(&key), "never in the log");
    assert!(!ready_file.exists(), "removed at a clean stop");

    let mut running = start();
    let url = running.ready(&ready_file)["tms"].as_str().expect("a url").to_owned();
    let answer = reqwest::get(format!("{url}/api-key/{key}")).await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let (out, err) = running.terminate();
    assert_eq!(key_in(&out), None);
    assert!(!err.contains(&key), "never in the log");
}

#[test]
fn check_config_prints_the_settings_and_hides_secrets() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("secret"), "s3cret-from-a-file\n").expect("written");
    let mut command = program(folder.path());
    command.env("API_KEY", "k3y-of-the-environment").env("SECRET_FILE", "secret");
    let output =
        command.env("BASE_DOMAINS", "a.example, b.example").arg("check-config").output().expect("runs");
    let (out, err) = text(&output);
    assert!(output.status.success(), "{err}");
    for line in ["API_KEY=(hidden)", "SECRET=(hidden)", "BASE_DOMAINS=a.example,b.example"] {
        assert!(out.lines().any(|shown| shown == line), "{line} in {out}");
    }
    assert!(!out.contains("k3y") && !out.contains("s3cret"));
    assert!(!folder.path().join("data").exists(), "nothing is made");
}

#[test]
fn what_is_set_wrong_fails_at_once_and_names_the_variable() {
    let folder = tempfile::tempdir().expect("a folder");
    for (variable, value) in [
        ("TMS_BIND", "8383"),
        ("BASE_DOMAINS", "your domain"),
        ("RESERVED_NAMES", "1"),
        ("MIN_TENANT_ID_LENGTH", "three"),
        ("DATABASE_URL", "mysql://db/tms"),
        ("API_KEY_FILE", "missing"),
    ] {
        for command in ["serve", "check-config"] {
            let output = program(folder.path()).env(variable, value).arg(command).output().expect("runs");
            let (_, err) = text(&output);
            assert!(!output.status.success() && err.contains(variable), "{variable} {command}: {err}");
        }
    }
}

#[test]
fn help_names_every_variable_and_no_value_of_a_secret() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = program(folder.path()).env("API_KEY", "k3y").arg("--help").output().expect("runs");
    let (out, _) = text(&output);
    for variable in [
        "TMS_BIND",
        "API_KEY",
        "API_KEY_FILE",
        "SECRET",
        "SECRET_FILE",
        "DATABASE_URL",
        "BASE_DOMAINS",
        "RESERVED_NAMES",
        "MIN_TENANT_ID_LENGTH",
        "READY_FILE",
        "LOGGING_LEVEL",
        "check-config",
    ] {
        assert!(out.contains(variable), "{variable} in {out}");
    }
    assert!(!out.contains("k3y"));
}
