//! A start with a snapshot, with and without the TMS.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use tenant_core::{Cached, Clock, Lookup, TenantDirectory, TenantStatus};
use tms_client::testing::{Gate, Route};
use tms_client::{FeedStatus, Mode, SnapshotFound};

use super::{directory_in, kept, later};
use crate::support::{
    FRESH, SECOND, STALE, current, is_known, is_unavailable, known_at_once, label, status, tms_with_feed,
    until, until_cached,
};

#[tokio::test]
async fn while_the_tms_is_down_the_snapshot_serves_until_the_stale_limit_by_the_time_of_day() {
    let folder = tempfile::tempdir().expect("a folder");
    let (tms, clock) = kept(folder.path(), &["acme"]).await;
    tms.stop().await;
    let minute = Duration::from_secs(60);
    for (passed, serves) in [(10 * minute, true), (59 * minute, true), (61 * minute, false)] {
        let now = later(&clock);
        now.advance(passed);
        let directory = directory_in(folder.path(), &tms, &now, |builder| builder);
        let found = directory.find(&label("acme")).await;
        assert_eq!(is_known(&found), serves, "after {passed:?}: {found:?}");
        assert!(is_unavailable(&directory.find(&label("globex")).await), "down is not unknown");
        assert_eq!(directory.status().mode, Mode::Replica);
        let rest = STALE.saturating_sub(passed);
        now.advance(rest);
        assert!(is_unavailable(&directory.find(&label("acme")).await), "and no longer");
    }
}

#[tokio::test]
async fn a_start_goes_on_where_the_snapshot_was_without_a_list() {
    let folder = tempfile::tempdir().expect("a folder");
    let (tms, clock) = kept(folder.path(), &["acme", "globex"]).await;
    let (cursor, lists) = (tms.feed().head(), tms.calls(Route::List));
    tms.suspend("acme", "unpaid");
    tms.remove("globex");
    tms.add("initech");
    let directory = directory_in(folder.path(), &tms, &later(&clock), |builder| builder);
    assert_eq!(
        directory.status().snapshot.map(|snapshot| snapshot.found),
        Some(SnapshotFound::Loaded { tenants: 2 })
    );
    current(&directory).await;
    assert_eq!(known_at_once(&directory, &label("acme")).await.status, TenantStatus::Suspended);
    known_at_once(&directory, &label("initech")).await;
    assert!(matches!(directory.find(&label("globex")).await, Lookup::Unknown));
    assert_eq!(
        tms.log().iter().rfind(|call| call.route == Route::Changes).expect("one").cursor,
        Some(cursor)
    );
    assert_eq!(tms.calls(Route::List), lists);
}

#[tokio::test]
async fn before_the_feed_goes_on_a_request_waits_for_a_moment_and_no_longer() {
    let folder = tempfile::tempdir().expect("a folder");
    let (tms, clock) = kept(folder.path(), &["acme"]).await;
    let gate = Gate::closed();
    tms.on_all().behind(&gate).well();
    let directory = directory_in(folder.path(), &tms, &later(&clock), |builder| builder);
    assert!(matches!(directory.cached(&label("acme")), Cached::RefreshDue(_)), "not confirmed");
    let before = Instant::now();
    assert!(is_known(&directory.find(&label("acme")).await), "the TMS does not answer");
    assert!((SECOND..3 * SECOND).contains(&before.elapsed()), "{:?}", before.elapsed());

    // The next one gets what the feed says, as soon as it does.
    drop(directory);
    let directory = directory_in(folder.path(), &tms, &later(&clock), |builder| builder.refresh_wait(STALE));
    tms.suspend("acme", "unpaid");
    let key = label("acme");
    let (found, ()) = tokio::join!(directory.find(&key), async {
        tms.on(Route::Tenant).never();
        gate.open();
    });
    assert_eq!(status(&found), Some(TenantStatus::Suspended));
}

#[tokio::test]
async fn ten_thousand_tenants_are_ready_within_a_second_while_the_tms_is_down() {
    let folder = tempfile::tempdir().expect("a folder");
    let names: Vec<_> = (0..10_000).map(|n| format!("tenant-{n}")).collect();
    let (tms, clock) = kept(folder.path(), &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    tms.stop().await;
    let before = Instant::now();
    let directory = directory_in(folder.path(), &tms, &later(&clock), |builder| builder);
    assert_eq!(directory.status().tenants, 10_000);
    for name in ["tenant-0", "tenant-5000", "tenant-9999"] {
        assert!(is_known(&directory.find(&label(name)).await), "{name}");
    }
    assert!(before.elapsed() < SECOND, "{:?}", before.elapsed());
}

#[tokio::test]
async fn a_snapshot_is_written_soon_after_a_change_and_holds_no_secret() {
    let folder = tempfile::tempdir().expect("a folder");
    let tms = tms_with_feed(&["acme"]).await;
    let directory = directory_in(folder.path(), &tms, &super::clock(), |builder| builder);
    let path = folder.path().join("snapshot");
    let holds = |text: &str| {
        fs::read(&path).is_ok_and(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
    };
    until("the first one", || holds("acme")).await;
    for name in ["globex", "initech"] {
        tms.add(name);
        let before = Instant::now();
        until("the next one", || holds(name)).await;
        assert!(before.elapsed() < 2 * SECOND, "{:?}", before.elapsed());
    }
    assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
    for secret in ["install-token", "admin@", "yyy"] {
        assert!(!holds(secret), "{secret}");
    }
    assert!(directory.status().snapshot.is_some_and(|snapshot| snapshot.fault.is_none()));
}

#[tokio::test]
async fn what_a_cache_knows_survives_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let tms = tms_with_feed(&["acme", "globex"]).await;
    tms.feed().off();
    let clock = super::clock();
    let cache = |now| directory_in(folder.path(), &tms, now, |builder| builder.mode(Mode::Cache));
    let directory = cache(&clock);
    assert!(is_known(&directory.find(&label("acme")).await));
    clock.advance(FRESH / 2);
    assert!(is_known(&directory.find(&label("globex")).await));
    directory.flush().await;
    drop(directory);
    tms.stop().await;
    let now = later(&clock);
    now.advance(STALE - FRESH / 2);
    let directory = cache(&now);
    assert!(is_unavailable(&directory.find(&label("acme")).await), "each has its own time");
    assert!(is_known(&directory.find(&label("globex")).await));
}

#[tokio::test]
async fn a_folder_is_for_one_process_at_a_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let (tms, clock) = kept(folder.path(), &["acme"]).await;
    let directory = directory_in(folder.path(), &tms, &clock, |builder| builder);
    let second = tms_client::TmsDirectory::builder(crate::support::client(&tms.url())).folder(folder.path());
    let refused = second.build().expect_err("in use").to_string();
    assert!(refused.contains(&format!("in use by the process {}", std::process::id())), "{refused}");
    drop(directory);
    directory_in(folder.path(), &tms, &clock, |builder| builder);
}

#[tokio::test]
async fn a_wall_clock_that_jumps_does_not_make_an_old_snapshot_young() {
    let folder = tempfile::tempdir().expect("a folder");
    let (tms, clock) = kept(folder.path(), &["acme"]).await;
    let start = clock.wall();
    let directory = directory_in(folder.path(), &tms, &clock, |builder| builder);
    current(&directory).await;
    // Ahead while it runs: nothing changes, and what is written then is from the future when it is set right.
    clock.set_wall(start + 24 * 365 * jiff::ToSpan::hours(1));
    known_at_once(&directory, &label("acme")).await;
    directory.flush().await;
    drop(directory);
    tms.stop().await;
    clock.set_wall(start + jiff::ToSpan::minutes(5));
    let directory = directory_in(folder.path(), &tms, &later(&clock), |builder| builder);
    assert!(is_unavailable(&directory.find(&label("acme")).await), "its age cannot be told");
    assert!(matches!(
        directory.status().snapshot.map(|snapshot| snapshot.found),
        Some(SnapshotFound::Ignored(tms_client::SnapshotFault::FutureDated))
    ));

    // Once the TMS is there, all is well again.
    tms.start_again().await;
    current(&directory).await;
    until_cached(&directory, &label("acme"), |cached| matches!(cached, Cached::Known(_))).await;
    assert_eq!(directory.status().feed, FeedStatus::Current);
}
