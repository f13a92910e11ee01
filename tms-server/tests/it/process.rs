//! The program as a process.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::Database;

/// How long a process may take to start or to stop.
const PATIENCE: Duration = Duration::from_secs(20);

/// The program, without this process's environment, in a folder.
pub(crate) fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tms-server"));
    command
        .env_clear()
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// What a process that ended wrote.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) success: bool,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// What it wrote to standard output, if all went well.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert!(self.success, "{self:?}");
        self.out
    }

    /// What it wrote to standard error, if it failed, having written nothing else.
    #[track_caller]
    pub(crate) fn refusal(self) -> String {
        assert!(!self.success && self.out.is_empty(), "{self:?}");
        self.err
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { success: output.status.success(), out: text(&output.stdout), err: text(&output.stderr) }
    }
}

/// Where processes of a test run: a folder, and the database that they use; the default one there, or PostgreSQL's.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
    pub(crate) database: Option<Database>,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), database: None }
    }

    /// One for each database: SQLite, and PostgreSQL where there is one.
    pub(crate) async fn each() -> Vec<Self> {
        let mut each = vec![Self::new()];
        if let Some(database) = Database::make().await {
            each.push(Self { database: Some(database), ..Self::new() });
        }
        each
    }

    pub(crate) fn database_url(&self) -> String {
        let file = || format!("sqlite://{}", self.folder.path().join("data/tms/tms.db").display());
        self.database.as_ref().map_or_else(file, Database::url)
    }

    pub(crate) fn program(&self) -> Command {
        let mut command = program(self.folder.path());
        if let Some(database) = &self.database {
            command.env("DATABASE_URL", database.url());
        }
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Said {
        self.program().args(args).output().expect("runs").into()
    }

    /// A server on a free port, and its URL.
    pub(crate) fn serve(&self) -> (Running, String) {
        let file = self.folder.path().join("ready.json");
        // One that was killed has left its own.
        let _ = std::fs::remove_file(&file);
        let mut command = self.program();
        let mut running =
            Running::start(command.env("READY_FILE", &file).args(["serve", "--tms-bind", "127.0.0.1:0"]));
        let url = running.ready(&file)["tms"].as_str().expect("a url").to_owned();
        (running, url)
    }
}

/// Runs the program in a folder to its end.
pub(crate) fn run(folder: &Path, args: &[&str]) -> Said {
    program(folder).args(args).output().expect("runs").into()
}

/// A process that is killed if the test gives up on it.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail where it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(command.spawn().expect("the program"))
    }

    /// Gives it its standard input, whole.
    pub(crate) fn feed(&mut self, text: &str) {
        let mut stdin = self.0.stdin.take().expect("piped");
        stdin.write_all(text.as_bytes()).expect("it reads");
    }

    /// Waits for the file that says that it accepts.
    pub(crate) fn ready(&mut self, file: &Path) -> Value {
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
    pub(crate) fn terminate(mut self) -> (String, String) {
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

/// A key in what the program wrote.
pub(crate) fn key_in(out: &str) -> Option<&str> {
    out.split_whitespace().find(|word| word.starts_with("tk_"))
}

/// Does one thing that waits, in a test that has no runtime, or gave its thread free.
fn block_on<T: Send>(work: impl Future<Output = T> + Send) -> T {
    std::thread::scope(|scope| {
        let done = scope.spawn(|| {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(work)
        });
        done.join().expect("no panic")
    })
}

/// Status and body of an answer.
fn send(request: reqwest::RequestBuilder) -> (u16, Value) {
    block_on(async {
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        (status, serde_json::from_str(&answer.text().await.expect("a body")).expect("json"))
    })
}

/// Exchanges a key, and gives the status and the body of the answer.
pub(crate) fn exchange(url: &str, key: &str) -> (u16, Value) {
    send(reqwest::Client::new().post(format!("{url}/token")).header("x-api-key", key))
}

/// A caller with a token, for tests of processes.
pub(crate) struct Caller {
    url: String,
    token: String,
}

impl Caller {
    pub(crate) fn new(url: &str, key: &str) -> Self {
        let (status, body) = exchange(url, key);
        assert_eq!(status, 200, "{body}");
        Self { url: url.to_owned(), token: body["access_token"].as_str().expect("a token").to_owned() }
    }

    pub(crate) fn get(&self, path: &str) -> (u16, Value) {
        send(reqwest::Client::new().get(format!("{}{path}", self.url)).bearer_auth(&self.token))
    }

    pub(crate) fn post(&self, path: &str, body: &str) -> (u16, Value) {
        let request = reqwest::Client::new().post(format!("{}{path}", self.url)).bearer_auth(&self.token);
        send(request.body(body.to_owned()))
    }
}
