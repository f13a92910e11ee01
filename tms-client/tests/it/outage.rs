//! What a directory answers while its TMS is gone, hangs or refuses the key.

use std::time::Duration;

use tenant_core::{Cached, Lookup, TenantDirectory, TenantStatus};

use crate::faulty::{FaultyTms, Reply, json};
use crate::support::{
    FRESH, SECOND, STALE, directory, directory_with, is_known, is_unavailable, known_at_once, label, record,
    record_with, until, until_found,
};

const ACME: &str = "GET /tenant/acme";

async fn tms_with_acme() -> FaultyTms {
    FaultyTms::start(|_| json(200, record("acme"))).await
}

#[tokio::test]
async fn known_tenants_are_served_up_to_the_stale_limit_and_then_no_more() {
    let tms = tms_with_acme().await;
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
    let tms = tms_with_acme().await;
    let (directory, clock) = directory(&tms);
    let key = label("acme");
    directory.find(&key).await;
    tms.stop().await;
    clock.advance(FRESH);
    assert!(is_known(&directory.find(&key).await));
    tms.says(|_| json(200, record_with("acme", "suspended", &[])));
    tms.start_again().await;
    // No pause between two tries is longer than 30 s.
    clock.advance(30 * SECOND);
    let suspended = |found: &Lookup| matches!(found, Lookup::Known(t) if t.status == TenantStatus::Suspended);
    until_found(&directory, &key, suspended).await;
}

#[tokio::test]
async fn a_refresh_that_hangs_holds_requests_up_once() {
    let tms = tms_with_acme().await;
    let wait = Duration::from_millis(200);
    let (directory, clock) = directory_with(&tms, |builder| builder.refresh_wait(wait));
    let key = label("acme");
    directory.find(&key).await;
    tms.says(|_| Reply::Never);
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
    assert_eq!(tms.calls(ACME), 2, "one refresh is under way");
}

#[tokio::test]
async fn tries_follow_pauses_that_grow() {
    let tms = tms_with_acme().await;
    let (directory, clock) = directory(&tms);
    let key = label("acme");
    directory.find(&key).await;
    tms.says(|_| json(500, "broken"));
    clock.advance(FRESH);
    // Ten minutes of requests, ten a second.
    for _ in 0..6000 {
        assert!(is_known(&directory.find(&key).await));
        clock.advance(SECOND / 10);
        tokio::task::yield_now().await;
    }
    let tries = tms.calls(ACME) - 1;
    assert!((20..60).contains(&tries), "some 20 to 40 pauses of up to 30 s: {tries}");
}

#[tokio::test]
async fn a_refused_key_is_an_outage_and_no_unknown_tenant() {
    let tms = tms_with_acme().await;
    let (directory, clock) = directory(&tms);
    directory.find(&label("acme")).await;
    tms.says(|_| json(403, r#"{"detail":"revoked"}"#));
    clock.advance(FRESH);
    assert!(is_known(&directory.find(&label("acme")).await), "known tenants go on");
    assert!(is_unavailable(&directory.find(&label("globex")).await));
}

#[tokio::test]
async fn only_an_answer_makes_a_name_unknown() {
    let tms = tms_with_acme().await;
    let (directory, _) = directory(&tms);
    let not_found = r#"{"detail":"no such tenant"}"#;
    for (n, (reply, unknown)) in [
        (json(200, "null"), true),
        (json(404, not_found), true),
        (json(404, "<html>nothing here</html>"), false),
        (json(401, not_found), false),
        (json(403, not_found), false),
        (json(429, not_found), false),
        (json(500, not_found), false),
        (json(200, "<html>welcome</html>"), false),
        (json(200, "[]"), false),
        (json(200, "{}"), false),
        (json(200, ""), false),
        (json(200, record("other")), false),
        (Reply::Cut, false),
    ]
    .into_iter()
    .enumerate()
    {
        let told = reply.clone();
        tms.says(move |_| told.clone());
        let found = directory.find(&label(&format!("name{n}"))).await;
        assert_eq!(matches!(found, Lookup::Unknown), unknown, "{reply:?}: {found:?}");
        assert_eq!(is_unavailable(&found), !unknown, "{reply:?}: {found:?}");
    }
}

#[tokio::test]
async fn what_the_tms_says_about_when_to_come_back_is_passed_on() {
    let tms = FaultyTms::start(|_| Reply::With(503, "retry-after", "17".to_owned())).await;
    let (directory, _) = directory(&tms);
    let Lookup::Unavailable { retry_after } = directory.find(&label("acme")).await else {
        panic!("available")
    };
    assert_eq!(retry_after, 17 * SECOND);
    until("no further try", || tms.calls(ACME) == 1).await;
}
