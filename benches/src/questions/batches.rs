//! One writer, commits of 1, 100 and 1000 events: the store, bare SQLite, bare SQLite that gets its texts and columns for
//! nothing, append + fdatasync, and the memory store.
//!
//! Everybody begins each repetition with an empty file and one batch in it, and gets the same events.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use storage::{Batch, MemoryStore, NamespacedStore, Store};
use tokio::runtime::Runtime;

use super::{in_a_task, runtime};
use crate::append::Log;
use crate::bare::{self, Bare, Blueprint, Ready};
use crate::events::{Event, Events};
use crate::threads::rate;
use crate::{Contest, Goal, Result, Row, Setting, Unit, tenants};

pub(super) fn answer(setting: &Setting) -> Result<Vec<Row>> {
    let runtime = runtime()?;
    let blueprint = runtime.block_on(tenants::blueprint(&setting.fresh_folder("blueprint")?))?;
    let mut rows = Vec::new();
    for (size, batches) in
        [(1, setting.size(4000, 20)), (100, setting.size(200, 3)), (1000, setting.size(30, 2))]
    {
        rows.extend(sized(setting, &runtime, &blueprint, Load { size, batches })?);
    }
    Ok(rows)
}

/// What everybody writes in a repetition, after one batch that warms up.
#[derive(Debug, Clone, Copy)]
struct Load {
    size: usize,
    batches: usize,
}

impl Load {
    fn events(self, repetition: usize) -> (Events, Vec<Event>) {
        let mut events = Events::new(repetition as u64);
        let first = events.take(self.size);
        (events, first)
    }

    fn all(self) -> usize {
        self.size * self.batches
    }

    /// Writes the first batch, and then times the others.
    fn timed(self, repetition: usize, mut commit: impl FnMut(Vec<Event>) -> Result<()>) -> Result<f64> {
        let (mut events, first) = self.events(repetition);
        commit(first)?;
        let batches: Vec<_> = (0..self.batches).map(|_| events.take(self.size)).collect();
        let began = Instant::now();
        for batch in batches {
            commit(batch)?;
        }
        Ok(rate(self.all(), began.elapsed()))
    }
}

fn sized(setting: &Setting, runtime: &Runtime, blueprint: &Blueprint, load: Load) -> Result<Vec<Row>> {
    let folder = setting.fresh_folder(&format!("of-{}", load.size))?;
    let repetitions = setting.repetitions();
    let store = tenants::open(&folder, None)?;
    runtime.block_on(tenants::install(&store, 0..repetitions + 1))?;
    let figures = Contest::new(repetitions)
        .with(move |repetition| through(runtime, tenants::data(&store, repetition)?, load, repetition))
        .with(|repetition| {
            let mut bare = Bare::create(&folder.join(format!("bare-{repetition}")), blueprint)?;
            load.timed(repetition, |batch| bare.commit(batch))
        })
        .with(|repetition| ready(&folder, blueprint, load, repetition))
        .with(|repetition| {
            let mut log = Log::create(&folder.join(format!("log-{repetition}")))?;
            load.timed(repetition, |batch| log.commit(batch))
        })
        .with(|repetition| {
            let store: Arc<dyn Store> = Arc::new(MemoryStore::new(customer_data::schema()?));
            runtime.block_on(tenants::install(&store, 0..1))?;
            through(runtime, tenants::data(&store, 0)?, load, repetition)
        })
        .run()?;
    let expected = load.all() + load.size;
    runtime.block_on(tenants::must_hold(&folder, (0..=repetitions).map(|number| (number, expected))))?;
    for repetition in 0..=repetitions {
        bare::must_hold(&folder.join(format!("bare-{repetition}")), expected)?;
    }
    let [store, bare, ready, log, memory] = figures.try_into().map_err(|_| "five contestants")?;
    let row = || Row::new(format!("commits of {}, one writer", load.size), Unit::Events, store.clone());
    Ok(vec![
        row().against("bare SQLite", &bare).with_goal(Goal::Ratio(0.85)),
        row().against("bare SQLite, texts ready-made", &ready),
        row().against("append + fdatasync", &log),
        row().against("memory store", &memory),
    ])
}

/// Through the public way of a store.
fn through(runtime: &Runtime, data: NamespacedStore, load: Load, repetition: usize) -> Result<f64> {
    let (mut events, first) = load.events(repetition);
    let first = crate::events::batch(first);
    let batches: Vec<Batch> = events.batches(load.batches, load.size);
    in_a_task(runtime, async move {
        data.write(first).await?;
        let began = Instant::now();
        for batch in batches {
            data.write(batch).await?;
        }
        Ok(rate(load.all(), began.elapsed()))
    })
}

fn ready(folder: &Path, blueprint: &Blueprint, load: Load, repetition: usize) -> Result<f64> {
    let mut bare = Bare::create(&folder.join(format!("ready-{repetition}")), blueprint)?;
    let (mut events, first) = load.events(repetition);
    bare.commit(first)?;
    let make = |batch: Vec<Event>| batch.into_iter().map(Ready::of).collect::<Result<Vec<_>>>();
    let batches: Vec<_> = (0..load.batches).map(|_| make(events.take(load.size))).collect::<Result<_>>()?;
    let began = Instant::now();
    for batch in &batches {
        bare.commit_ready(batch)?;
    }
    Ok(rate(load.all(), began.elapsed()))
}
