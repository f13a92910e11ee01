//! What survives a restart: the snapshot, the log of refusals, and neither where it cannot be trusted.

mod child;
mod faults;
mod kill;
mod mount;
mod restart;

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use tenant_core::ManualClock;
use tms_client::testing::FaultyTms;
use tms_client::{TmsDirectory, TmsDirectoryBuilder};

use crate::support::{client, current, tms_with_feed, until};

/// The time of day at which these tests begin.
const START: &str = "2026-01-01T00:00:00Z";

/// A clock that stands still at a sane time of day.
fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(START.parse::<Timestamp>().expect("a time")))
}

/// A directory with a folder, started anew at some time of day.
fn directory_in(
    folder: &Path,
    tms: &FaultyTms,
    clock: &Arc<ManualClock>,
    set: impl FnOnce(TmsDirectoryBuilder) -> TmsDirectoryBuilder,
) -> TmsDirectory {
    let builder = TmsDirectory::builder(client(&tms.url())).folder(folder).clock(clock.clone());
    set(builder).build().expect("a directory")
}

/// A clock of another process that starts now.
fn later(clock: &ManualClock) -> Arc<ManualClock> {
    Arc::new(ManualClock::new(tenant_core::Clock::wall(clock)))
}

/// A folder with a snapshot of these tenants, their TMS, and the clock of the process that wrote it.
async fn kept(folder: &Path, tenants: &[&str]) -> (FaultyTms, Arc<ManualClock>) {
    let tms = tms_with_feed(tenants).await;
    let clock = clock();
    let directory = directory_in(folder, &tms, &clock, |builder| builder);
    current(&directory).await;
    directory.flush().await;
    until("a snapshot", || folder.join("snapshot").is_file()).await;
    (tms, clock)
}
