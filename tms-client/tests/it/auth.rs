//! Keys and tokens: what is sent where, when a token is renewed, and what never leaves the machine.

use std::sync::{Arc, Mutex};

use futures_util::future::join_all;
use tenant_core::TenantDirectory;
use tms_client::testing::{FaultyTms, Gate, Route};
use tms_client::{TmsClient, TmsDirectory, TmsErrorKind};

use crate::support::{SECOND, Say, begin_and_drop, client, label, manual_clock, tms_with};

const NO: &str = r#"{"detail":"no"}"#;

/// A TMS that knows `acme`, and whose tokens are good for 100 s.
async fn acme_tms() -> FaultyTms {
    let tms = tms_with(&["acme"]).await;
    tms.token_life(100 * SECOND);
    tms
}

fn bearers(tms: &FaultyTms) -> Vec<String> {
    tms.log().into_iter().filter_map(|call| call.bearer).collect()
}

#[tokio::test]
async fn many_first_calls_fetch_one_token() {
    let tms = acme_tms().await;
    let client = client(&tms.url());
    let key = label("acme");
    let found = join_all((0..50).map(|_| client.find(&key))).await;
    assert!(found.iter().all(Result::is_ok));
    assert_eq!(tms.calls(Route::Token), 1);
    assert_eq!(tms.log()[0].api_key.as_deref(), Some("yyy"));
    assert!(tms.log()[1..].iter().all(|call| call.api_key.is_none()), "the key goes to /token alone");
}

#[tokio::test]
async fn a_token_is_renewed_ahead_of_its_expiry_and_used_meanwhile() {
    let tms = acme_tms().await;
    let clock = manual_clock();
    let client = TmsClient::builder(&tms.url(), "yyy".into()).clock(clock.clone()).build().expect("a client");
    let key = label("acme");
    client.find(&key).await.expect("an answer");
    clock.advance(79 * SECOND);
    client.find(&key).await.expect("an answer");
    assert_eq!(tms.calls(Route::Token), 1);

    let gate = Gate::closed();
    tms.on(Route::Token).behind(&gate).well();
    clock.advance(2 * SECOND);
    let found = join_all((0..50).map(|_| client.find(&key))).await;
    assert!(found.iter().all(Result::is_ok), "nobody waits for the renewal");
    assert!(bearers(&tms).iter().all(|bearer| bearer == "Bearer t1"));
    tms.until_calls(Route::Token, 2).await;
    gate.open();
    // Past the end of the first token, so that this waits for the second one.
    clock.advance(15 * SECOND);
    client.find(&key).await.expect("an answer");
    assert_eq!(bearers(&tms).last().map(String::as_str), Some("Bearer t2"));
    assert_eq!(tms.calls(Route::Token), 2);
}

#[tokio::test]
async fn without_expires_in_a_token_lives_five_minutes() {
    let tms = tms_with(&["acme"]).await;
    tms.token_life(None);
    let clock = manual_clock();
    let client = TmsClient::builder(&tms.url(), "yyy".into()).clock(clock.clone()).build().expect("a client");
    for (advance, tokens) in [(0, 1), (239, 1), (61, 2)] {
        clock.advance(advance * SECOND);
        client.find(&label("acme")).await.expect("an answer");
        assert_eq!(tms.calls(Route::Token), tokens, "{advance}");
    }
}

#[tokio::test]
async fn a_refused_token_is_renewed_once_and_the_call_repeated() {
    let tms = acme_tms().await;
    let client = client(&tms.url());
    client.find(&label("acme")).await.expect("an answer");
    // As after a restart of the TMS with another secret.
    tms.forget_tokens();
    client.find(&label("acme")).await.expect("an answer");
    assert_eq!(bearers(&tms), ["Bearer t1", "Bearer t1", "Bearer t2"]);
    assert_eq!(tms.calls(Route::Token), 2);
}

#[tokio::test]
async fn a_key_that_gets_tokens_which_open_nothing_is_forbidden() {
    let tms = acme_tms().await;
    tms.on(Route::Tenant).says(401, NO);
    let error = client(&tms.url()).find(&label("acme")).await.expect_err("refused");
    assert_eq!(error.kind(), &TmsErrorKind::Forbidden);
    assert_eq!((tms.calls(Route::Token), tms.calls(Route::Tenant)), (2, 2), "once more, and no more");
}

#[tokio::test]
async fn authorize_tells_a_wrong_key_from_a_service_that_is_down() {
    let faults: [(Say, TmsErrorKind); 11] = [
        (|on| on.says(401, NO), TmsErrorKind::Forbidden),
        (|on| on.says(403, "no"), TmsErrorKind::Forbidden),
        (|on| on.says(500, r#"{"detail":"broken"}"#), TmsErrorKind::Unavailable),
        (|on| on.says(429, ""), TmsErrorKind::Unavailable),
        (|on| on.null(), TmsErrorKind::Protocol),
        (|on| on.says(200, r#"{"access_token":""}"#), TmsErrorKind::Protocol),
        (|on| on.says(200, r#"{"access_token":"a\nb"}"#), TmsErrorKind::Protocol),
        (
            |on| on.says(422, r#"{"detail":[{"loc":["header"],"msg":"yyy","type":"x"}]}"#),
            TmsErrorKind::Protocol,
        ),
        (|on| on.says_with(302, &[("location", "http://127.0.0.1:1/")], ""), TmsErrorKind::Protocol),
        (|on| on.truncated(), TmsErrorKind::Protocol),
        (|on| on.cut(), TmsErrorKind::Unavailable),
    ];
    for (n, (say, kind)) in faults.into_iter().enumerate() {
        let tms = tms_with(&[]).await;
        say(tms.on(Route::Token));
        let error = client(&tms.url()).authorize().await.expect_err("refused");
        assert_eq!(error.kind(), &kind, "{n}: {error}");
        assert_eq!(tms.lines(), ["POST /token"], "{n}");
    }
    let tms = tms_with(&[]).await;
    let client = client(&tms.url());
    client.authorize().await.expect("a key");
    client.authorize().await.expect("a key");
    assert_eq!(tms.calls(Route::Token), 2, "proved anew");
    tms.stop().await;
    assert_eq!(client.authorize().await.expect_err("down").kind(), &TmsErrorKind::Unavailable);
}

#[tokio::test]
async fn keys_that_are_none_never_leave_the_machine() {
    let tms = tms_with(&[]).await;
    let client = client(&tms.url());
    let long = "k".repeat(257);
    for key in ["", " ", "a b", "a\nb", "a\r\nX-Evil: 1", "a\tb", "kéy", "\u{0}", "\u{7f}", &long] {
        let error = client.with_key(key.into()).authorize().await.expect_err("refused");
        assert_eq!(error.kind(), &TmsErrorKind::Forbidden, "{key:?}");
        assert!(key.trim().is_empty() || !error.to_string().contains(key));
    }
    assert!(tms.lines().is_empty(), "{:?}", tms.lines());
    client.with_key("k".repeat(256).into()).authorize().await.expect("256 are allowed");
}

#[tokio::test]
async fn a_key_becomes_part_of_a_path_only_where_it_must_and_can() {
    for status in [404, 405] {
        let tms = tms_with(&["acme"]).await;
        tms.on(Route::Token).says(status, r#"{"detail":"Not Found"}"#);
        tms.on(Route::ApiKey).says(404, r#"{"detail":"wrong key: yyy"}"#);
        tms.on(Route::ApiKey).key("TMS-API-KEY").well();
        let client = client(&tms.url());
        let right = client.with_key("TMS-API-KEY".into());
        assert!(right.find(&label("acme")).await.expect("an answer").is_some());
        let wrong = client.authorize().await.expect_err("refused");
        assert_eq!(wrong.kind(), &TmsErrorKind::Forbidden);
        assert!(!wrong.to_string().contains("yyy"), "{wrong}");

        let before = tms.lines().len();
        for key in ["../tenant/x", ".", "..", "a/b", "a?b", "a#b", "%2e%2e", "a%2Fb", "a\\b", ";", "a:b@c"] {
            let error = client.with_key(key.into()).authorize().await.expect_err(key);
            assert_eq!(error.kind(), &TmsErrorKind::Forbidden, "{key}");
        }
        assert!(tms.lines()[before..].iter().all(|line| line == "POST /token"), "{:?}", tms.lines());
    }
}

#[tokio::test]
async fn a_service_that_has_taken_a_key_in_a_header_never_gets_it_in_a_path() {
    let tms = tms_with(&[]).await;
    let client = client(&tms.url());
    client.authorize().await.expect("a key");
    tms.on(Route::Token).status(404);
    let error = client.authorize().await.expect_err("somebody else answers");
    assert_ne!(error.kind(), &TmsErrorKind::Forbidden);
    assert_eq!(tms.calls(Route::ApiKey), 0);
}

#[tokio::test]
async fn the_fallback_tells_a_wrong_key_from_a_service_that_is_down() {
    let faults: [(Say, TmsErrorKind); 5] = [
        (|on| on.says(401, NO), TmsErrorKind::Forbidden),
        (|on| on.says(400, NO), TmsErrorKind::Forbidden),
        (|on| on.says(404, "<html>"), TmsErrorKind::Protocol),
        (|on| on.too_many(SECOND), TmsErrorKind::Unavailable),
        (|on| on.says(502, "<html>"), TmsErrorKind::Unavailable),
    ];
    for (n, (say, kind)) in faults.into_iter().enumerate() {
        let tms = tms_with(&[]).await;
        tms.on(Route::Token).status(405);
        say(tms.on(Route::ApiKey));
        let error = client(&tms.url()).authorize().await.expect_err("refused");
        assert_eq!(error.kind(), &kind, "{n}: {error}");
    }
}

#[tokio::test]
async fn a_renewal_goes_on_when_its_caller_gives_up() {
    let tms = tms_with(&[]).await;
    let gate = Gate::closed();
    tms.on(Route::Token).behind(&gate).well();
    let client = client(&tms.url());
    begin_and_drop(client.authorize()).await;
    tms.until_calls(Route::Token, 1).await;
    let (proved, ()) = tokio::join!(client.authorize(), async { gate.open() });
    proved.expect("a key");
    assert_eq!(tms.calls(Route::Token), 1, "the second one waited for the first one's call");
}

/// Everything that is logged in this process at TRACE, by us and by the libraries below.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("not poisoned").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn neither_key_nor_token_is_ever_logged() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_env_filter("trace").with_writer(move || writer.clone()).finish();
    let key = "KeyThatMustNotBeSeen";
    let tms = tms_with(&[]).await;
    tms.on(Route::Token).says(404, "{}");
    tms.on(Route::ApiKey).key(key).says(200, r#"{"access_token":"TokenThatMustNotBeSeen"}"#);
    tms.on(Route::ApiKey).key("HangsAndMustNotBeSeen").never();
    tms.on(Route::Tenant).says(403, NO);
    tms.on(Route::Tenant).key("cut").cut();
    // Global, because connections live in tasks of their own. Other tests write to it too, with other keys.
    tracing_subscriber::util::SubscriberInitExt::try_init(subscriber).expect("the only one in this binary");
    let client = TmsClient::builder(&tms.url(), key.into()).build().expect("a client");
    for name in ["acme", "cut"] {
        let error = client.find(&label(name)).await.expect_err("a fault");
        assert!(!format!("{error:?} {client:?}").contains("MustNotBeSeen"), "{error:?}");
    }
    // The error of a call names its URL, and here the key is part of that.
    let hanging = TmsClient::builder(&tms.url(), "HangsAndMustNotBeSeen".into()).timeout(SECOND / 10);
    let error = hanging.build().expect("a client").authorize().await.expect_err("no answer");
    assert!(error.is_retryable() && !format!("{error:?}").contains("MustNotBeSeen"), "{error:?}");
    let directory = TmsDirectory::builder(client).build().expect("a directory");
    directory.find(&label("acme")).await;
    tms.stop().await;
    directory.find(&label("cut")).await;

    let text = String::from_utf8_lossy(&log.0.lock().expect("not poisoned")).into_owned();
    assert!(text.contains("tenant lookup failed"), "the log was read: {text}");
    assert!(!text.contains("MustNotBeSeen"), "{text}");
}
