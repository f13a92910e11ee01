//! Snapshots and logs that cannot be trusted, and disks that fail.

use std::fs;
use std::path::Path;

use tenant_core::{TenantDirectory, TenantStatus};
use tms_client::testing::{FaultyTms, Route};
use tms_client::{SnapshotFault, SnapshotFound, TmsDirectory};

use super::mount::{Filler, Mount};
use super::{clock, directory_in, kept, later};
use crate::support::{
    SECOND, current, is_known, is_unavailable, known_at_once, label, status, tms_with_feed, until,
};

/// A way to spoil a snapshot.
type Spoil = fn(&mut Vec<u8>);

#[tokio::test]
async fn a_snapshot_that_cannot_be_trusted_is_told_of_and_not_used() {
    let faults: [(SnapshotFault, Spoil); 5] = [
        (SnapshotFault::Damaged, |bytes| *bytes.last_mut().expect("not empty") ^= 1),
        (SnapshotFault::Damaged, |bytes| bytes[0] = b'?'),
        (SnapshotFault::Truncated, |bytes| bytes.truncate(bytes.len() - 1)),
        (SnapshotFault::Truncated, Vec::clear),
        (SnapshotFault::OtherVersion, |bytes| bytes[8] = 99),
    ];
    for (fault, spoil) in faults {
        let folder = tempfile::tempdir().expect("a folder");
        let (tms, clock) = kept(folder.path(), &["acme"]).await;
        let path = folder.path().join("snapshot");
        let mut bytes = fs::read(&path).expect("a snapshot");
        spoil(&mut bytes);
        fs::write(&path, bytes).expect("written");
        tms.stop().await;
        let directory = directory_in(folder.path(), &tms, &later(&clock), |builder| builder);
        ignored(&directory, fault).await;
        tms.start_again().await;
        all_is_well(&tms, &directory, folder.path()).await;
    }
}

async fn ignored(directory: &TmsDirectory, fault: SnapshotFault) {
    let found = directory.status().snapshot.map(|snapshot| snapshot.found);
    assert_eq!(found, Some(SnapshotFound::Ignored(fault)));
    assert!(is_unavailable(&directory.find(&label("acme")).await), "{fault:?}");
}

/// With the TMS, everything is listed, and kept anew.
async fn all_is_well(tms: &FaultyTms, directory: &TmsDirectory, folder: &Path) {
    current(directory).await;
    known_at_once(directory, &label("acme")).await;
    directory.flush().await;
    tms.stop().await;
    assert!(directory.status().snapshot.is_some_and(|snapshot| snapshot.written_ago.is_some()));
    assert!(folder.join("snapshot").is_file());
}

#[tokio::test]
async fn a_snapshot_of_another_tms_or_from_the_future_is_not_used() {
    let folder = tempfile::tempdir().expect("a folder");
    let (tms, clock) = kept(folder.path(), &["acme"]).await;
    let other = FaultyTms::start().await;
    other.stop().await;
    let directory = directory_in(folder.path(), &other, &later(&clock), |builder| builder);
    ignored(&directory, SnapshotFault::Foreign).await;
    drop(directory);
    tms.stop().await;
    let earlier = later(&clock);
    earlier.set_wall(super::START.parse::<jiff::Timestamp>().expect("a time") - jiff::ToSpan::seconds(1));
    let directory = directory_in(folder.path(), &tms, &earlier, |builder| builder);
    ignored(&directory, SnapshotFault::FutureDated).await;
    drop(directory);
    // Nothing has touched it meanwhile.
    let directory = directory_in(folder.path(), &tms, &later(&clock), |builder| builder);
    assert!(is_known(&directory.find(&label("acme")).await));
}

#[tokio::test]
async fn a_snapshot_whose_log_is_damaged_or_gone_serves_when_the_feed_has_confirmed_it() {
    let faults: [fn(&Path); 2] = [
        |path| fs::remove_file(path).expect("removed"),
        |path| fs::write(path, vec![b'x'; 8192]).expect("written"),
    ];
    for spoil in faults {
        let folder = tempfile::tempdir().expect("a folder");
        let (tms, clock) = kept(folder.path(), &["acme"]).await;
        spoil(&folder.path().join("refusals"));
        tms.stop().await;
        let start = || directory_in(folder.path(), &tms, &later(&clock), |builder| builder);
        for _ in 0..2 {
            let directory = start();
            assert!(is_unavailable(&directory.find(&label("acme")).await), "it may have been suspended");
            assert!(directory.status().snapshot.is_some_and(|snapshot| snapshot.refusals_fault.is_some()));
        }
        tms.start_again().await;
        let (directory, lists) = (start(), tms.calls(Route::List));
        current(&directory).await;
        known_at_once(&directory, &label("acme")).await;
        assert_eq!(tms.calls(Route::List), lists, "its cursor is good");
        directory.flush().await;
        drop(directory);
        tms.stop().await;
        assert!(is_known(&start().find(&label("acme")).await), "whole again");
    }
}

#[tokio::test]
async fn a_disk_without_room_delays_nobody_and_is_written_to_when_there_is_some() {
    let folder = tempfile::tempdir().expect("a folder");
    // Not even room for the log.
    let Some(_disk) = Mount::small(folder.path(), 512 * 1024) else { return };
    let filler = Filler::new(folder.path().join("filler"), 64 * 1024);
    let path = folder.path().join("directory");
    let tms = tms_with_feed(&["acme"]).await;
    let directory = directory_in(&path, &tms, &clock(), |builder| builder);
    current(&directory).await;
    tms.suspend("acme", "unpaid");
    let suspended =
        || async { status(&directory.find(&label("acme")).await) == Some(TenantStatus::Suspended) };
    let deadline = tokio::time::Instant::now() + SECOND;
    while !suspended().await {
        assert!(tokio::time::Instant::now() < deadline, "acted upon at once");
        tokio::time::sleep(SECOND / 100).await;
    }
    let snapshot = || directory.status().snapshot.expect("a folder");
    until("told", || snapshot().refusals_fault.is_some()).await;
    drop(filler);
    until("written", || snapshot().fault.is_none() && snapshot().written_ago.is_some()).await;
    directory.flush().await;
    until("logged", || snapshot().refusals_fault.is_none()).await;
}
