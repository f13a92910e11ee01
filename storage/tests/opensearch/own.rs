//! A cluster of a test's own, whose nodes it may kill.

use std::env;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use crate::support;

/// Two cores do not carry two clusters: one test after the other has its own.
static ALONE: Mutex<()> = Mutex::new(());

/// Stopped when it is dropped, with all that it wrote.
pub(crate) struct Cluster {
    name: String,
    pub(crate) urls: Vec<String>,
    _alone: MutexGuard<'static, ()>,
}

impl Cluster {
    /// `None` where OpenSearch is not tested, or no Java runs here: that is told loudly, and fails where everything has to be
    /// tested.
    pub(crate) fn start(nodes: usize) -> Option<Self> {
        support::hosts()?;
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let name = format!("test-{}", Uuid::new_v4().simple());
        // Undone whatever happens from here on.
        let mut cluster = Self { name, urls: Vec::new(), _alone: alone };
        let started = cluster.run("start", &["--nodes", &nodes.to_string()]);
        if !started.status.success() {
            let told = String::from_utf8_lossy(&started.stderr).into_owned();
            assert!(env::var_os("CI").is_none(), "no cluster of {nodes} nodes could be started: {told}");
            let text = format!("\nNOT TESTED on a cluster of its own, which could not be started: {told}\n");
            // Past what captures the output of tests that pass.
            let _ = std::io::stderr().write_all(text.as_bytes());
            return None;
        }
        let urls = String::from_utf8(started.stdout).expect("URLs");
        cluster.urls = urls.trim().split(',').map(str::to_owned).collect();
        assert_eq!(cluster.urls.len(), nodes, "{urls}");
        Some(cluster)
    }

    /// Ends a node at once, as a crash does.
    pub(crate) fn kill(&self, node: usize) {
        self.told("kill", node);
    }

    /// Starts a node on its data, and waits until it has joined.
    pub(crate) fn revive(&self, node: usize) {
        self.told("revive", node);
    }

    fn told(&self, command: &str, node: usize) {
        let output = self.run(command, &[&node.to_string()]);
        assert!(output.status.success(), "{command} {node}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn run(&self, command: &str, arguments: &[&str]) -> Output {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/opensearch");
        let mut run = Command::new(script);
        run.arg(command).args(arguments).args(["--name", &self.name]);
        if env::var_os("JDK_JAVA_OPTIONS").is_none() {
            run.env("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1");
        }
        run.output().expect("bash runs scripts/opensearch")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let stopped = self.run("stop", &[]);
        if !stopped.status.success() {
            eprintln!("{} could not be stopped: {}", self.name, String::from_utf8_lossy(&stopped.stderr));
        }
    }
}
