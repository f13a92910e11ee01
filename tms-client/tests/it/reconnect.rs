//! A directory that lost its place in the feed, or the feed itself, and finds back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tenant_core::{Cached, Lookup, TenantDirectory, TenantStatus};
use tms_client::testing::Route;
use tms_client::{FeedStatus, Mode, TmsDirectory};

use crate::replica::{Fail, followed, held, lookups};
use crate::support::{
    FRESH, current, is_known, known_at_once, label, replica_with, status, tms_with_feed, until, until_cached,
};

/// Asks for tenants all the time; whether one was missing for a moment.
async fn never_missing(directory: &TmsDirectory, names: &[&'static str], work: impl Future) {
    let over = Arc::new(AtomicBool::new(false));
    let watchers: Vec<_> = names
        .iter()
        .map(|name| {
            let (name, directory, over) = (*name, directory.clone(), Arc::clone(&over));
            std::thread::spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    assert!(held(&directory, &label(name)).is_some(), "{name} was missing");
                }
            })
        })
        .collect();
    work.await;
    over.store(true, Ordering::Relaxed);
    watchers.into_iter().for_each(|watcher| watcher.join().expect("never missing"));
}

#[tokio::test]
async fn a_reset_lists_again_and_no_tenant_is_missing_for_a_moment() {
    let names: Vec<_> = (0..1000).map(|n| format!("tenant{n}")).collect();
    let mut tenants: Vec<_> = names.iter().map(String::as_str).collect();
    tenants.extend(["acme", "goes"]);
    let (tms, directory, _) = followed(&tenants).await;
    never_missing(&directory, &["acme", "tenant0", "tenant999"], async {
        // What the feed does not tell, the list says.
        tms.feed().stall();
        tms.remove("goes");
        tms.suspend("tenant7", "unpaid");
        tms.add("comes");
        tms.feed().forget_changes();
        tms.feed().cut();
        tms.feed().flow();
        until("the end of goes", || held(&directory, &label("goes")).is_none()).await;
        until("the list", || held(&directory, &label("comes")).is_some()).await;
        current(&directory).await;
        tms.feed().reset();
        tms.until_calls(Route::List, 3).await;
        current(&directory).await;
    })
    .await;
    assert_eq!(held(&directory, &label("tenant7")), Some(TenantStatus::Suspended));
    assert_eq!(directory.status().tenants, 1002);
    assert_eq!(lookups(&tms), 0);
}

#[tokio::test]
async fn a_restored_backup_is_noticed_also_after_new_writes() {
    for new_writes in [0, 1, 5] {
        let (tms, directory, _) = followed(&["acme", "globex"]).await;
        let backup = tms.backup();
        tms.suspend("acme", "unpaid");
        tms.add("initech");
        until("both", || held(&directory, &label("initech")).is_some()).await;

        tms.on(Route::Changes).status(503);
        tms.restore(&backup);
        for n in 0..new_writes {
            tms.add(&format!("newcomer{n}"));
        }
        tms.on(Route::Changes).well();
        until("the lost one is gone", || held(&directory, &label("initech")).is_none()).await;
        assert_eq!(held(&directory, &label("acme")), Some(TenantStatus::Active), "the TMS says so");
        for n in 0..new_writes {
            let name = format!("newcomer{n}");
            until("new ones are there", || held(&directory, &label(&name)).is_some()).await;
        }
        // Numbers that were given before are new ones now.
        current(&directory).await;
        tms.suspend("globex", "unpaid");
        until("changes go on", || held(&directory, &label("globex")) == Some(TenantStatus::Suspended)).await;
    }
}

#[tokio::test]
async fn a_restored_backup_is_noticed_where_memory_is_ahead_of_the_feed() {
    let (tms, directory, clock) = followed(&["acme"]).await;
    tms.on(Route::Changes).status(503);
    tms.feed().cut();
    until("down", || matches!(directory.status().feed, FeedStatus::Down { .. })).await;
    tms.suspend("acme", "unpaid");
    let backup = tms.backup();
    // What the feed would have said is known by an answer, and then never was.
    tms.resume("acme");
    clock.advance(FRESH);
    directory.invalidate(&"acme".parse().expect("an id"));
    assert_eq!(status(&directory.find(&label("acme")).await), Some(TenantStatus::Active));
    tms.restore(&backup);
    tms.on(Route::Changes).well();
    current(&directory).await;
    until("as it was", || held(&directory, &label("acme")) == Some(TenantStatus::Suspended)).await;
}

#[tokio::test]
async fn a_list_that_is_being_read_makes_nobody_unknown() {
    const TENANTS: usize = 20_000;
    let tms = tms_with_feed(&[]).await;
    for n in 0..TENANTS {
        tms.add(&format!("tenant{n}"));
    }
    let (directory, _) = replica_with(&tms, |builder| builder.unknown_budget(1_000_000));
    let mut asked = 0;
    while directory.status().feed != FeedStatus::Current {
        // Of all parts of the list, and several at the same time.
        let names: Vec<_> =
            (0..8).map(|n| format!("tenant{}", (asked * 7919 + n * 2503) % TENANTS)).collect();
        let finds = names.iter().map(async |name| (name, directory.find(&label(name)).await));
        for (name, found) in futures_util::future::join_all(finds).await {
            assert!(!matches!(found, Lookup::Unknown), "{name} exists");
        }
        asked += 1;
        // What is in memory is found without waiting.
        tokio::task::yield_now().await;
    }
    assert!(asked > 1, "the list took no time");
}

#[tokio::test]
async fn whoever_else_answers_for_a_while_does_not_end_the_replica() {
    for status in [404, 405] {
        let (tms, directory, _) = followed(&["acme"]).await;
        tms.on(Route::Changes).times(5).status(status);
        tms.feed().cut();
        until("down", || matches!(directory.status().feed, FeedStatus::Down { .. })).await;
        current(&directory).await;
        assert_eq!((directory.status().mode, tms.calls(Route::List)), (Mode::Replica, 1));
    }
}

#[tokio::test]
async fn a_failure_that_is_past_does_not_hide_a_suspension() {
    let (tms, directory, clock) = followed(&["acme"]).await;
    tms.stop().await;
    until("down", || matches!(directory.status().feed, FeedStatus::Down { .. })).await;
    clock.advance(FRESH);
    assert!(is_known(&directory.find(&label("acme")).await), "an outage");
    tms.start_again().await;
    current(&directory).await;
    known_at_once(&directory, &label("acme")).await;

    tms.on(Route::Changes).status(503);
    tms.feed().cut();
    tms.suspend("acme", "unpaid");
    until("down again", || matches!(directory.status().feed, FeedStatus::Down { .. })).await;
    clock.advance(FRESH);
    until_cached(&directory, &label("acme"), |cached| matches!(cached, Cached::RefreshDue(_))).await;
    assert_eq!(status(&directory.find(&label("acme")).await), Some(TenantStatus::Suspended));
}

#[tokio::test]
async fn another_database_begins_anew() {
    let (tms, directory, _) = followed(&["acme"]).await;
    for _ in 0..5 {
        tms.suspend("acme", "unpaid");
    }
    until("revision 6", || held(&directory, &label("acme")) == Some(TenantStatus::Suspended)).await;
    tms.new_database();
    tms.until_calls(Route::List, 2).await;
    current(&directory).await;
    tms.resume("acme");
    until("revision 2", || held(&directory, &label("acme")) == Some(TenantStatus::Active)).await;
}

#[tokio::test]
async fn a_list_that_is_not_whole_takes_nothing_away() {
    let faults: [(&str, Fail); 5] = [
        ("truncated", |tms| tms.on(Route::List).times(1).truncated()),
        ("cut", |tms| tms.on(Route::List).times(1).cut()),
        ("garbage", |tms| tms.on(Route::List).times(1).garbage()),
        ("an error", |tms| tms.on(Route::List).times(1).status(500)),
        ("no JSON", |tms| {
            tms.on(Route::List).times(1).says_with(200, &[("x-cursor", "a.1.b")], "[nonsense]");
        }),
    ];
    for (fault, fail) in faults {
        let (tms, directory, _) = followed(&["acme", "globex"]).await;
        never_missing(&directory, &["acme", "globex"], async {
            fail(&tms);
            tms.feed().reset();
            tms.until_calls(Route::List, 3).await;
            current(&directory).await;
        })
        .await;
        assert_eq!(directory.status().tenants, 2, "{fault}");
    }
}
