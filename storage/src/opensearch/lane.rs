//! [`Lane`]: what waits to be written goes together in the next request.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use opensearch::http::Method;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::{Notify, oneshot};
use tokio::time::sleep;

use crate::error::{StoreError, StoreErrorKind};
use crate::opensearch::config::OpenSearchConfig;
use crate::opensearch::failure::{Cause, RETRY_AFTER, Refused, told_again};
use crate::opensearch::home::Space;
use crate::opensearch::hosts::Hosts;
use crate::opensearch::request::Request;
use crate::opensearch::stored::State;

/// How often what the engine was too busy for is sent again.
const ATTEMPTS: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// One change of one document, as the engine takes it.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) target: Target,
    pub(super) id: String,
    pub(super) action: Action,
    /// The state that it must be in.
    pub(super) unchanged: Option<State>,
}

/// Where a document is written.
#[derive(Debug, Clone)]
pub(super) enum Target {
    /// An alias of the one index of all tenants, and the space that leads to the shard.
    Shared(String, Space),
    /// One index of a tenant's own.
    Own(String),
}

#[derive(Debug)]
pub(super) enum Action {
    Create(Vec<u8>),
    Put(Vec<u8>),
    Delete,
}

/// What became of an operation.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) state: State,
    /// `created`, `updated`, `deleted` or `not_found`.
    pub(super) result: String,
}

type Outcomes = Vec<Result<Outcome, Refused>>;

/// The queue, and the tasks that empty it. They end with it.
#[derive(Debug)]
pub(super) struct Lane {
    queue: Arc<Queue>,
}

#[derive(Debug)]
struct Queue {
    waiting: Mutex<Waiting>,
    arrived: Notify,
    queued_bytes: usize,
    bulk_bytes: usize,
}

#[derive(Debug, Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    bytes: usize,
    is_closed: bool,
}

/// Operations of one caller, in order.
#[derive(Debug)]
struct Job {
    operations: Vec<Lines>,
    bytes: usize,
    answer: oneshot::Sender<Result<Outcomes, StoreError>>,
}

/// What `_bulk` takes of one operation.
type Lines = Vec<u8>;

impl Drop for Lane {
    fn drop(&mut self) {
        self.queue.waiting().is_closed = true;
        self.queue.arrived.notify_waiters();
    }
}

impl Lane {
    /// In a tokio runtime.
    pub(super) fn start(hosts: &Arc<Hosts>, config: &OpenSearchConfig) -> Self {
        let queue = Arc::new(Queue {
            waiting: Mutex::default(),
            arrived: Notify::new(),
            queued_bytes: config.queued_bytes.get(),
            bulk_bytes: config.bulk_bytes.get(),
        });
        for _ in 0..config.writers.get() {
            tokio::spawn(work(Arc::clone(hosts), Arc::clone(&queue)));
        }
        Self { queue }
    }

    /// Carries operations out, in order where they are of one document. What was begun goes on without its caller.
    pub(super) async fn write(&self, operations: &[Operation]) -> Result<Outcomes, StoreError> {
        let operations: Vec<Lines> = operations.iter().map(Operation::lines).collect();
        let bytes = operations.iter().map(Vec::len).sum();
        let (answer, answered) = oneshot::channel();
        self.queue.add(Job { operations, bytes, answer })?;
        answered.await.unwrap_or_else(|_| Err(busy("the store was closed")))
    }
}

fn busy(message: &str) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable { retry_after: RETRY_AFTER }, message)
}

impl Queue {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, job: Job) -> Result<(), StoreError> {
        let mut waiting = self.waiting();
        if waiting.bytes > 0 && waiting.bytes + job.bytes > self.queued_bytes {
            return Err(busy("too much waits to be written"));
        }
        waiting.bytes += job.bytes;
        waiting.jobs.push_back(job);
        drop(waiting);
        self.arrived.notify_one();
        Ok(())
    }

    /// All that waits, up to a size; `None` once the queue is closed and empty.
    async fn take(&self) -> Option<Vec<Job>> {
        loop {
            let arrived = self.arrived.notified();
            tokio::pin!(arrived);
            arrived.as_mut().enable();
            {
                let mut waiting = self.waiting();
                let mut bytes = 0;
                let mut taken = Vec::new();
                while let Some(job) =
                    waiting.jobs.pop_front_if(|job| bytes == 0 || bytes + job.bytes <= self.bulk_bytes)
                {
                    bytes += job.bytes;
                    taken.push(job);
                }
                waiting.bytes -= bytes;
                if !waiting.jobs.is_empty() {
                    self.arrived.notify_one();
                }
                if !taken.is_empty() {
                    return Some(taken);
                }
                if waiting.is_closed {
                    return None;
                }
            }
            arrived.await;
        }
    }
}

impl Operation {
    fn lines(&self) -> Lines {
        let mut target = match &self.target {
            // Reached by an alias: one that is gone is not made anew without its mapping.
            Target::Shared(alias, space) => {
                json!({"_index": alias, "_id": self.id, "routing": space, "require_alias": true})
            }
            Target::Own(index) => json!({"_index": index, "_id": self.id}),
        };
        if let Some(State { term, number }) = self.unchanged {
            target["if_primary_term"] = term.into();
            target["if_seq_no"] = number.into();
        }
        let (name, document) = match &self.action {
            Action::Create(document) => ("create", Some(document)),
            Action::Put(document) => ("index", Some(document)),
            Action::Delete => ("delete", None),
        };
        let mut lines = json!({name: target}).to_string().into_bytes();
        lines.push(b'\n');
        if let Some(document) = document {
            lines.extend_from_slice(document);
            lines.push(b'\n');
        }
        lines
    }
}

async fn work(hosts: Arc<Hosts>, queue: Arc<Queue>) {
    while let Some(jobs) = queue.take().await {
        let operations: Vec<&Lines> = jobs.iter().flat_map(|job| &job.operations).collect();
        let outcomes = bulk(&hosts, &operations).await;
        match outcomes {
            Ok(outcomes) => {
                let mut outcomes = outcomes.into_iter();
                for job in jobs {
                    // Nobody may wait any more.
                    let _ = job.answer.send(Ok(outcomes.by_ref().take(job.operations.len()).collect()));
                }
            }
            Err(error) => {
                for job in jobs {
                    let _ = job.answer.send(Err(told_again(&error)));
                }
            }
        }
    }
}

#[derive(Deserialize)]
struct Answer {
    items: Vec<std::collections::HashMap<String, Item>>,
}

#[derive(Deserialize)]
struct Item {
    status: u16,
    #[serde(default)]
    result: String,
    #[serde(rename = "_seq_no", default)]
    number: u64,
    #[serde(rename = "_primary_term", default)]
    term: u64,
    error: Option<Cause>,
}

/// The outcome of each operation. What the engine was too busy for is sent again a few times: it does so to all that a
/// request brings for one shard, so that the order within one document stays.
async fn bulk(hosts: &Hosts, operations: &[&Lines]) -> Result<Outcomes, StoreError> {
    let mut outcomes = send(hosts, operations.iter().copied()).await?;
    for attempt in 1..ATTEMPTS {
        let is_busy = |outcome: &Result<_, Refused>| outcome.as_ref().is_err_and(Refused::is_busy);
        let busy: Vec<usize> = (0..outcomes.len()).filter(|at| is_busy(&outcomes[*at])).collect();
        if busy.is_empty() {
            break;
        }
        sleep((FIRST_PAUSE * 2u32.pow(attempt - 1)).mul_f64(0.5 + fastrand::f64())).await;
        // What others brought is done; if this fails, it is as it was.
        let Ok(again) = send(hosts, busy.iter().map(|at| operations[*at])).await else { break };
        busy.into_iter().zip(again).for_each(|(at, outcome)| outcomes[at] = outcome);
    }
    Ok(outcomes)
}

async fn send<'o>(
    hosts: &Hosts,
    operations: impl ExactSizeIterator<Item = &'o Lines>,
) -> Result<Outcomes, StoreError> {
    let count = operations.len();
    let request = Request {
        method: Method::Post,
        path: "_bulk".to_owned(),
        query: &[("timeout", "10s")],
        routing: None,
        body: Some(operations.flat_map(|lines| lines.iter().copied()).collect()),
        is_bulk: true,
        is_read: false,
    };
    let answer: Answer = hosts.ask(request).await?;
    let outcomes: Outcomes =
        answer.items.into_iter().filter_map(|item| item.into_values().next()).map(outcome).collect();
    if outcomes.len() != count {
        let message = format!("the engine answered {} operations of {count}", outcomes.len());
        return Err(StoreError::new(StoreErrorKind::Backend, message));
    }
    Ok(outcomes)
}

fn outcome(item: Item) -> Result<Outcome, Refused> {
    match item.error {
        Some(cause) => Err(Refused { status: item.status, cause, retry_after: None }),
        None => Ok(Outcome { state: State { term: item.term, number: item.number }, result: item.result }),
    }
}
