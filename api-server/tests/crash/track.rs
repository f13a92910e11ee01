//! `kill -9` under 64 connections of `/track`: every acknowledged event is there after the restart.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Api, EMAIL, PASSWORD, Platform, Program};

const CONNECTIONS: usize = 64;
const ROUNDS: usize = 8;
/// How many of the connections send events of one and the same visit.
const SHARING: usize = 8;

#[derive(Default)]
struct Seen {
    acknowledged: Mutex<Vec<(String, String)>>,
    unanswered: AtomicUsize,
    stop: AtomicBool,
}

fn event(id: &str, session: &str) -> Value {
    json!({
        "source": { "id": "web" }, "session": { "id": session },
        "events": [{ "id": id, "type": "tick", "properties": { "id": id, "padding": "x".repeat(300) } }],
    })
}

/// One connection: sends one event after another until the server is gone.
async fn send(api: Api, seen: Arc<Seen>, name: String, shared: bool) {
    for n in 0.. {
        if seen.stop.load(Ordering::SeqCst) {
            return;
        }
        let id = format!("{name}-{n}");
        let session = if shared { "shared".to_owned() } else { format!("visit-{name}-{}", n / 5) };
        let request = api.public(reqwest::Method::POST, "/track").json(&event(&id, &session));
        match api.try_send(request).await {
            Ok(answer) => {
                assert_eq!(answer.status, 200, "{answer:?}");
                seen.acknowledged.lock().expect("no panic").push((id, session));
            }
            Err(_) => {
                seen.unanswered.fetch_add(1, Ordering::SeqCst);
                return;
            }
        }
    }
}

/// Kills the program while all connections are busy. What was acknowledged, and how many requests got no answer.
async fn round(program: Program, number: usize) -> (Vec<(String, String)>, usize) {
    let seen = Arc::new(Seen::default());
    let senders: Vec<_> = (0..CONNECTIONS)
        .map(|i| {
            let api = program.at("company-x.localhost");
            tokio::spawn(send(api, Arc::clone(&seen), format!("r{number}c{i}"), i < SHARING))
        })
        .collect();
    while seen.acknowledged.lock().expect("no panic").len() < CONNECTIONS {
        assert!(senders.iter().any(|sender| !sender.is_finished()), "somebody is still sending");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    // A random moment is the point here, not a wait for something.
    tokio::time::sleep(Duration::from_micros(fastrand::u64(0..200_000))).await;
    program.kill();
    seen.stop.store(true, Ordering::SeqCst);
    for sender in senders {
        sender.await.expect("no panic");
    }
    let acknowledged = std::mem::take(&mut *seen.acknowledged.lock().expect("no panic"));
    (acknowledged, seen.unanswered.load(Ordering::SeqCst))
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_to_kill_9_under_64_connections() {
    let platform = Platform::without_server().await;
    let data = platform.data_dir();
    let mut program = Program::serve(&platform.tms, &data);
    let install = json!({ "name": "company-x", "tms_api_key": crate::support::OPERATOR_KEY, "email": EMAIL, "password": PASSWORD });
    program.at("localhost").post("/tenant/install", &install).await.ok();
    let admin = program.at("company-x.localhost").log_in(EMAIL, PASSWORD).await;
    let token = admin.token().to_owned();
    admin.in_context("production").connect_web().await;

    let (mut acknowledged, mut under_way) = (Vec::new(), 0);
    for number in 0..ROUNDS {
        let (answered, unanswered) = round(program, number).await;
        acknowledged.extend(answered);
        under_way += usize::from(unanswered > 0);
        program = Program::serve(&platform.tms, &data);
        let admin = program.at("company-x.localhost").with_token(&token).in_context("production");
        for (id, session) in &acknowledged[acknowledged.len().saturating_sub(400)..] {
            let stored = admin.get(&format!("/event/{id}")).await;
            assert_eq!(stored.status, 200, "round {number}: {id} was acknowledged");
            let event = &stored.body["event"];
            assert_eq!((&event["properties"]["id"], &event["session"]["id"]), (&json!(id), &json!(session)));
        }
    }
    assert!(under_way * 2 >= ROUNDS, "{under_way} of {ROUNDS} kills met requests under way");

    let admin = program.at("company-x.localhost").with_token(&token).in_context("production");
    let sessions: HashSet<&String> = acknowledged.iter().map(|(_, session)| session).collect();
    assert!(admin.count("session").await >= sessions.len() as u64);
    let before = admin.count("event").await;
    assert!(
        before >= (acknowledged.len() + sessions.len()) as u64,
        "the events, and those that opened the sessions"
    );
    for (id, session) in &acknowledged[..20] {
        assert_eq!(admin.track(&event(id, session)).await.status, 200);
    }
    assert_eq!(admin.count("event").await, before, "sent again with its id, an event is stored once");
    assert!(program.terminate().success());
    for file in platform.files_of("companyx") {
        let connection = rusqlite::Connection::open(&file).expect("the file");
        let whole: String =
            connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("an answer");
        assert_eq!(whole, "ok", "{}", file.display());
    }
}
