//! Sixty-four clients of the collector, who know what was acknowledged to them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::{Answer, Api};

const CLIENTS: usize = 64;
/// One client in so many sends into a session that all such clients share, over all rounds.
const SHARING: usize = 8;
/// The others open a new session of their own with every so-manieth request.
const VISIT: usize = 3;

/// One request with one event.
#[derive(Debug, Clone)]
pub(crate) struct Hit {
    pub(crate) event: String,
    pub(crate) session: String,
    pub(crate) properties: Value,
}

impl Hit {
    fn new(round: usize, client: usize, number: usize) -> Self {
        let session = if client.is_multiple_of(SHARING) {
            "shared".to_owned()
        } else {
            format!("r{round}-c{client}-s{}", number / VISIT)
        };
        // Some bodies are longer than a page of the file, so that a torn write would tear an event.
        let text = "x".repeat(if number.is_multiple_of(4) { 6000 } else { 200 });
        Self {
            event: format!("r{round}-c{client}-e{number}"),
            session,
            properties: json!({ "round": round, "client": client, "number": number, "text": text }),
        }
    }

    pub(crate) fn payload(&self) -> Value {
        json!({
            "source": { "id": "web" }, "session": { "id": self.session },
            "events": [{ "id": self.event, "type": "page-view", "properties": self.properties }],
        })
    }

    /// The event is there with all that belongs to it: what was sent, the session, the profile.
    pub(crate) async fn assert_stored(&self, admin: &Api) {
        let found = admin.get(&format!("/event/{}", self.event)).await;
        assert_eq!(found.status, 200, "lost: {self:?}");
        self.assert_whole(&found, admin).await;
    }

    /// The event is there with all that belongs to it, or not at all.
    pub(crate) async fn assert_not_half_stored(&self, admin: &Api) {
        let found = admin.get(&format!("/event/{}", self.event)).await;
        if found.status != 404 {
            self.assert_whole(&found, admin).await;
        }
    }

    async fn assert_whole(&self, found: &Answer, admin: &Api) {
        let event = &found.body["event"];
        assert_eq!((&event["id"], &event["type"]), (&json!(self.event), &json!("page-view")));
        assert_eq!(event["properties"], self.properties);
        assert_eq!(event["session"]["id"], json!(self.session));
        let session = admin.get(&format!("/session/{}", self.session)).await.ok();
        let profile = &session["profile"]["id"];
        assert_eq!(&event["profile"]["id"], profile, "{}", self.event);
        admin.get(&format!("/profile/{}", profile.as_str().expect("a profile"))).await.ok();
    }
}

/// What became of the requests of one round.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) acknowledged: Vec<Hit>,
    /// Sent, and the connection ended without an answer.
    pub(crate) cut_off: Vec<Hit>,
    /// Nobody accepted the connection.
    pub(crate) not_sent: usize,
}

/// The clients while they send.
pub(crate) struct Crowd {
    clients: JoinSet<Outcome>,
    in_flight: Arc<AtomicUsize>,
    answered: Arc<AtomicUsize>,
}

impl Crowd {
    /// Each client sends one request after the other on a connection of its own, until nobody answers.
    pub(crate) fn start(api: &Api, round: usize) -> Self {
        let (in_flight, answered) = <(Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
        let mut clients = JoinSet::new();
        for client in 0..CLIENTS {
            clients.spawn(send(api.clone(), round, client, Arc::clone(&in_flight), Arc::clone(&answered)));
        }
        Self { clients, in_flight, answered }
    }

    /// How many requests wait for their answer at this moment.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::SeqCst)
    }

    pub(crate) fn answered(&self) -> usize {
        self.answered.load(Ordering::SeqCst)
    }

    /// What became of all requests, once every client has found that nobody answers.
    pub(crate) async fn outcome(self) -> Outcome {
        let mut all = Outcome::default();
        for one in self.clients.join_all().await {
            all.acknowledged.extend(one.acknowledged);
            all.cut_off.extend(one.cut_off);
            all.not_sent += one.not_sent;
        }
        all
    }
}

async fn send(
    api: Api,
    round: usize,
    client: usize,
    in_flight: Arc<AtomicUsize>,
    answered: Arc<AtomicUsize>,
) -> Outcome {
    let mut outcome = Outcome::default();
    for number in 0.. {
        let hit = Hit::new(round, client, number);
        let request = api.public(Method::POST, "/track").json(&hit.payload());
        in_flight.fetch_add(1, Ordering::SeqCst);
        let answer = api.try_send(request).await;
        in_flight.fetch_sub(1, Ordering::SeqCst);
        match answer {
            Ok(answer) => {
                assert_eq!(answer.status, 200, "{answer:?}");
                assert_eq!(answer.body["session"]["id"], json!(hit.session));
                answered.fetch_add(1, Ordering::SeqCst);
                outcome.acknowledged.push(hit);
            }
            Err(fault) if fault.is_connect() => {
                outcome.not_sent += 1;
                break;
            }
            Err(_) => {
                outcome.cut_off.push(hit);
                break;
            }
        }
    }
    outcome
}
