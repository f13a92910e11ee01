//! What is remembered, for how long, and how often the TMS is asked.

use futures_util::future::join_all;
use tenant_core::{Cached, Lookup, TenantDirectory, TenantKey, TenantStatus};
use tms_client::testing::{FaultyTms, Gate, Route};

use crate::support::{
    FRESH, SECOND, begin_and_drop, directory, directory_with, is_known, is_unavailable, known_at_once, label,
    status, tms_with,
};

/// A TMS whose one tenant has an own domain.
async fn tms_with_shop() -> FaultyTms {
    let tms = tms_with(&["acme"]).await;
    tms.edit("acme", |acme| acme.hosts = vec!["shop.example".to_owned()]);
    tms
}

#[tokio::test]
async fn a_miss_is_one_call_however_many_wait() {
    let tms = tms_with(&["company-x"]).await;
    let gate = Gate::closed();
    tms.on(Route::Tenant).behind(&gate).well();
    let (directory, _) = directory(&tms);
    assert!(matches!(directory.cached(&label("company-x")), Cached::Miss));
    let keys = [label("company-x"), label("companyx")];
    let finds = join_all((0..200).map(|n| directory.find(&keys[n % 2])));
    let (found, ()) = tokio::join!(finds, async {
        tms.until_calls_of(Route::Tenant, "companyx", 1).await;
        gate.open();
    });
    assert!(found.iter().all(is_known));
    assert_eq!(tms.calls(Route::Tenant), 1);
    assert_eq!(tms.calls(Route::Token), 1);
    assert!(matches!(directory.cached(&label("company-x")), Cached::Known(_)));
}

#[tokio::test]
async fn a_record_is_confirmed_once_when_it_is_not_fresh_any_more() {
    let tms = tms_with(&["acme"]).await;
    let (directory, clock) = directory(&tms);
    directory.find(&label("acme")).await;
    clock.advance(FRESH - SECOND);
    assert!(is_known(&directory.find(&label("acme")).await));
    assert_eq!(tms.calls(Route::Tenant), 1, "still fresh");

    clock.advance(SECOND);
    let key = label("acme");
    assert!(join_all((0..200).map(|_| directory.find(&key))).await.iter().all(is_known));
    assert_eq!(tms.calls(Route::Tenant), 2);
    known_at_once(&directory, &label("acme")).await;
}

#[tokio::test]
async fn a_suspension_and_a_removal_are_seen_when_the_record_is_due() {
    let tms = tms_with(&["acme"]).await;
    let (directory, clock) = directory(&tms);
    directory.find(&label("acme")).await;
    tms.suspend("acme", "unpaid");
    clock.advance(FRESH);
    assert_eq!(status(&directory.find(&label("acme")).await), Some(TenantStatus::Suspended));
    tms.remove("acme");
    clock.advance(FRESH);
    assert!(matches!(directory.find(&label("acme")).await, Lookup::Unknown));
    assert!(matches!(directory.cached(&label("acme")), Cached::Unknown));
}

#[tokio::test]
async fn an_unknown_name_is_asked_for_again_after_its_time() {
    let tms = tms_with(&[]).await;
    let (directory, clock) = directory(&tms);
    for _ in 0..10 {
        assert!(matches!(directory.find(&label("acme")).await, Lookup::Unknown));
        assert!(matches!(directory.cached(&label("acme")), Cached::Unknown));
    }
    assert_eq!(tms.calls(Route::Tenant), 1);
    tms.add("acme");
    clock.advance(5 * SECOND - SECOND / 2);
    assert!(matches!(directory.find(&label("acme")).await, Lookup::Unknown));
    clock.advance(SECOND / 2);
    assert!(is_known(&directory.find(&label("acme")).await));
}

#[tokio::test]
async fn invalidation_drops_an_unknown_mark_and_a_record() {
    let tms = tms_with(&[]).await;
    let (directory, _) = directory(&tms);
    let id = "acme".parse().expect("an id");
    assert!(matches!(directory.find(&label("acme")).await, Lookup::Unknown));
    tms.add("acme");
    directory.invalidate(&id);
    assert!(is_known(&directory.find(&label("acme")).await));
    tms.suspend("acme", "unpaid");
    directory.invalidate(&id);
    assert_eq!(status(&directory.find(&label("acme")).await), Some(TenantStatus::Suspended));
}

#[tokio::test]
async fn an_answer_that_was_on_its_way_does_not_undo_an_invalidation() {
    for (key, route) in [(label("acme"), Route::Tenant), (TenantKey::Domain("shop.example"), Route::Host)] {
        let tms = tms_with_shop().await;
        tms.edit("acme", |acme| acme.status = TenantStatus::Pending);
        let gate = Gate::closed();
        tms.on(route).times(1).behind(&gate).well();
        let (directory, _) = directory(&tms);
        let older = directory.find(&key);
        let newer = async {
            tms.until_calls(route, 1).await;
            tms.resume("acme");
            directory.invalidate(&"acme".parse().expect("an id"));
            let newer = directory.find(&key).await;
            gate.open();
            newer
        };
        let (older, newer) = tokio::join!(older, newer);
        assert_eq!(status(&older), Some(TenantStatus::Pending), "it was asked before");
        assert_eq!(status(&newer), Some(TenantStatus::Active));
        assert_eq!(status(&directory.find(&key).await), Some(TenantStatus::Active));
    }
}

#[tokio::test]
async fn a_caller_that_gives_up_cancels_nothing() {
    let tms = tms_with(&["acme"]).await;
    let gate = Gate::closed();
    tms.on(Route::Tenant).behind(&gate).well();
    let (directory, _) = directory(&tms);
    begin_and_drop(directory.find(&label("acme"))).await;
    tms.until_calls(Route::Tenant, 1).await;
    gate.open();
    known_at_once(&directory, &label("acme")).await;
    assert_eq!(tms.calls(Route::Tenant), 1);
}

#[tokio::test]
async fn label_and_own_domain_share_one_record() {
    let tms = tms_with_shop().await;
    let (directory, clock) = directory(&tms);
    let domain = TenantKey::Domain("shop.example");
    assert!(is_known(&directory.find(&label("acme")).await));
    assert!(is_known(&directory.find(&domain).await));
    assert_eq!(tms.calls(Route::Host), 0, "the record says whose it is");

    tms.suspend("acme", "unpaid");
    clock.advance(FRESH);
    assert_eq!(status(&directory.find(&domain).await), Some(TenantStatus::Suspended));
    assert_eq!(status(&directory.find(&label("acme")).await), Some(TenantStatus::Suspended));
    assert_eq!((tms.calls(Route::Tenant), tms.calls(Route::Host)), (2, 0));
}

#[tokio::test]
async fn a_domain_follows_its_owner() {
    let tms = tms_with_shop().await;
    let (directory, clock) = directory(&tms);
    let domain = TenantKey::Domain("shop.example");
    assert!(is_known(&directory.find(&domain).await));
    assert_eq!(tms.calls(Route::Host), 1);
    tms.edit("acme", |acme| acme.hosts.clear());
    tms.add("globex");
    tms.edit("globex", |globex| globex.hosts = vec!["shop.example".to_owned()]);
    clock.advance(FRESH);
    let Lookup::Known(tenant) = directory.find(&domain).await else { panic!("it has an owner") };
    assert_eq!(tenant.name.as_str(), "globex");
    assert_eq!(known_at_once(&directory, &domain).await.name.as_str(), "globex");
    assert!(known_at_once(&directory, &label("acme")).await.hosts.is_empty());
}

#[tokio::test]
async fn unknown_names_have_a_budget_and_known_tenants_do_not_pay_it() {
    let tms = tms_with(&[]).await;
    let (directory, clock) = directory(&tms);
    for n in 0..200 {
        let name = format!("real{n}");
        tms.add(&name);
        assert!(is_known(&directory.find(&label(&name)).await));
    }
    let (mut unknown, mut refused) = (0, 0);
    for n in 0..150 {
        match directory.find(&label(&format!("spray{n}"))).await {
            Lookup::Unknown => unknown += 1,
            Lookup::Unavailable { retry_after } => {
                assert_eq!(retry_after, SECOND);
                refused += 1;
            }
            Lookup::Known(tenant) => panic!("{tenant:?}"),
        }
    }
    assert_eq!((unknown, refused), (100, 50));
    clock.advance(FRESH);
    assert!(is_known(&directory.find(&label("real0")).await));
    assert!(matches!(directory.find(&label("spray149")).await, Lookup::Unknown), "refilled");
    assert_eq!(tms.lines().iter().filter(|line| line.contains("spray")).count(), 101);
}

#[tokio::test]
async fn a_spray_of_unknown_names_is_forgotten_from_the_oldest_on() {
    let tms = tms_with(&[]).await;
    let (directory, _) = directory_with(&tms, |builder| builder.unknown_budget(10_000).max_unknown(50));
    for n in 0..500 {
        directory.find(&label(&format!("spray{n}"))).await;
    }
    let held = (0..500).filter(|n| matches!(directory.cached(&label(&format!("spray{n}"))), Cached::Unknown));
    assert_eq!(held.collect::<Vec<_>>(), (450..500).collect::<Vec<_>>());
}

#[tokio::test]
async fn unavailable_is_never_remembered() {
    let tms = tms_with(&["acme"]).await;
    tms.on(Route::Tenant).status(503);
    let (directory, _) = directory(&tms);
    assert!(is_unavailable(&directory.find(&label("acme")).await));
    assert!(matches!(directory.cached(&label("acme")), Cached::Miss));
    tms.heal();
    assert!(is_known(&directory.find(&label("acme")).await));
}

#[tokio::test]
async fn a_short_fault_is_tried_again_within_the_same_lookup() {
    let tms = tms_with(&["acme"]).await;
    tms.on(Route::Tenant).times(2).cut();
    let (directory, _) = directory(&tms);
    assert!(is_known(&directory.find(&label("acme")).await));
    assert_eq!(tms.calls(Route::Tenant), 3);
}
