//! [`Lane`]: what waits to be written goes together in the next request.

use std::sync::Arc;
use std::time::Duration;

use opensearch::http::Method;
use serde::Deserialize;
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::error::{StoreError, StoreErrorKind};
use crate::opensearch::config::OpenSearchConfig;
use crate::opensearch::failure::{Cause, Refused, told_again};
use crate::opensearch::hosts::Hosts;
use crate::opensearch::operations::Operations;
use crate::opensearch::queue::{Entry, Limits, busy, serve};
use crate::opensearch::request::Request;
use crate::opensearch::stored::State;

/// For so many bytes one more request is begun beside those that are under way.
const WORTH: usize = 128 << 10;
/// How often what the engine was too busy for is sent again.
const ATTEMPTS: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(100);

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
    operations: Operations,
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
    pub(super) async fn write(&self, operations: Operations) -> Result<Outcomes, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.entry.add(operations.size(), Job { operations, answer })?;
        answered.await.unwrap_or_else(|_| Err(busy("the store was closed")))
    }
}

async fn carry_out(hosts: Arc<Hosts>, jobs: Vec<Job>) {
    let operations: Vec<&[u8]> = jobs.iter().flat_map(|job| job.operations.each()).collect();
    let outcomes = bulk(&hosts, &operations).await;
    // Nobody may wait any more for an answer.
    match outcomes {
        Ok(outcomes) => {
            let mut outcomes = outcomes.into_iter();
            for job in jobs {
                let _ = job.answer.send(Ok(outcomes.by_ref().take(job.operations.count()).collect()));
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
async fn bulk(hosts: &Hosts, operations: &[&[u8]]) -> Result<Outcomes, StoreError> {
    let mut outcomes = send(hosts, operations).await?;
    for attempt in 1..ATTEMPTS {
        let is_busy = |outcome: &Result<_, Refused>| outcome.as_ref().is_err_and(Refused::is_busy);
        let busy: Vec<usize> = (0..outcomes.len()).filter(|at| is_busy(&outcomes[*at])).collect();
        if busy.is_empty() {
            break;
        }
        sleep((FIRST_PAUSE * 2u32.pow(attempt - 1)).mul_f64(0.5 + fastrand::f64())).await;
        // What others brought is done; if this fails, it is as it was.
        let left: Vec<&[u8]> = busy.iter().map(|at| operations[*at]).collect();
        let Ok(again) = send(hosts, &left).await else { break };
        busy.into_iter().zip(again).for_each(|(at, outcome)| outcomes[at] = outcome);
    }
    Ok(outcomes)
}

async fn send(hosts: &Hosts, operations: &[&[u8]]) -> Result<Outcomes, StoreError> {
    let request = Request {
        method: Method::Post,
        path: "_bulk".to_owned(),
        query: &[("timeout", "10s")],
        routing: None,
        body: Some(operations.concat().into()),
        is_bulk: true,
        is_read: false,
    };
    let answer: Answer = hosts.ask(request).await?;
    let outcomes: Outcomes = answer.items.into_iter().map(|Item::Of(answered)| outcome(answered)).collect();
    if outcomes.len() != operations.len() {
        let message = format!("the engine answered {} operations of {}", outcomes.len(), operations.len());
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
