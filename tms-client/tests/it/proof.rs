//! What the proofs share: a directory in each of its modes against a faulty TMS that has a runtime of its own, so that the
//! tasks here are the directory's.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::poll_immediate;
use tenant_core::{Cached, Lookup, TenantDirectory, TenantKey};
use tms_client::testing::{FaultyTms, ManualClock};
use tms_client::{TmsClient, TmsDirectory, TmsDirectoryBuilder};
use tokio::runtime::{Builder, Handle, Runtime};

use crate::support::{SECOND, current, label, manual_clock, until};

/// How a directory gets its tenants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Asks a TMS that has no feed.
    Cache,
    /// Follows the feed, and asks like the cache while that is down.
    Replica,
}

/// The modes that every proof is about.
pub(crate) const MODES: [Mode; 2] = [Mode::Cache, Mode::Replica];

impl Mode {
    /// Whether the directory hears of a change by itself.
    pub(crate) fn follows(self) -> bool {
        match self {
            Self::Cache => false,
            Self::Replica => true,
        }
    }

    fn prepare(self, tms: &FaultyTms) {
        match self {
            Self::Cache => tms.feed().off(),
            Self::Replica => tms.feed().heartbeat_every(SECOND / 10),
        }
    }
}

/// A faulty TMS with these active tenants, and the runtime that it is on.
pub(crate) struct Peer {
    pub(crate) tms: Arc<FaultyTms>,
    /// Taken when it is dropped.
    runtime: Option<Runtime>,
}

impl Peer {
    pub(crate) async fn start(mode: Mode, tenants: &[&str]) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let tms = FaultyTms::start_on(runtime.handle()).await;
        mode.prepare(&tms);
        tenants.iter().for_each(|tenant| drop(tms.add(tenant)));
        Self { tms: Arc::new(tms), runtime: Some(runtime) }
    }

    /// A directory whose calls are given up after 300 ms, and its clock, which stands still.
    pub(crate) fn directory(
        &self,
        set: impl FnOnce(TmsDirectoryBuilder) -> TmsDirectoryBuilder,
    ) -> (TmsDirectory, Arc<ManualClock>) {
        let clock = manual_clock();
        let client = TmsClient::builder(&self.tms.url(), "yyy".into()).timeout(TIMEOUT).clock(clock.clone());
        let builder = TmsDirectory::builder(client.build().expect("a client")).clock(clock.clone());
        (set(builder.refresh_wait(REFRESH_WAIT)).build().expect("a directory"), clock)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Waits until a directory works in its mode.
pub(crate) async fn settled(mode: Mode, directory: &TmsDirectory) {
    match mode {
        Mode::Cache => until("a cache", || directory.status().mode == tms_client::Mode::Cache).await,
        Mode::Replica => current(directory).await,
    }
}

/// How long one call may take in the proofs.
pub(crate) const TIMEOUT: Duration = Duration::from_millis(300);
/// How long a request waits for a refresh in the proofs.
pub(crate) const REFRESH_WAIT: Duration = Duration::from_millis(200);
/// No lookup may take longer: the last of its calls begins within a second, and is given up after the timeout. The rest
/// is for a machine that is busy with other things.
pub(crate) const BOUND: Duration = Duration::from_secs(4);

/// Time passes, and the directory has read its clock: the hot path does so now and then alone.
pub(crate) async fn pass(directory: &TmsDirectory, clock: &ManualClock, time: Duration) {
    clock.advance(time);
    poll_immediate(directory.find(&label("acme"))).await;
}

/// As a service does for each request.
pub(crate) async fn look_up(directory: &TmsDirectory, key: &TenantKey<'_>) -> Lookup {
    match directory.cached(key) {
        Cached::Known(tenant) => Lookup::Known(tenant),
        Cached::Unknown => Lookup::Unknown,
        Cached::RefreshDue(_) | Cached::Miss => directory.find(key).await,
    }
}

/// So many requests at once for one key, each in a task of its own as in a server, and how long the slowest one took.
pub(crate) async fn crowd(directory: &TmsDirectory, key: TenantKey<'static>, requests: usize) -> Crowd {
    let tasks: Vec<_> = (0..requests)
        .map(|_| {
            let directory = directory.clone();
            tokio::spawn(async move {
                let began = Instant::now();
                (look_up(&directory, &key).await, began.elapsed())
            })
        })
        .collect();
    let mut crowd = Crowd { found: Vec::with_capacity(requests), slowest: Duration::ZERO };
    for task in tasks {
        let (found, took) = task.await.expect("no panic");
        crowd.found.push(found);
        crowd.slowest = crowd.slowest.max(took);
    }
    crowd
}

/// What many requests found.
pub(crate) struct Crowd {
    pub(crate) found: Vec<Lookup>,
    pub(crate) slowest: Duration,
}

impl Crowd {
    /// Fails the test if one of them found anything else, or took too long.
    pub(crate) fn all(&self, what: &str, within: Duration, so: impl Fn(&Lookup) -> bool) {
        if let Some(other) = self.found.iter().find(|found| !so(found)) {
            panic!("{what}: {other:?}");
        }
        assert!(self.slowest < within, "{what}: {:?}", self.slowest);
    }
}

/// Tasks of the current runtime that have not ended.
pub(crate) fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

/// Waits until no task is left, once the directory is dropped.
pub(crate) async fn no_task_is_left(directory: TmsDirectory) {
    drop(directory);
    until("no task is left", || tasks() == 0).await;
}

/// Whether the long form of a proof was asked for.
pub(crate) fn is_long() -> bool {
    std::env::var_os("TENANTRY_LONG").is_some()
}
