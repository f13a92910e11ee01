//! [`Gets`]: documents by their ids. Those that are asked for at the same time go together in one request.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::error::{StoreError, StoreErrorKind};
use crate::opensearch::failure::told_again;
use crate::opensearch::hosts::Hosts;
use crate::opensearch::queue::{Entry, Limits, busy, serve};
use crate::opensearch::request::Request;

/// How many requests are under way at once, and how many documents one asks for: few enough that their bodies fit in an answer.
const READERS: usize = 4;
const AT_ONCE: usize = 32;
/// How many documents may be waited for.
const WAITING: usize = 100_000;
/// How often, and how long, a document is waited for whose shard does not serve.
const LOOKS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(100);

/// The queue, and the tasks that empty it. They end with it.
#[derive(Debug)]
pub(super) struct Gets {
    entry: Entry<Job>,
}

/// The documents of one caller: each an object with `_index` and `_id`.
#[derive(Debug)]
struct Job {
    asked: Vec<Value>,
    answer: oneshot::Sender<Answers>,
}

/// The engine's answer for one document.
#[derive(Debug, Deserialize)]
pub(super) struct Gotten {
    #[serde(rename = "_index")]
    pub(super) index: String,
    /// What was stored, if it is there.
    #[serde(rename = "_source")]
    pub(super) source: Option<Box<RawValue>>,
    #[serde(rename = "_seq_no", default)]
    pub(super) number: u64,
    #[serde(rename = "_primary_term", default)]
    pub(super) term: u64,
    /// Why it cannot tell.
    pub(super) error: Option<Value>,
}

type Answers = Result<Vec<Gotten>, StoreError>;

impl Gets {
    /// In a tokio runtime.
    pub(super) fn start(hosts: &Arc<Hosts>) -> Self {
        let entry = Entry::new(Limits { waiting: WAITING, worth: AT_ONCE, at_once: AT_ONCE });
        let hosts = Arc::clone(hosts);
        serve(&entry.queue(), READERS, &move |jobs| answer(Arc::clone(&hosts), jobs));
        Self { entry }
    }

    /// The engine's answer for each of them, as it is, seen by searches or not. What is in a shard that does not serve at the
    /// moment, since it was just made or its node has died, is asked for again for a while.
    pub(super) async fn get(&self, asked: Vec<Value>) -> Answers {
        let (answer, answered) = oneshot::channel();
        self.entry.add(asked.len(), Job { asked, answer })?;
        answered.await.unwrap_or_else(|_| Err(busy("the store was closed")))
    }
}

async fn answer(hosts: Arc<Hosts>, jobs: Vec<Job>) {
    let asked = jobs.iter().flat_map(|job| &job.asked);
    let mut gotten = match ask(&hosts, asked).await {
        Ok(gotten) => gotten.into_iter(),
        Err(error) => return jobs.into_iter().for_each(|job| tell(job.answer, Err(told_again(&error)))),
    };
    for Job { asked, answer } in jobs {
        let answers: Vec<Gotten> = gotten.by_ref().take(asked.len()).collect();
        if is_whole(&answers) {
            tell(answer, Ok(answers));
        } else {
            // The others do not wait for it.
            tokio::spawn(again(Arc::clone(&hosts), asked, answer));
        }
    }
}

/// Nobody may wait any more.
fn tell(answer: oneshot::Sender<Answers>, answers: Answers) {
    let _ = answer.send(answers);
}

async fn again(hosts: Arc<Hosts>, asked: Vec<Value>, answer: oneshot::Sender<Answers>) {
    for _ in 1..LOOKS {
        sleep(PAUSE).await;
        match ask(&hosts, asked.iter()).await {
            Ok(answers) if !is_whole(&answers) => {}
            answers => return tell(answer, answers),
        }
    }
    tell(answer, ask(&hosts, asked.iter()).await);
}

/// Whether the shards of all of them have answered.
fn is_whole(answers: &[Gotten]) -> bool {
    let mut errors = answers.iter().filter_map(|answer| answer.error.as_ref());
    !errors.any(|error| error["type"] == "no_shard_available_action_exception")
}

async fn ask<'v>(hosts: &Hosts, asked: impl Iterator<Item = &'v Value>) -> Answers {
    #[derive(Deserialize)]
    struct Found {
        docs: Vec<Gotten>,
    }
    let asked: Vec<&Value> = asked.collect();
    let Found { docs } = hosts.ask(Request::read("_mget".to_owned(), &json!({"docs": asked}))).await?;
    if docs.len() == asked.len() {
        return Ok(docs);
    }
    Err(StoreError::new(StoreErrorKind::Backend, "the engine answered for other documents"))
}
