//! What a directory answers while its TMS is gone, hangs or refuses the key.

use std::time::Duration;

use tenant_core::{Cached, Lookup, TenantDirectory, TenantStatus};
use tms_client::testing::Route;

use crate::support::{
    FRESH, SECOND, STALE, Say, directory, directory_with, is_known, is_unavailable, known_at_once, label,
    tms_with, until_found,
};

#[tokio::test]
async fn known_tenants_are_served_up_to_the_stale_limit_and_then_no_more() {
    let tms = tms_with(&["acme"]).await;
    let (directory, clock) = directory(&tms);
    let key = label("acme");
    directory.find(&key).await;
    tms.stop().await;
    let mut age = Duration::ZERO;
    while age + FRESH < STALE {
        age += FRESH;
        clock.advance(FRESH);
        assert!(is_known(&directory.find(&key).await), "{age:?}");
        known_at_once(&directory, &key).await;
    }
    clock.advance(STALE - age - SECOND);
    assert!(is_known(&directory.find(&key).await));
    clock.advance(SECOND);
    assert!(is_unavailable(&directory.find(&key).await), "closed");
    assert!(!matches!(directory.cached(&key), Cached::Known(_)));
    let never_seen = directory.find(&label("globex")).await;
    assert!(is_unavailable(&never_seen), "down is not unknown: {never_seen:?}");

    tms.start_again().await;
    assert!(is_known(&until_found(&directory, &key, is_known).await));
}

#[tokio::test]
async fn the_end_of_an_outage_is_noticed_and_what_changed_meanwhile() {
    let tms = tms_with(&["acme"]).await;
    let (directory, clock) = directory(&tms);
    let key = label("acme");
    directory.find(&key).await;
    tms.stop().await;
    clock.advance(FRESH);
    assert!(is_known(&directory.find(&key).await));
    tms.suspend("acme", "unpaid");
    tms.start_again().await;
    // No pause between two tries is longer than 30 s.
    clock.advance(30 * SECOND);
    let suspended = |found: &Lookup| matches!(found, Lookup::Known(t) if t.status == TenantStatus::Suspended);
    until_found(&directory, &key, suspended).await;
}

#[tokio::test]
async fn a_refresh_that_hangs_holds_requests_up_once() {
    let tms = tms_with(&["acme"]).await;
    let wait = Duration::from_millis(200);
    let (directory, clock) = directory_with(&tms, |builder| builder.refresh_wait(wait));
    let key = label("acme");
    directory.find(&key).await;
    tms.on(Route::Tenant).never();
    clock.advance(FRESH);
    let before = std::time::Instant::now();
    assert!(is_known(&directory.find(&key).await));
    assert!(before.elapsed() >= wait, "the first one waits for the refresh");
    known_at_once(&directory, &key).await;

    for _ in 0..5 {
        clock.advance(FRESH);
        let before = std::time::Instant::now();
        assert!(is_known(&directory.find(&key).await));
        assert!(before.elapsed() < wait, "the others do not");
        known_at_once(&directory, &key).await;
    }
    assert_eq!(tms.calls(Route::Tenant), 2, "one refresh is under way");
}

#[tokio::test]
async fn tries_follow_pauses_that_grow() {
    let tms = tms_with(&["acme"]).await;
    let (directory, clock) = directory(&tms);
    let key = label("acme");
    directory.find(&key).await;
    tms.on(Route::Tenant).says(500, "broken");
    clock.advance(FRESH);
    // Ten minutes of requests, ten a second.
    for _ in 0..6000 {
        assert!(is_known(&directory.find(&key).await));
        clock.advance(SECOND / 10);
        tokio::task::yield_now().await;
    }
    let tries = tms.calls(Route::Tenant) - 1;
    assert!((20..60).contains(&tries), "some 20 to 40 pauses of up to 30 s: {tries}");
}

#[tokio::test]
async fn a_refused_key_is_an_outage_and_no_unknown_tenant() {
    let tms = tms_with(&["acme"]).await;
    let (directory, clock) = directory(&tms);
    directory.find(&label("acme")).await;
    tms.revoke_key("yyy");
    clock.advance(FRESH);
    assert!(is_known(&directory.find(&label("acme")).await), "known tenants go on");
    assert!(is_unavailable(&directory.find(&label("globex")).await));
}

#[tokio::test]
async fn only_an_answer_makes_a_name_unknown() {
    let tms = tms_with(&["acme"]).await;
    let (directory, _) = directory(&tms);
    let faults: [(Say, bool); 14] = [
        (|on| on.null(), true),
        (|on| on.says(404, r#"{"detail":"no such tenant"}"#), true),
        (|on| on.says(404, "<html>nothing here</html>"), false),
        (|on| on.status(401), false),
        (|on| on.status(403), false),
        (|on| on.status(429), false),
        (|on| on.status(500), false),
        (|on| on.garbage(), false),
        (|on| on.says(200, "[]"), false),
        (|on| on.says(200, "{}"), false),
        (|on| on.says(200, ""), false),
        (|on| on.wrong_tenant(), false),
        (|on| on.truncated(), false),
        (|on| on.cut(), false),
    ];
    for (n, (say, unknown)) in faults.into_iter().enumerate() {
        say(tms.on(Route::Tenant));
        let found = directory.find(&label(&format!("name{n}"))).await;
        assert_eq!(matches!(found, Lookup::Unknown), unknown, "{n}: {found:?}");
        assert_eq!(is_unavailable(&found), !unknown, "{n}: {found:?}");
    }
}

#[tokio::test]
async fn what_the_tms_says_about_when_to_come_back_is_passed_on() {
    let tms = tms_with(&[]).await;
    tms.on(Route::Tenant).says_with(503, &[("retry-after", "17")], "");
    let (directory, _) = directory(&tms);
    let Lookup::Unavailable { retry_after } = directory.find(&label("acme")).await else {
        panic!("available")
    };
    assert_eq!(retry_after, 17 * SECOND);
    assert_eq!(tms.calls(Route::Tenant), 1, "no further try");
}
