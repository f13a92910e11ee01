//! [`Lane`]: what waits to be written goes together in the next request.

use std::sync::Arc;
use std::time::Duration;

use opensearch::http::Method;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::error::{StoreError, StoreErrorKind};
use crate::opensearch::config::OpenSearchConfig;
use crate::opensearch::failure::{Cause, Refused, told_again, unwritable};
use crate::opensearch::home::Space;
use crate::opensearch::hosts::Hosts;
use crate::opensearch::queue::{Entry, Limits, busy, serve};
use crate::opensearch::request::Request;
use crate::opensearch::stored::State;

/// For so many bytes one more request is begun beside those that are under way.
const WORTH: usize = 128 << 10;
/// How often what the engine was too busy for is sent again.
const ATTEMPTS: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// About how many bytes of an operation are neither its id nor its document.
const HEAD_ROOM: usize = 256;

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
    entry: Entry<Job>,
}

/// Operations of one caller, in order.
#[derive(Debug)]
struct Job {
    operations: Vec<Operation>,
    answer: oneshot::Sender<Result<Outcomes, StoreError>>,
}

impl Lane {
    /// In a tokio runtime.
    pub(super) fn start(hosts: &Arc<Hosts>, config: &OpenSearchConfig) -> Self {
        let limits = Limits {
            waiting: config.queued_bytes.get(),
            worth: WORTH.min(config.bulk_bytes.get()),
            at_once: config.bulk_bytes.get(),
        };
        let entry = Entry::new(limits);
        let hosts = Arc::clone(hosts);
        serve(&entry.queue(), config.writers.get(), &move |jobs| carry_out(Arc::clone(&hosts), jobs));
        Self { entry }
    }

    /// Carries operations out, in order where they are of one document. What was begun goes on without its caller.
    pub(super) async fn write(&self, operations: Vec<Operation>) -> Result<Outcomes, StoreError> {
        let bytes = operations.iter().map(Operation::size).sum();
        let (answer, answered) = oneshot::channel();
        self.entry.add(bytes, Job { operations, answer })?;
        answered.await.unwrap_or_else(|_| Err(busy("the store was closed")))
    }
}

/// What `_bulk` takes of an operation before the document.
#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Head<'o> {
    Create(Spot<'o>),
    Index(Spot<'o>),
    Delete(Spot<'o>),
}

/// Where a document is, and in what state it must be.
#[derive(Debug, Serialize)]
struct Spot<'o> {
    #[serde(rename = "_index")]
    index: &'o str,
    #[serde(rename = "_id")]
    id: &'o str,
    #[serde(skip_serializing_if = "Option::is_none")]
    routing: Option<&'o Space>,
    /// An alias that is gone is not made anew as an index without its mapping.
    #[serde(skip_serializing_if = "Option::is_none")]
    require_alias: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    if_primary_term: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    if_seq_no: Option<u64>,
}

impl Operation {
    /// About how many bytes it is in a request.
    fn size(&self) -> usize {
        self.document().map_or(0, Vec::len) + self.id.len() + HEAD_ROOM
    }

    fn document(&self) -> Option<&Vec<u8>> {
        match &self.action {
            Action::Create(document) | Action::Put(document) => Some(document),
            Action::Delete => None,
        }
    }

    fn head(&self) -> Head<'_> {
        let (index, routing) = match &self.target {
            Target::Shared(alias, space) => (alias, Some(space)),
            Target::Own(index) => (index, None),
        };
        let spot = Spot {
            index,
            id: &self.id,
            routing,
            require_alias: routing.map(|_| true),
            if_primary_term: self.unchanged.map(|state| state.term),
            if_seq_no: self.unchanged.map(|state| state.number),
        };
        match self.action {
            Action::Create(_) => Head::Create(spot),
            Action::Put(_) => Head::Index(spot),
            Action::Delete => Head::Delete(spot),
        }
    }

    fn write_lines(&self, lines: &mut Vec<u8>) -> Result<(), StoreError> {
        serde_json::to_writer(&mut *lines, &self.head()).map_err(unwritable)?;
        lines.push(b'\n');
        if let Some(document) = self.document() {
            lines.extend_from_slice(document);
            lines.push(b'\n');
        }
        Ok(())
    }
}

async fn carry_out(hosts: Arc<Hosts>, jobs: Vec<Job>) {
    let operations: Vec<&Operation> = jobs.iter().flat_map(|job| &job.operations).collect();
    let outcomes = bulk(&hosts, &operations).await;
    // Nobody may wait any more for an answer.
    match outcomes {
        Ok(outcomes) => {
            let mut outcomes = outcomes.into_iter();
            for job in jobs {
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

#[derive(Deserialize)]
struct Answer {
    items: Vec<Item>,
}

/// What became of an operation, below its name.
#[derive(Deserialize)]
enum Item {
    #[serde(rename = "create", alias = "index", alias = "delete")]
    Of(Answered),
}

#[derive(Deserialize)]
struct Answered {
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
async fn bulk(hosts: &Hosts, operations: &[&Operation]) -> Result<Outcomes, StoreError> {
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
    operations: impl ExactSizeIterator<Item = &'o Operation> + Clone,
) -> Result<Outcomes, StoreError> {
    let count = operations.len();
    let mut lines = Vec::with_capacity(operations.clone().map(Operation::size).sum());
    for operation in operations {
        operation.write_lines(&mut lines)?;
    }
    let request = Request {
        method: Method::Post,
        path: "_bulk".to_owned(),
        query: &[("timeout", "10s")],
        routing: None,
        body: Some(lines.into()),
        is_bulk: true,
        is_read: false,
    };
    let answer: Answer = hosts.ask(request).await?;
    let outcomes: Outcomes = answer.items.into_iter().map(|Item::Of(answered)| outcome(answered)).collect();
    if outcomes.len() != count {
        let message = format!("the engine answered {} operations of {count}", outcomes.len());
        return Err(StoreError::new(StoreErrorKind::Backend, message));
    }
    Ok(outcomes)
}

fn outcome(answered: Answered) -> Result<Outcome, Refused> {
    match answered.error {
        Some(cause) => Err(Refused { status: answered.status, cause, retry_after: None }),
        None => Ok(Outcome {
            state: State { term: answered.term, number: answered.number },
            result: answered.result,
        }),
    }
}
