//! Second processes: this test program once more, being a directory until it is killed.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Tells a child which folder is its, and where the TMS is; without them a child's test is no test.
const FOLDER: &str = "TENANTRY_CHILD_FOLDER";
const TMS: &str = "TENANTRY_CHILD_TMS";

/// How long a child may say nothing, on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(60);

/// A child, killed at the latest when it is dropped.
pub(super) struct Child {
    process: std::process::Child,
    lines: Receiver<String>,
}

impl Child {
    /// Starts a test of this program by its whole name.
    pub(super) fn start(test: &str, folder: &Path, tms: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command
            .args(["--exact", test, "--nocapture"])
            .env(FOLDER, folder)
            .env(TMS, tms)
            .stdout(Stdio::piped());
        let mut process = command.spawn().expect("a child");
        let output = BufReader::new(process.stdout.take().expect("its output"));
        let (sender, lines) = channel();
        // So that the child never waits for its parent to listen.
        thread::spawn(move || {
            output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)).ok()
        });
        Self { process, lines }
    }

    pub(super) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Listens until the child says this line. Blocks: not for a thread that the child's TMS needs.
    pub(super) fn wait_for(&self, line: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(said) if said == line => return,
                Ok(_) => {}
                Err(error) => panic!("the child does not say {line:?} ({error})"),
            }
        }
    }

    /// `kill -9`.
    pub(super) fn kill(mut self) {
        self.process.kill().expect("killed");
        self.process.wait().expect("its end");
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may be dead already.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// The folder of a child, and its TMS; `None` in a program that is none.
pub(super) fn settings() -> Option<(PathBuf, String)> {
    let folder = PathBuf::from(std::env::var_os(FOLDER)?);
    // Whatever the test harness has begun ends here.
    say("");
    Some((folder, std::env::var(TMS).expect("where the TMS is")))
}

/// In one call, so that a line is whole or is not there.
pub(super) fn say(line: &str) {
    let mut output = std::io::stdout().lock();
    let said = output.write_all(format!("{line}\n").as_bytes()).and_then(|()| output.flush());
    said.expect("the parent listens");
}
