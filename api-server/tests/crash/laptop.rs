//! `api-server dev` as a process of its own.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::Api;

pub(crate) struct Laptop {
    child: Child,
    data_dir: PathBuf,
    ready: Value,
}

impl Laptop {
    /// Starts it on any free ports and waits until its `dev.json` is there. What it prints and logs is kept beside the
    /// data folder.
    pub(crate) fn start(data_dir: &Path, more: &[&str]) -> Self {
        let kept = |name: &str| File::create(data_dir.with_extension(name)).expect("a file");
        let mut command = Self::command(data_dir, more);
        command.stdin(Stdio::null()).stdout(kept("out")).stderr(kept("log"));
        let child = command.spawn().expect("the program starts");
        let mut laptop = Self { child, data_dir: data_dir.to_owned(), ready: Value::Null };
        let deadline = Instant::now() + Duration::from_secs(30);
        while !laptop.is_ready() {
            if let Some(status) = laptop.child.try_wait().expect("a status") {
                panic!("it ended at its start: {status}\n{}", laptop.text("log"));
            }
            assert!(Instant::now() < deadline, "it is not ready after 30 s");
            std::thread::sleep(Duration::from_millis(5));
        }
        laptop
    }

    /// Runs it where it is expected to end by itself.
    pub(crate) fn refused(data_dir: &Path) -> Output {
        let output = Self::command(data_dir, &[]).stdin(Stdio::null()).output().expect("the program starts");
        assert!(!output.status.success(), "{output:?}");
        output
    }

    fn command(data_dir: &Path, more: &[&str]) -> Command {
        let mut command = program();
        command.arg("dev").arg("--data-dir").arg(data_dir).args(more);
        for listener in ["--public-bind", "--private-bind", "--ops-bind", "--tms-bind"] {
            command.args([listener, "127.0.0.1:0"]);
        }
        command
    }

    /// A `dev.json` of an earlier start is replaced, and says so by its process id.
    fn is_ready(&mut self) -> bool {
        let found = fs::read(self.dev_json()).ok().and_then(|file| serde_json::from_slice(&file).ok());
        self.ready = found.unwrap_or_default();
        self.ready["pid"] == self.child.id()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    pub(crate) fn dev_json(&self) -> PathBuf {
        self.data_dir.join("dev.json")
    }

    /// What `dev.json` said when it was ready.
    pub(crate) fn ready(&self) -> &Value {
        &self.ready
    }

    pub(crate) fn operator_key(&self) -> String {
        self.ready["operator_key"].as_str().expect("a key").to_owned()
    }

    /// Where it listens, by the name in `dev.json`.
    pub(crate) fn address(&self, name: &str) -> SocketAddr {
        let url = self.ready[name].as_str().expect("a URL");
        url.strip_prefix("http://").expect("http").parse().expect("an address")
    }

    pub(crate) fn at(&self, host: &str) -> Api {
        Api::new(self.address("public"), self.address("private"), host)
    }

    /// What it printed so far.
    pub(crate) fn printed(&self) -> String {
        self.text("out")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.data_dir.with_extension("log")
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.data_dir.with_extension(name)).expect("text")
    }

    /// SIGTERM, and an end in order.
    pub(crate) fn stop(self) {
        self.stop_by("TERM");
    }

    pub(crate) fn stop_by(mut self, signal: &str) {
        let sent = Command::new("kill").args(["-s", signal, &self.pid().to_string()]).status();
        assert!(sent.expect("kill runs").success());
        let ended = self.child.wait().expect("ended");
        assert!(ended.success(), "{ended}\n{}", self.text("log"));
    }
}

impl Drop for Laptop {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program without the settings of whoever runs the tests.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_api-server"));
    command.env_clear();
    command
}
