//! A suspension that was heard is not undone by an outage and a restart.

use std::path::Path;
use std::time::Duration;

use crate::disk::Disk;
use crate::site::ApiProcess;
use crate::tms::Tms;
use crate::{PATIENCE, alone, is_long, report, until};

/// Acted upon at once: within so long after the TMS's answer to the operator.
const AT_ONCE: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspension_that_was_heard_outlives_the_tms_and_the_process() {
    let _turn = alone().await;
    let rounds = if is_long() { 25 } else { 5 };
    let mut slowest = Duration::ZERO;
    for round in 0..rounds {
        let folder = tempfile::tempdir().expect("a folder");
        slowest = slowest.max(is_remembered(folder.path(), None, round).await);
    }
    report(&format!("{rounds} rounds, still suspended in each; acted upon after {slowest:?} at the most"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspension_that_was_heard_while_the_disk_is_full_outlives_them_too() {
    let _turn = alone().await;
    let rounds = if is_long() { 25 } else { 5 };
    let mut slowest = Duration::ZERO;
    for round in 0..rounds {
        let folder = tempfile::tempdir().expect("a folder");
        let Some(disk) = Disk::mount(&folder.path().join("api")) else { return };
        slowest = slowest.max(is_remembered(folder.path(), Some(&disk), round).await);
    }
    report(&format!(
        "{rounds} rounds on a full disk, still suspended in each; acted upon after {slowest:?} at the most"
    ));
}

/// How long it took until the suspension was acted upon.
async fn is_remembered(folder: &Path, disk: Option<&Disk>, round: u32) -> Duration {
    let mut tms = Tms::start(&folder.join("tms")).await;
    tms.create("company-x").await;
    tms.create("company-y").await;
    let api = ApiProcess::start(&folder.join("api"), &tms.access(), &[]).await;
    api.until_it_has(2).await;
    // What was known before is on disk, and says that both are active.
    api.until_its_snapshot_has("company-x").await;
    api.until_its_snapshot_has("company-y").await;

    if let Some(disk) = disk {
        disk.fill();
    }
    tms.suspend("company-x").await;
    let took = until("the suspension", PATIENCE, async || api.of("company-x").await == 403).await;
    assert!(took <= AT_ONCE, "round {round}: acted upon after {took:?}");
    if disk.is_some() {
        // So that it is not for want of time that the snapshot does not tell of it.
        let fails = async || !api.directory().await["snapshot"]["fault"].is_null();
        until("the snapshot cannot be written", PATIENCE, fails).await;
    }
    tms.kill();
    let api = api.kill_and_start_again().await;
    assert_eq!(api.of("company-x").await, 403, "round {round}: still suspended, at the first request");
    assert_eq!(api.of("company-y").await, 200, "round {round}: and the other one is served");
    if let Some(disk) = disk {
        disk.clear();
    }
    // And so it is once more, from what the second process has written.
    let api = api.kill_and_start_again().await;
    assert_eq!(api.of("company-x").await, 403, "round {round}: still suspended after the second restart");
    took
}
