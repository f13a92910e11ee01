//! Many writers at once: no change is lost, and none appears in another namespace.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use serde_json::json;
use tenant_core::Context;

use super::{During, Failure, OTHER, THING, body, equal, failed, id, tenant};
use crate::document::{Batch, Version};
use crate::lifecycle;
use crate::namespace::NamespacedStore;
use crate::query::Filter;
use crate::store::Store;

const WRITERS: u64 = 6;
const INCREMENTS: u64 = 15;

/// More attempts than a counter with so many writers can take: whenever one fails, another has succeeded.
const MOST_ATTEMPTS: u64 = 100 * WRITERS * INCREMENTS;

/// The whole suite. What it does at once it does in the task that calls it: a backend that does not wait inside its calls
/// sees each of them whole, one after the other. Call it from several tasks to have those run in parallel too.
///
/// # Errors
/// The first failure.
pub async fn all(store: &Arc<dyn Store>) -> Result<(), Failure> {
    counters(store).await?;
    races(store).await
}

/// Two tenants, both contexts of each: the spaces that must not hear of each other.
async fn spaces(store: &Arc<dyn Store>, step: &str) -> Result<Vec<NamespacedStore>, Failure> {
    let mut spaces = Vec::new();
    for name in ["acme", "acme2"] {
        let tenant = tenant(name, step)?;
        lifecycle::install(store, tenant.id(), tenant.incarnation()).await.during(step)?;
        spaces.extend(Context::ALL.map(|context| NamespacedStore::new(Arc::clone(store), &tenant, context)));
    }
    Ok(spaces)
}

/// Writers of every namespace at once add to a counter of the same id by compare-and-set, each namespace in steps of its
/// own. Each increment leaves a receipt in the same batch.
///
/// # Errors
/// The first failure.
pub async fn counters(store: &Arc<dyn Store>) -> Result<(), Failure> {
    let step = "counting by many writers at once";
    let spaces = spaces(store, step).await?;
    let mut tasks = Vec::new();
    for (data, by) in spaces.iter().zip([1, 1000, 1_000_000, 1_000_000_000]) {
        for writer in 0..WRITERS {
            tasks.push(boxed(count_up(data.clone(), writer, by)));
        }
    }
    together(tasks).await?;
    for (data, by) in spaces.iter().zip([1, 1000, 1_000_000, 1_000_000_000]) {
        let counter = data.get(THING, &id("counter")).await.during(step)?;
        let rank = counter.and_then(|counter| counter.body["rank"].as_u64());
        equal(&format!("the counter of {data:?}"), &rank, &Some(by * WRITERS * INCREMENTS))?;
        data.refresh().await.during("refreshing")?;
        let receipts = data.count(OTHER, &Filter::equals("by", i64::try_from(by).unwrap_or(0))).await;
        equal("the increments that left a receipt", &receipts.during(step)?, &(WRITERS * INCREMENTS))?;
        let all = data.count(OTHER, &Filter::All).await.during(step)?;
        equal("all receipts of a namespace", &all, &(WRITERS * INCREMENTS))?;
    }
    Ok(())
}

async fn count_up(data: NamespacedStore, writer: u64, by: u64) -> Result<(), Failure> {
    let step = "adding to a counter that others add to";
    let (mut done, mut attempts) = (0, 0);
    while done < INCREMENTS {
        attempts += 1;
        if attempts > MOST_ATTEMPTS {
            return Err(failed(step, format!("{attempts} attempts, and no change held")));
        }
        let read = data.get(THING, &id("counter")).await.during(step)?;
        // The others read the same now.
        pause().await;
        let mut batch = Batch::default();
        match read {
            None => batch.create(THING, id("counter"), body(json!({"rank": by}))),
            Some(counter) => {
                let rank = counter.body["rank"].as_u64().unwrap_or(0) + by;
                batch.replace(THING, id("counter"), body(json!({"rank": rank})), counter.version);
            }
        }
        batch.put(OTHER, id(&format!("{writer}-{done}")), body(json!({"by": by})));
        match data.write(batch).await {
            Ok(_) => done += 1,
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(error).during(step),
        }
    }
    Ok(())
}

/// Of many that create one id, or replace one version, exactly one succeeds.
///
/// # Errors
/// The first failure.
pub async fn races(store: &Arc<dyn Store>) -> Result<(), Failure> {
    let step = "racing for a document";
    let spaces = spaces(store, step).await?;
    let mut before: Vec<Option<Version>> = vec![None; spaces.len()];
    for round in 0..10 {
        let mut tasks = Vec::new();
        for (data, read) in spaces.iter().zip(&before) {
            for writer in 0..WRITERS {
                tasks.push(boxed(race(data.clone(), *read, round * WRITERS + writer)));
            }
        }
        together(tasks).await?;
        for (data, before) in spaces.iter().zip(&mut before) {
            let won = data.get(THING, &id("prize")).await.during(step)?;
            let won = won.ok_or_else(|| failed(step, "nobody won"))?;
            data.refresh().await.during("refreshing")?;
            let winners = data.count(OTHER, &Filter::All).await.during(step)?;
            equal(&format!("winners of {data:?} after some rounds"), &winners, &(round + 1))?;
            *before = Some(won.version);
        }
    }
    Ok(())
}

async fn race(data: NamespacedStore, read: Option<Version>, rank: u64) -> Result<(), Failure> {
    let mut batch = Batch::default();
    let prize = body(json!({"rank": rank}));
    match read {
        None => batch.create(THING, id("prize"), prize),
        Some(read) => batch.replace(THING, id("prize"), prize, read),
    }
    batch.put(OTHER, id(&format!("winner-{rank}")), body(json!({})));
    match data.write(batch).await {
        Err(error) if !error.is_conflict() => Err(error).during("racing for a document"),
        _ => Ok(()),
    }
}

type Task = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>>;

fn boxed(task: impl Future<Output = Result<(), Failure>> + Send + 'static) -> Task {
    Box::pin(task)
}

/// Runs all of them at once; the first failure, once none of them runs any more.
async fn together(mut tasks: Vec<Task>) -> Result<(), Failure> {
    let mut outcome = Ok(());
    poll_fn(move |context| {
        tasks.retain_mut(|task| match task.as_mut().poll(context) {
            Poll::Pending => true,
            Poll::Ready(ended) => {
                if outcome.is_ok() {
                    outcome = ended;
                }
                false
            }
        });
        if tasks.is_empty() { Poll::Ready(std::mem::replace(&mut outcome, Ok(()))) } else { Poll::Pending }
    })
    .await
}

/// Lets the others go on once.
async fn pause() {
    let mut paused = false;
    poll_fn(|context| {
        if std::mem::replace(&mut paused, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
