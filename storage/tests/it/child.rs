//! Second processes: this test program once more, doing one thing until it is killed.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Tells a child which folder is its; without it a child's test is no test.
const FOLDER: &str = "TENANTRY_CHILD_FOLDER";
const SETTING: &str = "TENANTRY_CHILD_SETTING_";

/// How long a child may say nothing, on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(60);

/// A child, killed at the latest when it is dropped.
pub(crate) struct Child {
    process: std::process::Child,
    lines: Receiver<String>,
    said: Vec<String>,
}

impl Child {
    /// Starts a test of this program by its whole name.
    pub(crate) fn start(test: &str, folder: &Path, settings: &[(&str, usize)]) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args(["--exact", test, "--nocapture"]).env(FOLDER, folder).stdout(Stdio::piped());
        for (name, value) in settings {
            command.env(format!("{SETTING}{name}"), value.to_string());
        }
        let mut process = command.spawn().expect("a child");
        let output = BufReader::new(process.stdout.take().expect("its output"));
        let (sender, lines) = channel();
        // So that the child never waits for its parent to listen.
        thread::spawn(move || {
            output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)).ok();
        });
        Self { process, lines, said: Vec::new() }
    }

    /// Listens until the child says a line that begins so.
    pub(crate) fn wait_for(&mut self, beginning: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).unwrap_or_else(|error| {
                panic!("the child does not say {beginning:?} ({error}), but {:?}", last(&self.said))
            });
            let found = line.starts_with(beginning);
            self.said.push(line);
            if found {
                return;
            }
        }
    }

    /// Listens to so many lines more.
    pub(crate) fn listen(&mut self, lines: usize) {
        for _ in 0..lines {
            self.said.push(self.lines.recv_timeout(PATIENCE).expect("the child goes on"));
        }
    }

    /// `kill -9`. All that it has said.
    pub(crate) fn kill(mut self) -> Vec<String> {
        self.process.kill().expect("killed");
        self.process.wait().expect("its end");
        let mut said = std::mem::take(&mut self.said);
        said.extend(self.lines.iter());
        let wrong = said.iter().find(|line| line.starts_with("wrong "));
        assert_eq!(wrong, None, "the child saw something that must not be");
        said
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may be dead already.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn last(lines: &[String]) -> &[String] {
    &lines[lines.len().saturating_sub(5)..]
}

/// The folder of a child; `None` in a program that is none.
pub(crate) fn folder() -> Option<PathBuf> {
    let folder = PathBuf::from(std::env::var_os(FOLDER)?);
    // Whatever the test harness has begun ends here.
    say("");
    Some(folder)
}

/// What the parent has set; 0 otherwise.
pub(crate) fn setting(name: &str) -> usize {
    let value = std::env::var(format!("{SETTING}{name}"));
    value.ok().and_then(|value| value.parse().ok()).unwrap_or_default()
}

/// In one call, so that a line is whole or is not there.
pub(crate) fn say(line: &str) {
    let mut output = std::io::stdout().lock();
    output
        .write_all(format!("{line}\n").as_bytes())
        .and_then(|()| output.flush())
        .expect("the parent listens");
}
