//! Keys and tokens: what is sent where, when a token is renewed, and what never leaves the machine.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::future::join_all;
use tms_client::{TmsClient, TmsErrorKind};
use tokio::sync::Semaphore;

use crate::faulty::{FaultyTms, Reply, Seen, json};
use crate::support::{SECOND, begin_and_drop, client, label, manual_clock, record, until};

const TOKEN: &str = "POST /token";

/// A TMS that numbers its tokens, each good for 100 s, and refuses all but the last `good`.
async fn numbering_tms() -> (FaultyTms, Arc<AtomicUsize>) {
    let last = Arc::new(AtomicUsize::new(0));
    let numbers = Arc::clone(&last);
    let tms = FaultyTms::start_bare(move |seen| {
        if seen.line == TOKEN {
            let number = numbers.fetch_add(1, Ordering::SeqCst) + 1;
            return json(200, format!(r#"{{"access_token":"t{number}","expires_in":100}}"#));
        }
        let good = format!("Bearer t{}", numbers.load(Ordering::SeqCst));
        if seen.bearer.as_ref() == Some(&good) {
            json(200, record("acme"))
        } else {
            json(401, r#"{"detail":"bad token"}"#)
        }
    })
    .await;
    (tms, last)
}

fn bearers(tms: &FaultyTms) -> Vec<String> {
    tms.seen().into_iter().filter_map(|seen| seen.bearer).collect()
}

#[tokio::test]
async fn many_first_calls_fetch_one_token() {
    let (tms, _) = numbering_tms().await;
    let client = client(&tms.url());
    let key = label("acme");
    let found = join_all((0..50).map(|_| client.find(&key))).await;
    assert!(found.iter().all(Result::is_ok));
    assert_eq!(tms.calls(TOKEN), 1);
    assert_eq!(tms.seen()[0].key.as_deref(), Some("yyy"));
    assert!(tms.seen()[1..].iter().all(|seen| seen.key.is_none()), "the key goes to /token alone");
}

#[tokio::test]
async fn a_token_is_renewed_ahead_of_its_expiry_and_used_meanwhile() {
    let (tms, _) = numbering_tms().await;
    let clock = manual_clock();
    let client = TmsClient::builder(&tms.url(), "yyy".into()).clock(clock.clone()).build().expect("a client");
    let key = label("acme");
    client.find(&key).await.expect("an answer");
    clock.advance(79 * SECOND);
    client.find(&key).await.expect("an answer");
    assert_eq!(tms.calls(TOKEN), 1);

    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    tms.says_bare(move |seen| match seen.line.as_str() {
        TOKEN => {
            Reply::Held(Arc::clone(&held), Box::new(json(200, r#"{"access_token":"t2","expires_in":100}"#)))
        }
        _ => json(200, record("acme")),
    });
    clock.advance(2 * SECOND);
    let found = join_all((0..50).map(|_| client.find(&key))).await;
    assert!(found.iter().all(Result::is_ok), "nobody waits for the renewal");
    assert!(bearers(&tms).iter().all(|bearer| bearer == "Bearer t1"));
    until("the renewal", || tms.calls(TOKEN) == 2).await;
    gate.add_permits(1);
    // Past the end of the first token, so that this waits for the second one.
    clock.advance(15 * SECOND);
    client.find(&key).await.expect("an answer");
    assert_eq!(bearers(&tms).last().map(String::as_str), Some("Bearer t2"));
    assert_eq!(tms.calls(TOKEN), 2);
}

#[tokio::test]
async fn without_expires_in_a_token_lives_five_minutes() {
    let tms = FaultyTms::start(|_| json(200, record("acme"))).await;
    let clock = manual_clock();
    let client = TmsClient::builder(&tms.url(), "yyy".into()).clock(clock.clone()).build().expect("a client");
    for (advance, tokens) in [(0, 1), (239, 1), (61, 2)] {
        clock.advance(advance * SECOND);
        client.find(&label("acme")).await.expect("an answer");
        assert_eq!(tms.calls(TOKEN), tokens, "{advance}");
    }
}

#[tokio::test]
async fn a_refused_token_is_renewed_once_and_the_call_repeated() {
    let (tms, last) = numbering_tms().await;
    let client = client(&tms.url());
    client.find(&label("acme")).await.expect("an answer");
    // As after a restart of the TMS with another secret.
    last.fetch_add(1, Ordering::SeqCst);
    client.find(&label("acme")).await.expect("an answer");
    assert_eq!(bearers(&tms), ["Bearer t1", "Bearer t1", "Bearer t3"]);
    assert_eq!(tms.calls(TOKEN), 2);
}

#[tokio::test]
async fn a_key_that_gets_tokens_which_open_nothing_is_forbidden() {
    let tms = FaultyTms::start(|_| json(401, r#"{"detail":"no"}"#)).await;
    let error = client(&tms.url()).find(&label("acme")).await.expect_err("refused");
    assert_eq!(error.kind(), &TmsErrorKind::Forbidden);
    assert_eq!((tms.calls(TOKEN), tms.calls("GET /tenant/acme")), (2, 2), "once more, and no more");
}

#[tokio::test]
async fn authorize_tells_a_wrong_key_from_a_service_that_is_down() {
    for (reply, kind) in [
        (json(401, r#"{"detail":"no"}"#), TmsErrorKind::Forbidden),
        (json(403, "no"), TmsErrorKind::Forbidden),
        (json(500, r#"{"detail":"broken"}"#), TmsErrorKind::Unavailable),
        (json(429, ""), TmsErrorKind::Unavailable),
        (json(200, "null"), TmsErrorKind::Protocol),
        (json(200, r#"{"access_token":""}"#), TmsErrorKind::Protocol),
        (json(200, r#"{"access_token":"a\nb"}"#), TmsErrorKind::Protocol),
        (json(422, r#"{"detail":[{"loc":["header"],"msg":"yyy","type":"x"}]}"#), TmsErrorKind::Protocol),
        (Reply::With(302, "location", "http://127.0.0.1:1/".to_owned()), TmsErrorKind::Protocol),
        (Reply::Cut, TmsErrorKind::Unavailable),
    ] {
        let told = reply.clone();
        let tms = FaultyTms::start_bare(move |_| told.clone()).await;
        let error = client(&tms.url()).authorize().await.expect_err("refused");
        assert_eq!(error.kind(), &kind, "{reply:?}: {error}");
        assert_eq!(tms.lines(), [TOKEN], "{reply:?}");
    }
    let tms = FaultyTms::start(|_| json(200, "null")).await;
    let client = client(&tms.url());
    client.authorize().await.expect("a key");
    client.authorize().await.expect("a key");
    assert_eq!(tms.calls(TOKEN), 2, "proved anew");
    tms.stop().await;
    assert_eq!(client.authorize().await.expect_err("down").kind(), &TmsErrorKind::Unavailable);
}

#[tokio::test]
async fn keys_that_are_none_never_leave_the_machine() {
    let tms = FaultyTms::start(|_| json(200, "null")).await;
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
        let tms = FaultyTms::start_bare(move |seen| match seen.line.as_str() {
            TOKEN => json(status, r#"{"detail":"Not Found"}"#),
            "GET /api-key/TMS-API-KEY" => json(200, r#"{"access_token":"t","token_type":"bearer"}"#),
            "GET /tenant/acme" => json(200, record("acme")),
            _ => json(404, r#"{"detail":"wrong key: yyy"}"#),
        })
        .await;
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
        assert!(tms.lines()[before..].iter().all(|line| line == TOKEN), "{:?}", tms.lines());
    }
}

#[tokio::test]
async fn the_fallback_tells_a_wrong_key_from_a_service_that_is_down() {
    for (reply, kind) in [
        (json(401, r#"{"detail":"no"}"#), TmsErrorKind::Forbidden),
        (json(400, r#"{"detail":"no"}"#), TmsErrorKind::Forbidden),
        (json(404, "<html>"), TmsErrorKind::Protocol),
        (json(429, r#"{"detail":"slow down"}"#), TmsErrorKind::Unavailable),
        (json(502, "<html>"), TmsErrorKind::Unavailable),
    ] {
        let told = reply.clone();
        let tms = FaultyTms::start_bare(move |seen: &Seen| match seen.line.as_str() {
            TOKEN => json(405, ""),
            _ => told.clone(),
        })
        .await;
        let error = client(&tms.url()).authorize().await.expect_err("refused");
        assert_eq!(error.kind(), &kind, "{reply:?}: {error}");
    }
}

#[tokio::test]
async fn a_renewal_goes_on_when_its_caller_gives_up() {
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let tms = FaultyTms::start_bare(move |_| {
        Reply::Held(Arc::clone(&held), Box::new(json(200, r#"{"access_token":"t"}"#)))
    })
    .await;
    let client = client(&tms.url());
    begin_and_drop(client.authorize()).await;
    until("the call", || tms.calls(TOKEN) == 1).await;
    let (proved, ()) = tokio::join!(client.authorize(), async { gate.add_permits(1) });
    proved.expect("a key");
    assert_eq!(tms.calls(TOKEN), 1, "the second one waited for the first one's call");
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
    let tms = FaultyTms::start_bare(move |seen| match seen.line.as_str() {
        TOKEN if seen.key.is_some() => json(404, "{}"),
        line if line.ends_with(key) => json(200, r#"{"access_token":"TokenThatMustNotBeSeen"}"#),
        "GET /tenant/cut" => Reply::Cut,
        "GET /api-key/HangsAndMustNotBeSeen" => Reply::Never,
        _ => json(403, r#"{"detail":"no"}"#),
    })
    .await;
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
    let directory = tms_client::TmsDirectory::builder(client).build().expect("a directory");
    tenant_core::TenantDirectory::find(&directory, &label("acme")).await;
    tms.stop().await;
    tenant_core::TenantDirectory::find(&directory, &label("cut")).await;

    let text = String::from_utf8_lossy(&log.0.lock().expect("not poisoned")).into_owned();
    assert!(text.contains("tenant lookup failed"), "the log was read: {text}");
    assert!(!text.contains("MustNotBeSeen"), "{text}");
}
