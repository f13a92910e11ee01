//! A server that stops for ever at a step of an install, in a process of its own: this test binary, started again.

use std::fs;
use std::os::unix::process::parent_id;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use api_server::{Config, InstallStep, Listeners, Server, StorageConfig, Tenancy, TmsConfig};
use secrecy::{ExposeSecret, SecretString};
use tokio::runtime::Runtime;

use crate::site::Site;
use crate::support::{Program, eventually};

const STEP: &str = "STOPPING_SERVER_STEP";
const TMS_URL: &str = "STOPPING_SERVER_TMS_URL";
const TMS_KEY: &str = "STOPPING_SERVER_TMS_KEY";
const FOLDER: &str = "STOPPING_SERVER_FOLDER";
/// In the folder: written when the step is reached.
const REACHED: &str = "reached";
/// In the folder: written when the server accepts.
const READY: &str = "stopping.json";

pub(crate) struct StoppingServer {
    program: Program,
    reached: PathBuf,
}

impl StoppingServer {
    pub(crate) fn start(site: &Site, step: InstallStep) -> Self {
        let reached = site.path(REACHED);
        let _ = fs::remove_file(&reached);
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command
            .args(["--exact", "stopping_server::process", "--ignored", "--nocapture"])
            .env(STEP, format!("{step:?}"))
            .env(TMS_URL, site.tms.url())
            .env(TMS_KEY, site.tms.directory_key.expose_secret())
            .env(FOLDER, site.path(""));
        Self { program: Program::spawn(command, &site.path(READY)), reached }
    }

    pub(crate) fn program(&self) -> &Program {
        &self.program
    }

    /// Returns when the server has stopped at its step.
    pub(crate) async fn has_stopped(&self) {
        eventually("the step", async || self.reached.exists()).await;
    }

    pub(crate) fn kill(self) {
        self.program.kill();
    }
}

#[test]
#[ignore = "a process that other tests start and kill"]
fn process() {
    // Whoever runs the ignored tests of this binary is nobody's server.
    let Ok(step) = std::env::var(STEP) else { return };
    let parent = parent_id();
    let runtime = Runtime::new().expect("a runtime");
    let server = runtime.block_on(Server::start(config(&step, parent))).expect("the server starts");
    wait_for_the_end_of(parent);
    drop(server);
}

fn config(step: &str, parent: u32) -> Config {
    let given = |name: &str| std::env::var(name).expect("set by the test that started this process");
    let folder = PathBuf::from(given(FOLDER));
    let mut tms = TmsConfig::new(given(TMS_URL), SecretString::from(given(TMS_KEY)));
    tms.base_domains = vec!["localhost".parse().expect("a host")];
    let storage = StorageConfig::Embedded { data_dir: folder.join("data") };
    let mut config = Config::new(Tenancy::Multi(tms), storage);
    config.listeners = Listeners::any_local();
    config.ready_file = Some(folder.join(READY));
    let (step, reached) = (step.to_owned(), folder.join(REACHED));
    config.install_observer = Some(Arc::new(move |at, _| {
        if format!("{at:?}") == step {
            fs::write(&reached, "").expect("written");
            wait_for_the_end_of(parent);
        }
    }));
    config
}

/// Blocks for ever, but leaves no process behind when the test is gone.
fn wait_for_the_end_of(parent: u32) {
    while parent_id() == parent {
        std::thread::park_timeout(Duration::from_millis(200));
    }
}
