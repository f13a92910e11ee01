//! `kill -9` under sixty-four connections: what was acknowledged is there afterwards, and nothing is there by half.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream;
use serde_json::{Value, json};
use tenant_core::Context;

use crate::crowd::{Crowd, Hit};
use crate::site::{HOST, Site};
use crate::support::{Api, EMAIL, PASSWORD, eventually};

const ROUNDS: usize = 10;
/// After so much of the rounds no new one begins: a slow disk shall not make the test endless.
const TIME: Duration = Duration::from_secs(40);
const AT_ONCE: usize = 16;

/// Everything that was sent, over all rounds.
#[derive(Default)]
struct Sent {
    acknowledged: Vec<Hit>,
    cut_off: Vec<Hit>,
}

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledged_event_outlives_kill_9() {
    let seed = std::env::var("CRASH_SEED")
        .ok()
        .map_or_else(|| fastrand::u64(..), |seed| seed.parse().expect("CRASH_SEED is a number"));
    println!("CRASH_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let site = Site::start().await;
    let mut program = site.serve();
    site.install(&program).await;

    let began = Instant::now();
    let mut sent = Sent::default();
    let mut rounds = 0;
    while rounds < ROUNDS && began.elapsed() < TIME {
        rounds += 1;
        let crowd = Crowd::start(&program.at(HOST), rounds);
        eventually("the first answers", async || crowd.answered() > 0).await;
        tokio::time::sleep(Duration::from_millis(random.u64(0..300))).await;
        let in_flight = crowd.in_flight();
        program.kill();
        let outcome = crowd.outcome().await;
        assert!(in_flight > 0 && !outcome.cut_off.is_empty(), "nobody was in the middle of anything");
        println!(
            "round {rounds}: {} acknowledged, {in_flight} in flight, {} cut off, {} not sent",
            outcome.acknowledged.len(),
            outcome.cut_off.len(),
            outcome.not_sent
        );
        site.assert_whole();
        program = site.serve();
        let admin = admin(&program.at(HOST)).await;
        each(&outcome.acknowledged, async |hit| hit.assert_stored(&admin).await).await;
        each(&outcome.cut_off, async |hit| hit.assert_not_half_stored(&admin).await).await;
        sent.acknowledged.extend(outcome.acknowledged);
        sent.cut_off.extend(outcome.cut_off);
    }
    assert!(rounds >= 3, "only {rounds} rounds in {TIME:?}");
    send_again(&admin(&program.at(HOST)).await, &sent).await;

    assert!(program.terminate().success());
    site.assert_whole();
    assert_consistent(&site, &sent).await;
}

async fn admin(visitor: &Api) -> Api {
    visitor.clone().log_in(EMAIL, PASSWORD).await.in_context("production")
}

async fn each(hits: &[Hit], ask: impl AsyncFn(&Hit)) {
    stream::iter(hits).for_each_concurrent(AT_ONCE, |hit| ask(hit)).await;
}

/// What a client does that got no answer: it sends the same again. Whether the first time had come through or not, the
/// event is stored once.
async fn send_again(admin: &Api, sent: &Sent) {
    let before = admin.count("event").await;
    let again = &sent.acknowledged[sent.acknowledged.len().saturating_sub(100)..];
    each(again, async |hit| drop(admin.track(&hit.payload()).await.ok())).await;
    assert_eq!(admin.count("event").await, before, "an acknowledged event was stored twice");

    each(&sent.cut_off, async |hit| drop(admin.track(&hit.payload()).await.ok())).await;
    each(&sent.cut_off, async |hit| hit.assert_stored(admin).await).await;
    let after = admin.count("event").await;
    each(&sent.cut_off, async |hit| drop(admin.track(&hit.payload()).await.ok())).await;
    assert_eq!(admin.count("event").await, after, "an event was stored twice");
}

/// All that is stored, read whole: the sent events with what was sent, and for each session and profile what the
/// platform adds, once.
async fn assert_consistent(site: &Site, sent: &Sent) {
    let events = site.documents(Context::Production, "event").await;
    let ids = |documents: Vec<storage::Document>| -> BTreeSet<String> {
        documents.into_iter().map(|document| document.id.to_string()).collect()
    };
    let sessions = ids(site.documents(Context::Production, "session").await);
    let profiles = ids(site.documents(Context::Production, "profile").await);

    let mut of_clients: BTreeMap<String, Value> = BTreeMap::new();
    let mut added: BTreeMap<(String, String), usize> = BTreeMap::new();
    for event in events {
        let text = |of: &Value| of.as_str().expect("a text").to_owned();
        let (session, profile) = (text(&event.body["session"]["id"]), text(&event.body["profile"]["id"]));
        assert!(sessions.contains(&session) && profiles.contains(&profile), "{event:?}");
        assert_eq!(event.body["id"], json!(event.id.as_str()));
        match text(&event.body["type"]) {
            sent if sent == "page-view" => {
                of_clients.insert(event.id.to_string(), event.body["properties"].clone());
            }
            kind if kind == "profile-created" => *added.entry((kind, profile)).or_default() += 1,
            kind => *added.entry((kind, session)).or_default() += 1,
        }
    }
    let expected: BTreeMap<String, Value> = sent
        .acknowledged
        .iter()
        .chain(&sent.cut_off)
        .map(|hit| (hit.event.clone(), hit.properties.clone()))
        .collect();
    assert!(of_clients == expected, "{} events are stored, {} were sent", of_clients.len(), expected.len());
    let with = |kind: &'static str, of: &BTreeSet<String>| -> BTreeMap<(String, String), usize> {
        of.iter().map(|id| ((kind.to_owned(), id.clone()), 1)).collect()
    };
    let mut once = with("session-opened", &sessions);
    once.extend(with("visit-started", &sessions));
    once.extend(with("profile-created", &profiles));
    assert!(added == once, "{} events were added, {} belong here", added.len(), once.len());
}
