//! A directory that follows the change feed: what it holds, what it asks, and what it does without the feed.

use std::sync::Arc;

use tenant_core::{Cached, Lookup, ManualClock, TenantDirectory, TenantKey, TenantStatus};
use tms_client::testing::{FaultyTms, Gate, Route};
use tms_client::{FeedStatus, Mode, TmsDirectory};

use crate::support::{
    FRESH, SECOND, current, is_known, is_unavailable, known_at_once, label, replica, replica_with, status,
    tms_with_feed, until, until_cached, until_found,
};

const SHOP: TenantKey<'static> = TenantKey::Domain("shop.example");

/// Makes something go wrong.
pub(crate) type Fail = fn(&FaultyTms);

/// How a tenant stands in memory.
pub(crate) fn held(directory: &TmsDirectory, key: &TenantKey<'_>) -> Option<TenantStatus> {
    match directory.cached(key) {
        Cached::Known(tenant) | Cached::RefreshDue(tenant) => Some(tenant.status),
        Cached::Unknown | Cached::Miss => None,
    }
}

/// Lookups of single tenants so far.
pub(crate) fn lookups(tms: &FaultyTms) -> usize {
    tms.calls(Route::Tenant) + tms.calls(Route::Host)
}

pub(crate) async fn followed(tenants: &[&str]) -> (FaultyTms, TmsDirectory, Arc<ManualClock>) {
    let tms = tms_with_feed(tenants).await;
    let (directory, clock) = replica(&tms);
    current(&directory).await;
    (tms, directory, clock)
}

#[tokio::test]
async fn it_lists_once_and_hears_of_every_change() {
    let (tms, directory, _) = followed(&["acme", "globex"]).await;
    known_at_once(&directory, &label("acme")).await;
    tms.suspend("acme", "unpaid");
    until("the suspension", || held(&directory, &label("acme")) == Some(TenantStatus::Suspended)).await;
    let suspended = known_at_once(&directory, &label("acme")).await;
    assert_eq!(suspended.public_reason.as_deref(), Some("unpaid"));
    tms.resume("acme");
    until("the end of it", || held(&directory, &label("acme")) == Some(TenantStatus::Active)).await;
    tms.add("initech");
    until("the new one", || held(&directory, &label("initech")).is_some()).await;
    tms.edit("acme", |acme| acme.hosts = vec!["shop.example".to_owned()]);
    until("the new domain", || held(&directory, &SHOP).is_some()).await;
    tms.remove("globex");
    until("the end of globex", || held(&directory, &label("globex")).is_none()).await;
    assert!(matches!(directory.find(&label("globex")).await, Lookup::Unknown));
    assert_eq!((tms.calls(Route::List), tms.calls(Route::Changes)), (1, 1));
    assert_eq!(lookups(&tms), 1, "the one that is gone, and may have been made again");
}

#[tokio::test]
async fn while_the_feed_is_connected_nothing_has_to_be_asked_however_late_it_is() {
    let (tms, directory, clock) = followed(&["acme"]).await;
    for _ in 0..3 {
        clock.advance(30 * FRESH);
        until("confirmed", || directory.status().confirmed_ago.is_some_and(|ago| ago.is_zero())).await;
        known_at_once(&directory, &label("acme")).await;
    }
    assert_eq!(lookups(&tms), 0);
}

#[tokio::test]
async fn a_name_that_is_not_held_is_one_call_and_unknown_until_the_feed_brings_it() {
    let (tms, directory, _) = followed(&[]).await;
    for key in [label("acme"), SHOP] {
        for _ in 0..3 {
            assert!(matches!(directory.find(&key).await, Lookup::Unknown));
        }
        assert!(matches!(directory.cached(&key), Cached::Unknown));
    }
    assert_eq!(lookups(&tms), 2);
    let mut acme = tms.add("acme");
    acme.hosts = vec!["shop.example".to_owned()];
    tms.put(acme);
    for key in [label("acme"), SHOP] {
        until_cached(&directory, &key, |cached| matches!(cached, Cached::Known(_))).await;
    }
    assert_eq!(lookups(&tms), 2);
}

#[tokio::test]
async fn a_tenant_that_was_made_this_instant_is_found_before_the_feed_tells_of_it() {
    let (tms, directory, _) = followed(&[]).await;
    tms.feed().stall();
    tms.add("acme");
    assert!(is_known(&directory.find(&label("acme")).await));
    tms.feed().flow();
    known_at_once(&directory, &label("acme")).await;
}

#[tokio::test]
async fn after_a_cut_it_goes_on_where_it_was() {
    let (tms, directory, _) = followed(&["acme", "globex"]).await;
    let cursor = tms.feed().head();
    tms.on(Route::Changes).times(2).status(503);
    tms.feed().cut();
    tms.until_calls(Route::Changes, 2).await;
    tms.suspend("acme", "unpaid");
    tms.remove("globex");
    until("what came meanwhile", || held(&directory, &label("acme")) == Some(TenantStatus::Suspended)).await;
    until("the end of globex", || held(&directory, &label("globex")).is_none()).await;
    current(&directory).await;
    let cursors: Vec<_> = tms.log().into_iter().filter(|call| call.route == Route::Changes).collect();
    assert!(cursors.iter().all(|call| call.cursor.as_ref() == Some(&cursor)), "{cursors:?}");
    assert_eq!((tms.calls(Route::List), lookups(&tms)), (1, 0));
}

#[tokio::test]
async fn a_token_that_has_ended_is_replaced_and_nothing_is_lost() {
    let (tms, directory, _) = followed(&["acme"]).await;
    tms.forget_tokens();
    tms.suspend("acme", "unpaid");
    until("the suspension", || held(&directory, &label("acme")) == Some(TenantStatus::Suspended)).await;
    current(&directory).await;
    assert_eq!((tms.calls(Route::List), lookups(&tms)), (1, 0));
}

#[tokio::test]
async fn a_token_is_renewed_ahead_of_its_end_though_nothing_else_is_asked() {
    let tms = tms_with_feed(&["acme"]).await;
    tms.feed().heartbeat_every(SECOND / 50);
    let clock = crate::support::manual_clock();
    let client = tms_client::TmsClient::builder(&tms.url(), "yyy".into()).clock(clock.clone());
    let directory = TmsDirectory::builder(client.build().expect("a client")).build().expect("a directory");
    current(&directory).await;
    clock.advance(4 * FRESH);
    tms.until_calls(Route::Token, 2).await;
    assert_eq!(tms.calls(Route::Changes), 1);
}

#[tokio::test]
async fn what_is_older_than_memory_does_not_undo_a_suspension() {
    let (tms, directory, clock) = followed(&["acme"]).await;
    let gate = Gate::closed();
    // An answer that is on its way while the tenant is suspended.
    tms.feed().stall();
    clock.advance(FRESH);
    tms.on(Route::Tenant).times(1).behind(&gate).well();
    let asking = tokio::spawn({
        let directory = directory.clone();
        async move { directory.find(&label("acme")).await }
    });
    tms.until_calls(Route::Tenant, 1).await;
    tms.suspend("acme", "unpaid");
    tms.feed().flow();
    until("the suspension", || held(&directory, &label("acme")) == Some(TenantStatus::Suspended)).await;
    gate.open();
    asking.await.expect("no panic");
    assert_eq!(held(&directory, &label("acme")), Some(TenantStatus::Suspended));

    // A frame and an answer that are older than what was heard.
    let old = r#"{"id":"acme","name":"acme","status":"active","revision":1}"#;
    tms.feed().send(&format!("event: tenant\nid: {}\ndata: {old}\n\n", tms.feed().head()));
    tms.add("after");
    until("what came after it", || held(&directory, &label("after")).is_some()).await;
    assert_eq!(held(&directory, &label("acme")), Some(TenantStatus::Suspended));
    tms.feed().stall();
    clock.advance(FRESH);
    tms.on(Route::Tenant).says(200, old);
    for _ in 0..3 {
        assert_eq!(status(&directory.find(&label("acme")).await), Some(TenantStatus::Suspended));
    }
}

#[tokio::test]
async fn after_the_feed_was_lost_a_suspension_is_seen_when_the_record_is_due_even_if_nobody_asked_for_long() {
    let faults: [(&str, Fail); 4] = [
        ("silent", |tms| tms.feed().stall()),
        ("cut", |tms| {
            tms.on(Route::Changes).status(503);
            tms.feed().cut();
        }),
        ("answers nothing", |tms| {
            tms.on(Route::Changes).never();
            tms.feed().cut();
        }),
        ("leaves changes out", |tms| {
            tms.feed().lose_next(1);
        }),
    ];
    for (fault, fail) in faults {
        let (tms, directory, clock) = followed(&["acme"]).await;
        // Idle for half an hour, the feed connected.
        clock.advance(30 * FRESH);
        known_at_once(&directory, &label("acme")).await;
        fail(&tms);
        tms.suspend("acme", "unpaid");
        until(fault, || matches!(directory.status().feed, FeedStatus::Down { .. })).await;
        clock.advance(FRESH);
        let due = |cached: &Cached| matches!(cached, Cached::RefreshDue(_));
        until_cached(&directory, &label("acme"), due).await;
        let first = directory.find(&label("acme")).await;
        assert_eq!(status(&first), Some(TenantStatus::Suspended), "{fault}");
    }
}

#[tokio::test]
async fn known_tenants_serve_through_an_outage_and_the_others_are_unavailable() {
    let (tms, directory, clock) = followed(&["acme"]).await;
    tms.stop().await;
    until("down", || matches!(directory.status().feed, FeedStatus::Down { .. })).await;
    for _ in 0..59 {
        clock.advance(FRESH);
        assert!(is_known(&directory.find(&label("acme")).await));
        assert!(is_unavailable(&directory.find(&label("globex")).await));
    }
    clock.advance(FRESH);
    assert!(is_unavailable(&directory.find(&label("acme")).await), "an hour is the limit");
    tms.start_again().await;
    current(&directory).await;
    known_at_once(&directory, &label("acme")).await;
    assert_eq!(directory.status().last_error, None);
}

#[tokio::test]
async fn what_is_held_never_waits_for_the_budget() {
    let names: Vec<_> = (0..50).map(|n| format!("tenant{n}")).collect();
    let tms = tms_with_feed(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let (directory, clock) = replica_with(&tms, |builder| builder.unknown_budget(1));
    current(&directory).await;
    tms.feed().stall();
    clock.advance(FRESH);
    assert!(matches!(directory.find(&label("nobody")).await, Lookup::Unknown));
    assert!(is_unavailable(&directory.find(&label("nobody-else")).await), "the budget is used up");
    for name in &names {
        assert!(is_known(&directory.find(&label(name)).await), "{name}");
    }
    assert_eq!(tms.calls(Route::Tenant), 51);
}

#[tokio::test]
async fn broken_frames_are_not_acted_upon_and_lose_nothing() {
    let (tms, directory, _) = followed(&["acme"]).await;
    let head = tms.feed().head();
    let too_big = format!("data: {}\n\n", "x".repeat(2 << 20));
    for (connections, broken) in [
        "event: tenant\ndata: {\"id\":\"acme\",\n\n",
        "event: gone\ndata: {\"id\":\"acme\"}\n\n",
        "event: heartbeat\ndata: null\n\n",
        "event: tenant\nid: two words\ndata: {}\n\n",
        &too_big,
    ]
    .into_iter()
    .enumerate()
    {
        tms.feed().send(broken);
        tms.until_calls(Route::Changes, connections + 2).await;
        current(&directory).await;
        known_at_once(&directory, &label("acme")).await;
    }
    tms.feed().send("event: later\nid: x\ndata: ?\n\n: a comment\n\n");
    tms.suspend("acme", "unpaid");
    until("the suspension", || held(&directory, &label("acme")) == Some(TenantStatus::Suspended)).await;
    let cursors = tms.log().into_iter().filter(|call| call.route == Route::Changes);
    assert!(cursors.skip(1).all(|call| call.cursor.as_ref() == Some(&head)));
    assert_eq!(tms.calls(Route::List), 1);
}

#[tokio::test]
async fn a_tenant_that_one_has_changed_oneself_is_asked_for_anew_and_nothing_older_serves() {
    let (tms, directory, _) = followed(&["acme"]).await;
    tms.feed().stall();
    tms.suspend("acme", "unpaid");
    directory.invalidate(&"acme".parse().expect("an id"));
    assert!(matches!(directory.cached(&label("acme")), Cached::RefreshDue(_)));
    assert_eq!(status(&directory.find(&label("acme")).await), Some(TenantStatus::Suspended));
    tms.resume("acme");
    directory.invalidate(&"acme".parse().expect("an id"));
    tms.on(Route::Tenant).status(500);
    assert!(is_unavailable(&directory.find(&label("acme")).await));
    tms.feed().flow();
    until_found(&directory, &label("acme"), is_known).await;
    assert_eq!(held(&directory, &label("acme")), Some(TenantStatus::Active));
}

#[tokio::test]
async fn the_mode_is_what_the_tms_is() {
    let tms = tms_with_feed(&["acme"]).await;
    tms.feed().off();
    let (directory, _) = replica_with(&tms, |builder| builder.mode(Mode::Auto).probe_every(SECOND / 20));
    until("a cache", || directory.status().mode == Mode::Cache).await;
    assert_eq!(directory.status().feed, FeedStatus::Off);
    assert!(matches!(directory.cached(&label("acme")), Cached::Known(_)), "the list is remembered");
    tms.feed().on();
    current(&directory).await;
    assert_eq!(directory.status().mode, Mode::Replica);

    // A list with a cursor, and no feed.
    tms.feed().off();
    until("a cache again", || directory.status().mode == Mode::Cache).await;
    assert!(is_known(&directory.find(&label("acme")).await));
}

#[tokio::test]
async fn a_cache_neither_lists_nor_follows_and_a_replica_insists() {
    let tms = tms_with_feed(&["acme"]).await;
    let (directory, _) = replica_with(&tms, |builder| builder.mode(Mode::Cache));
    assert!(is_known(&directory.find(&label("acme")).await));
    assert_eq!((tms.calls(Route::List), tms.calls(Route::Changes)), (0, 0));
    tms.feed().off();
    let (directory, _) = replica_with(&tms, |builder| builder.mode(Mode::Replica));
    tms.until_calls(Route::List, 3).await;
    assert_eq!(directory.status().mode, Mode::Replica);
    assert!(is_known(&directory.find(&label("acme")).await), "like a cache");
    tms.feed().on();
    current(&directory).await;
}
