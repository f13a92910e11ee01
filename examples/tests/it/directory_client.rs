//! `directory-client`.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use tenant_core::{NewTenant, TenantRegistry};
use tms_client::TmsClient;
use tms_server::{Config, Server};

/// The running program, stopped when dropped.
struct Program {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Drop for Program {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _status = self.child.wait();
    }
}

impl Program {
    fn start(url: &str, folder: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_directory-client"));
        command.arg(url).arg(folder.join("key")).arg(folder.join("directory"));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take(), child.stdout.take().unwrap());
        Self { child, input, output: BufReader::new(output) }
    }

    /// The line that answers this one.
    fn ask(&mut self, line: &str) -> String {
        writeln!(self.input.as_ref().unwrap(), "{line}").unwrap();
        let mut answer = String::new();
        self.output.read_line(&mut answer).unwrap();
        answer.trim_end().to_owned()
    }

    /// Asks until this is the answer.
    fn until(&mut self, line: &str, expected: &str) {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let answer = self.ask(line);
            if answer == expected {
                return;
            }
            assert!(Instant::now() < deadline, "{answer}");
        }
    }

    /// Ends its input, and waits for its end.
    fn end(mut self) {
        self.input.take();
        assert!(self.child.wait().unwrap().success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_are_followed_and_known_without_the_tms_after_a_restart_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::new(format!("sqlite://{}/tms.db", folder.path().display()));
    config.bind = "127.0.0.1:0".parse().unwrap();
    let server = Server::start(config).await.unwrap();
    let (url, key) = (format!("http://{}", server.addr()), server.generated_key().cloned().unwrap());
    std::fs::write(folder.path().join("key"), secrecy::ExposeSecret::expose_secret(&key)).unwrap();
    let tms = TmsClient::builder(&url, key).build().unwrap();

    let mut program = Program::start(&url, folder.path());
    assert_eq!(program.ask("company-x"), "company-x: unknown");
    assert_eq!(program.ask("no tenant"), "no tenant: unknown (nobody can be called so)");
    let (name, email) = ("company-x".parse().unwrap(), "a@x.com".to_owned());
    let created = tms.create(&NewTenant { name, email, install_token: None, storage: None }).await.unwrap();
    program.until("company-x", "company-x: pending");
    tms.activate(&created.tenant.id()).await.unwrap();
    program.until("companyx", "companyx: active");
    assert_eq!(program.ask("c-ompanyx"), "c-ompanyx: unknown");

    server.shutdown().await;
    assert_eq!(program.ask("company-x"), "company-x: active");
    assert_eq!(program.ask("other"), "other: cannot tell, try again in 1 s");
    program.end();
    let mut program = Program::start(&url, folder.path());
    assert_eq!(program.ask("company-x"), "company-x: active");
    assert!(program.ask("").contains("Loaded { tenants: 1 }"), "how it stands");
}
