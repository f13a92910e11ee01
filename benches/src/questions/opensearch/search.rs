//! A search through a store, and the same question sent to the engine directly, one at a time.
//!
//! The question is recorded by a proxy, so it is the same to the letter; the minimal client reads the answer as JSON, since
//! somebody wants to see it.

use std::sync::Arc;
use std::time::Instant;

use storage::{Filter, NamespacedStore, OpenSearchStore, Order, Query, Scalar, Sort, Store};
use tokio::runtime::Runtime;

use crate::engine::Engine;
use crate::events::{EVENT, Events, INSERTED, batch};
use crate::recorder::Recorder;
use crate::{Contest, Goal, Result, Row, Setting, Unit, tenants};

const WHO: &str = "ours";

pub(super) fn measured(setting: &Setting, runtime: &Runtime, engine: &Engine) -> Result<Vec<Row>> {
    let events = setting.size(100_000, 2_000);
    let store = runtime.block_on(filled(engine, events))?;
    let recorder = runtime.block_on(Recorder::start(engine.url()))?;
    let watched = runtime.block_on(opened(engine, &recorder.url()))?;
    let mut rows = Vec::new();
    for (what, query) in queries() {
        recorder.take();
        runtime.block_on(watched.search(EVENT, &query))?;
        let asked = recorder.take().pop().ok_or("the store asked for something")?;
        let times = setting.size(300, 5);
        let figures = Contest::new(setting.repetitions())
            .with(|_| {
                milliseconds(times, || {
                    let found = runtime.block_on(store.search(EVENT, &query))?;
                    must_have(found.documents.len(), query.limit)
                })
            })
            .with(|_| {
                milliseconds(times, || {
                    let found = runtime.block_on(engine.search(&asked.path, asked.body.clone()))?;
                    must_have(found["hits"]["hits"].as_array().map_or(0, Vec::len), query.limit)
                })
            })
            .run()?;
        let [ours, direct] = figures.try_into().map_err(|_| "two contestants")?;
        let what = format!("OpenSearch: {what} of {events}");
        rows.push(
            Row::new(what, Unit::Milliseconds, ours)
                .against("the same DSL sent directly", &direct)
                .with_goal(Goal::RatioAtMost(1.15)),
        );
    }
    Ok(rows)
}

fn queries() -> [(&'static str, Query); 2] {
    let latest = || Query {
        sort: vec![Sort { path: INSERTED.into(), order: Order::Descending }],
        count_up_to: 0,
        ..Query::default()
    };
    let path = "type".into();
    let views = Filter::Equals { path, value: Scalar::from("product-view") };
    [
        ("the latest 20", Query { limit: 20, ..latest() }),
        ("100 of a type, counted,", Query { limit: 100, filter: views, count_up_to: u64::MAX, ..latest() }),
    ]
}

async fn opened(engine: &Engine, url: &str) -> Result<NamespacedStore> {
    let store: Arc<dyn Store> =
        Arc::new(OpenSearchStore::open(&engine.config(WHO, url), customer_data::schema()?)?);
    tenants::install(&store, 0..1).await?;
    tenants::data(&store, 0)
}

async fn filled(engine: &Engine, events: usize) -> Result<NamespacedStore> {
    let data = opened(engine, engine.url()).await?;
    let mut made = Events::new(1);
    for written in (0..events).step_by(1000) {
        data.write(batch(made.take(1000.min(events - written)))).await?;
    }
    data.refresh().await?;
    Ok(data)
}

fn milliseconds(times: usize, mut ask: impl FnMut() -> Result<()>) -> Result<f64> {
    let began = Instant::now();
    for _ in 0..times {
        ask()?;
    }
    Ok(began.elapsed().as_secs_f64() * 1e3 / times as f64)
}

/// The engine may have been asked for a neighbour of the page as well.
fn must_have(found: usize, expected: usize) -> Result<()> {
    if found >= expected { Ok(()) } else { Err(format!("{found} documents, not {expected}").into()) }
}
