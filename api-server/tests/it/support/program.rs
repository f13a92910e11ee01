//! The program `api-server` as a process of its own, which can be killed.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use secrecy::ExposeSecret;
use serde_json::Value;

use super::{Api, Tms};

pub(crate) struct Program {
    child: Child,
    ready: Value,
}

impl Program {
    /// `api-server serve`, on any free ports.
    pub(crate) fn serve(tms: &Tms, data_dir: &Path) -> Self {
        Self::spawn(Self::command(tms, data_dir), &data_dir.join("../ready.json"))
    }

    /// The command of [`Program::serve`], for those who want to run it under something else.
    pub(crate) fn command(tms: &Tms, data_dir: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_api-server"));
        Self::configure(&mut command, tms, data_dir);
        command
    }

    /// The settings of [`Program::serve`], for a command that starts the program in another way.
    pub(crate) fn configure(command: &mut Command, tms: &Tms, data_dir: &Path) {
        command
            .env("MULTI_TENANT", "yes")
            .env("MULTI_TENANT_MANAGER_URL", tms.url())
            .env("MULTI_TENANT_MANAGER_API_KEY", tms.directory_key.expose_secret())
            .env("BASE_DOMAINS", "localhost")
            .env("DATA_DIR", data_dir)
            .env("READY_FILE", data_dir.join("../ready.json"))
            .env("PUBLIC_BIND", "127.0.0.1:0")
            .env("PRIVATE_BIND", "127.0.0.1:0")
            .env("OPS_BIND", "127.0.0.1:0");
    }

    /// Starts a command and waits until the program has written its ready file.
    pub(crate) fn spawn(mut command: Command, ready_file: &Path) -> Self {
        let _ = std::fs::remove_file(ready_file);
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("the program starts");
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            if let Some(ready) =
                std::fs::read(ready_file).ok().and_then(|file| serde_json::from_slice(&file).ok())
            {
                return Self { child, ready };
            }
            if let Some(status) = child.try_wait().expect("a status") {
                panic!("the program ended at its start: {status}");
            }
            assert!(Instant::now() < deadline, "the program is not ready after 30 s");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The process that wrote the ready file: under `strace`, not the one that was spawned.
    pub(crate) fn pid(&self) -> u32 {
        self.ready["pid"].as_u64().and_then(|pid| pid.try_into().ok()).expect("a pid")
    }

    pub(crate) fn at(&self, host: &str) -> Api {
        let addr = |name: &str| {
            let url = self.ready[name].as_str().expect("a URL");
            url.trim_start_matches("http://").parse().expect("an address")
        };
        Api::new(addr("public"), addr("private"), host)
    }

    /// What `/readyz` answers.
    pub(crate) async fn readiness(&self) -> (u16, Value) {
        let url = format!("{}/readyz", self.ready["ops"].as_str().expect("a URL"));
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let answer = client.get(url).send().await.expect("an answer");
        (answer.status().as_u16(), answer.json().await.expect("JSON"))
    }

    /// SIGKILL, and the end of the process.
    pub(crate) fn kill(mut self) {
        self.signal("KILL");
        self.child.wait().expect("ended");
    }

    /// SIGTERM, and how the process ended.
    pub(crate) fn terminate(mut self) -> std::process::ExitStatus {
        self.signal("TERM");
        self.child.wait().expect("ended")
    }

    fn signal(&self, name: &str) {
        let sent =
            Command::new("kill").args(["-s", name, &self.pid().to_string()]).status().expect("kill runs");
        assert!(sent.success());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
