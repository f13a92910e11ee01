//! What the child writes: known beforehand, so that whoever looks at a disk knows what belongs on it.

use std::collections::BTreeMap;

use serde_json::json;
use storage::Body;

use crate::support::body;

pub(crate) const TENANTS: [&str; 6] = ["acme", "globex", "initech", "umbrella", "hooli", "stark"];
/// Installed and written to, and removed in the end.
pub(crate) const REMOVED: &str = "gone";
/// How many write to each tenant at once, each to documents of its own and all to one that they share.
pub(crate) const ACTORS: usize = 3;
pub(crate) const BATCHES: usize = 20;
/// After so many the process ends without closing anything, and another goes on.
pub(crate) const BATCHES_BEFORE_THE_KILL: usize = 11;
/// The document that all actors of a tenant count up, each time with a receipt in the same batch.
pub(crate) const SHARED: &str = "shared";
const KEYS: usize = 6;
/// One batch in so many counts up the shared document.
const COUNTING: usize = 4;

/// What happens to one document of the actor's.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    Put(Body),
    Create(Body),
    Replace(Body),
    Delete,
    Remove,
}

/// One that writes batch after batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Actor {
    pub(crate) tenant: &'static str,
    pub(crate) number: usize,
}

/// One batch of an actor, whose every part must be there or none.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    pub(crate) steps: Vec<(String, Step)>,
    pub(crate) event: (String, Body),
    /// The key of the receipt, where the shared document is counted up.
    pub(crate) receipt: Option<String>,
}

/// The documents of one actor.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct State {
    pub(crate) profiles: BTreeMap<String, Body>,
    pub(crate) events: BTreeMap<String, Body>,
}

impl Actor {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let of = |tenant| (0..ACTORS).map(move |number| Self { tenant, number });
        TENANTS.into_iter().flat_map(of)
    }

    /// What the keys of its documents begin with.
    pub(crate) fn prefix(self) -> String {
        format!("{}-", self.number)
    }

    /// The batch with this number, for documents that are in this state.
    pub(crate) fn batch(self, number: usize, state: &State) -> Planned {
        let seed = self.tenant.bytes().chain([self.number as u8, number as u8]);
        let mut random = fastrand::Rng::with_seed(seed.fold(7, |seed, byte| seed * 131 + u64::from(byte)));
        let mut keys: Vec<usize> = (0..KEYS).collect();
        random.shuffle(&mut keys);
        keys.truncate(random.usize(1..=3));
        let steps = keys.into_iter().map(|key| {
            let key = format!("{}d{key}", self.prefix());
            let step = step(&mut random, number, state.profiles.contains_key(&key));
            (key, step)
        });
        let steps = steps.collect();
        let event = body(json!({"time": "2026-01-01T00:00:00Z", "n": number}));
        let receipt = (number % COUNTING == COUNTING - 1).then(|| format!("{}r{number}", self.prefix()));
        Planned { steps, event: (format!("{}e{number}", self.prefix()), event), receipt }
    }

    /// How its documents are before each batch, and after the last one.
    pub(crate) fn states(self) -> Vec<State> {
        let mut states = vec![State::default()];
        for number in 0..BATCHES {
            let mut next = states[number].clone();
            next.apply(&self.batch(number, &states[number]));
            states.push(next);
        }
        states
    }
}

fn step(random: &mut fastrand::Rng, number: usize, exists: bool) -> Step {
    // Some are longer than a page, so that a torn write tears a document.
    let length = if random.u8(..) < 16 { 6000 } else { random.usize(10..300) };
    let body = body(json!({"n": number, "text": "x".repeat(length)}));
    match (exists, random.u8(..4)) {
        (true, 0) => Step::Delete,
        (true, 1) => Step::Remove,
        (true, 2) => Step::Replace(body),
        (false, 0 | 1) => Step::Create(body),
        _ => Step::Put(body),
    }
}

impl State {
    pub(crate) fn apply(&mut self, planned: &Planned) {
        for (key, step) in &planned.steps {
            match step {
                Step::Put(body) | Step::Create(body) | Step::Replace(body) => {
                    self.profiles.insert(key.clone(), body.clone());
                }
                Step::Delete | Step::Remove => {
                    self.profiles.remove(key);
                }
            }
        }
        if let Some(receipt) = &planned.receipt {
            self.profiles.insert(receipt.clone(), Body::new());
        }
        self.events.insert(planned.event.0.clone(), planned.event.1.clone());
    }
}
