//! `GET /changes`: the feed.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::Method;
use secrecy::ExposeSecret as _;
use serde_json::json;
use tempfile::TempDir;
use tenant_core::{ManualClock, SystemClock};
use tms_server::{Config, Scope, Server, Timing};

use crate::process::{Said, program};
use crate::support::{As, Feed, Tms, by_hand, config, database};

async fn suspend(operator: &As<'_>, tenant: &str, reason: &str) {
    operator.post(&format!("/tenant/{tenant}/suspend"), json!({ "public_reason": reason })).await.ok();
}

#[tokio::test]
async fn a_change_is_told_at_once_as_a_directory_may_see_it() {
    for tms in Tms::on_each().await {
        let (operator, directory) = (tms.operator().await, tms.directory().await);
        operator.create_active("acme").await;
        let mut feed = Feed::follow(&directory, None).await;
        let (missed, head) = feed.up_to_heartbeat().await;
        assert_eq!(missed, [], "without a cursor it begins now");

        let asked = Instant::now();
        suspend(&operator, "acme", "unpaid").await;
        let event = feed.event().await;
        assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
        let mut expected = directory.get("/tenant/acme").await.ok();
        // What routing has no use for.
        for field in ["labels", "license_id", "created"] {
            assert!(expected.as_object_mut().expect("a record").remove(field).is_some(), "{field}");
        }
        assert_eq!(event.data, expected);
        assert_eq!((&event.data["status"], &event.data["revision"]), (&json!("suspended"), &json!(3)));
        assert!(event.data.get("install_token").is_none() && event.data.get("email").is_none());
        let id = event.id.expect("a cursor");
        assert_ne!(id, head);
        // Then a heartbeat, every 2 s: its head is what was told last.
        for _ in 0..2 {
            let asked = Instant::now();
            assert_eq!(feed.up_to_heartbeat().await, (vec![], id.clone()));
            assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
        }
    }
}

#[tokio::test]
async fn whoever_comes_back_gets_what_it_missed_and_each_tenant_once() {
    for tms in Tms::on_each().await {
        let operator = tms.operator().await;
        operator.create("acme").await;
        let mut feed = Feed::follow(&operator, None).await;
        operator.create("globex").await;
        let cursor = feed.event().await.id.expect("a cursor");
        drop(feed);

        operator.call(Method::POST, "/tenant/acme/activate", None).await.ok();
        operator.call(Method::POST, "/tenant/globex/activate", None).await.ok();
        suspend(&operator, "acme", "unpaid").await;
        let by_query = tms.request(Method::GET, &format!("/changes?cursor={cursor}"));
        let by_query = by_query.bearer_auth(&operator.token).send().await.expect("an answer");
        assert_eq!(by_query.status(), 200);
        drop(by_query);
        let mut feed = Feed::follow(&operator, Some(&cursor)).await;
        let (missed, head) = feed.up_to_heartbeat().await;
        let told: Vec<_> =
            missed.iter().map(|event| (event.tenant(), event.data["status"].as_str())).collect();
        assert_eq!(told, [("globex", Some("active")), ("acme", Some("suspended"))]);
        assert_eq!(missed[1].id.as_ref(), Some(&head));
        // From the head on there is nothing to tell.
        let mut feed = Feed::follow(&operator, Some(&head)).await;
        assert_eq!(feed.up_to_heartbeat().await, (vec![], head));
    }
}

#[tokio::test]
async fn the_header_counts_before_the_query() {
    let tms = Tms::start().await;
    let operator = tms.operator().await;
    let start = operator.get("/tenant").await.headers["x-cursor"].to_str().expect("text").to_owned();
    operator.create("acme").await;
    for (header, query, events) in [(None, Some(&*start), 1), (Some(&*start), Some("x"), 1)] {
        let path = query.map_or("/changes".to_owned(), |cursor| format!("/changes?cursor={cursor}"));
        let mut request = tms.request(Method::GET, &path).bearer_auth(&operator.token);
        if let Some(header) = header {
            request = request.header("last-event-id", header);
        }
        let mut response = request.send().await.expect("an answer");
        let text = response.chunk().await.expect("open").expect("frames");
        let text = String::from_utf8(text.to_vec()).expect("text");
        assert_eq!(text.matches("event: tenant\n").count(), events, "{text}");
    }
}

#[tokio::test]
async fn a_cursor_that_does_not_fit_is_told_to_list_again_and_the_stream_ends() {
    for tms in Tms::on_each().await {
        let operator = tms.operator().await;
        operator.create("acme").await;
        let head = operator.get("/tenant").await.headers["x-cursor"].to_str().expect("text").to_owned();
        let (db, rest) = head.split_once('.').expect("a cursor");
        let (_, nonce) = rest.split_once('.').expect("a cursor");
        for cursor in [
            "",
            "1",
            &format!("{db}.2.{nonce}"),
            &format!("{db}.1.0123456789abcdef"),
            &format!("{}.1.{nonce}", "0".repeat(32)),
        ] {
            let mut feed = Feed::follow(&operator, Some(cursor)).await;
            let frame = feed.next().await.expect("a frame");
            assert_eq!((frame.event.as_str(), frame.id, frame.data), ("reset", None, json!({})), "{cursor}");
            assert_eq!(feed.next().await, None);
        }
    }
}

/// A client that starts waits for it: what it has saved is confirmed then.
#[tokio::test]
async fn whoever_has_missed_nothing_hears_so_at_once() {
    for tms in Tms::on_each().await {
        let operator = tms.operator().await;
        operator.create("acme").await;
        let mut cursor = None;
        for _ in 0..2 {
            let asked = Instant::now();
            let mut feed = Feed::follow(&operator, cursor.as_deref()).await;
            let (events, head) = feed.up_to_heartbeat().await;
            assert!(events.is_empty() && asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
            cursor = Some(head);
        }
    }
}

#[tokio::test]
async fn it_needs_a_token() {
    let tms = Tms::start().await;
    tms.send(tms.request(Method::GET, "/changes")).await.is(401, "unauthorized");
}

async fn stop(tms: Tms) -> TempDir {
    tms.server.shutdown().await;
    tms.folder
}

async fn start(folder: TempDir) -> Tms {
    Tms::start_with(config(&folder), folder, Arc::new(SystemClock::default())).await
}

#[tokio::test]
async fn an_older_backup_that_was_restored_is_noticed_even_when_new_changes_have_passed_the_old_place() {
    let tms = Tms::start().await;
    let operator = tms.operator().await;
    operator.create("acme").await;
    tms.command(&["backup", "copy.db"]).await.ok();
    let mut feed = Feed::follow(&operator, None).await;
    operator.create_active("globex").await;
    feed.event().await;
    // A heartbeat may have come between the two changes.
    let mut lost = feed.up_to_heartbeat().await.1;
    while lost.contains(".2.") {
        lost = feed.up_to_heartbeat().await.1;
    }
    assert!(lost.contains(".3."), "{lost}");

    let folder = stop(tms).await;
    let mut restore = program(folder.path());
    let restored = restore.env("DATABASE_URL", database(&folder)).args(["restore", "copy.db"]).output();
    Said::from(restored.expect("it runs")).ok();
    let tms = start(folder).await;
    let operator = tms.operator().await;
    let kept = operator.get("/tenant").await.headers["x-cursor"].to_str().expect("text").to_owned();
    for other in ["initech", "hooli", "umbrella", "stark"] {
        let mut feed = Feed::follow(&operator, Some(&lost)).await;
        assert_eq!(feed.next().await.expect("a frame").event, "reset", "before {other}");
        operator.create(other).await;
    }
    // Whoever stopped before the backup goes on.
    let mut feed = Feed::follow(&operator, Some(&kept)).await;
    assert_eq!(feed.up_to_heartbeat().await.0.len(), 4);
}

#[tokio::test]
async fn a_stream_ends_when_its_key_is_revoked_or_its_token_expires() {
    for tms in Tms::on_each().await {
        let issued = tms.server.keys().issue(Scope::Directory, "router").await.expect("a key");
        let caller = tms.with_key(issued.key.expose_secret()).await;
        let mut feed = Feed::follow(&caller, None).await;
        feed.up_to_heartbeat().await;
        tms.server.keys().revoke(&issued.id).await.expect("revoked");
        let revoked = Instant::now();
        feed.up_to_its_end().await;
        assert!(revoked.elapsed() < Duration::from_secs(1), "{:?}", revoked.elapsed());
    }

    let clock = Arc::new(ManualClock::new(jiff::Timestamp::UNIX_EPOCH));
    let tms = Tms::start_at(clock.clone()).await;
    let caller = tms.operator().await;
    let mut feed = Feed::follow(&caller, None).await;
    feed.up_to_heartbeat().await;
    clock.advance(Duration::from_secs(299));
    feed.up_to_heartbeat().await;
    clock.advance(Duration::from_secs(1));
    let expired = Instant::now();
    feed.up_to_its_end().await;
    assert!(expired.elapsed() < Duration::from_secs(1), "{:?}", expired.elapsed());
}

#[tokio::test]
async fn a_stream_ends_when_what_signed_its_token_does() {
    for tms in Tms::on_each().await {
        let caller = tms.directory().await;
        let mut feed = Feed::follow(&caller, None).await;
        feed.up_to_heartbeat().await;
        let said = tms.command(&["secrets", "rotate", "--overlap", "10m"]).await;
        said.ok();
        // Two heartbeats are longer than any secret is used before it is read again.
        feed.up_to_heartbeat().await;
        feed.up_to_heartbeat().await;
        tms.command(&["secrets", "rotate", "--overlap", "0s"]).await.ok();
        let rotated = Instant::now();
        feed.up_to_its_end().await;
        // Secrets are read every second, and streams looked at every half of one.
        assert!(rotated.elapsed() < Duration::from_secs(2), "{:?}", rotated.elapsed());
    }
}

#[tokio::test]
async fn streams_end_at_once_when_the_service_does() {
    for tms in Tms::on_each().await {
        let operator = tms.operator().await;
        let mut feed = Feed::follow(&operator, None).await;
        feed.up_to_heartbeat().await;
        let ending = Instant::now();
        // The rest of the fixture lives on: the database goes after the service.
        let Tms { server, .. } = tms;
        server.shutdown().await;
        assert!(ending.elapsed() < Duration::from_secs(2), "{:?}", ending.elapsed());
        feed.up_to_its_end().await;
    }
}

#[tokio::test]
async fn changes_that_are_too_old_are_forgotten_and_whoever_missed_them_lists_again() {
    let clock = Arc::new(ManualClock::new(jiff::Timestamp::from_second(1_800_000_000).expect("in range")));
    let folder = tempfile::tempdir().expect("a folder");
    let timing = Timing { trim_every: Duration::from_millis(20), ..Timing::default() };
    let tms = Tms::start_with(Config { timing, ..config(&folder) }, folder, clock.clone()).await;
    let operator = tms.operator().await;
    let start = operator.get("/tenant").await.headers["x-cursor"].to_str().expect("text").to_owned();
    operator.create("acme").await;
    let first = operator.get("/tenant").await.headers["x-cursor"].to_str().expect("text").to_owned();
    clock.advance(Duration::from_secs(8 * 24 * 60 * 60));
    let operator = tms.operator().await;
    // The newest change stays, however old it is.
    assert_eq!(Feed::follow(&operator, Some(&first)).await.up_to_heartbeat().await, (vec![], first.clone()));
    operator.create("globex").await;
    let deadline = Instant::now() + Duration::from_secs(10);
    for cursor in [start, first] {
        while Feed::follow(&operator, Some(&cursor)).await.next().await.expect("a frame").event != "reset" {
            assert!(Instant::now() < deadline, "{cursor} is still known");
        }
    }
    assert_eq!(operator.get("/tenant/acme").await.ok()["id"], "acme");
}

/// Asks for the feed, and takes nothing of what comes. Answers how much had been sent when the connection was cut.
fn read_nothing(server: &Server, token: &str, cursor: &str, patience: Duration, most: usize) -> usize {
    let mut stream = TcpStream::connect(server.addr()).expect("connected");
    let head = format!(
        "GET /changes HTTP/1.1\r\nhost: tms\r\nauthorization: Bearer {token}\r\nlast-event-id: {cursor}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).expect("written");
    // What was sent before the cut is still read; then comes the end, or that the connection was reset.
    std::thread::sleep(patience);
    stream.set_read_timeout(Some(Duration::from_secs(5))).expect("set");
    let (mut sent, mut bytes) = (0, vec![0; 1 << 16]);
    loop {
        match stream.read(&mut bytes) {
            Ok(0) => return sent,
            // All that there is came: nobody has cut it.
            Ok(more) if sent + more >= most => return most,
            Ok(more) => sent += more,
            Err(error) => {
                assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
                return sent;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_takes_nothing_is_cut_off_and_nothing_is_kept_for_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let timing = Timing { stall: Duration::from_millis(500), ..Timing::default() };
    let tms =
        Tms::start_with(Config { timing, ..config(&folder) }, folder, Arc::new(SystemClock::default())).await;
    let operator = tms.operator().await;
    let start = operator.get("/tenant").await.headers["x-cursor"].to_str().expect("text").to_owned();
    let (count, size) = (64, 500_000);
    for i in 0..count {
        operator.create(&format!("large-{i}")).await;
    }
    // Larger than what can be made.
    let large = "UPDATE tenant SET public_reason = hex(zeroblob(250000))";
    by_hand(&tms.database_url(), large).await.expect("changed");
    let token = operator.token.clone();
    // It is cut 0.5 s after the buffers of the kernel are full; a reader that takes what comes gets all of it.
    let sent = tokio::task::block_in_place(|| {
        read_nothing(&tms.server, &token, &start, Duration::from_secs(3), count * size)
    });
    assert!(sent < count * size, "{sent} bytes: all of it");
    let mut feed = Feed::follow(&operator, Some(&start)).await;
    assert_eq!(feed.up_to_heartbeat().await.0.len(), count);
}
