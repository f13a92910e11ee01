//! The questions. One file each; its first lines say what is measured and who the opponents are.

mod batches;
mod directory;
mod fairness;
mod host_lookup;
mod http_end_to_end;
mod many_tenants;
mod million;
mod one_tenant;
mod opensearch;
mod reads;
mod router_overhead;
mod thousands;

use std::path::Path;
use std::time::{Duration, Instant};

use storage::{Batch, DocumentId, NamespacedStore};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use crate::events::{Events, batch};
use crate::threads::rate;
use crate::{Result, Row, Setting, tenants};

/// What is asked, and how it is answered.
#[derive(Debug, Clone, Copy)]
pub struct Question {
    /// What it is called; questions whose names begin with the same word belong together.
    pub name: &'static str,
    /// What it asks.
    pub asks: &'static str,
    /// Whether what it wrote is for the questions after it, which have the same first word.
    pub keeps_its_folder: bool,
    /// In how many processes, one after the other, it is asked: more than one where the figures depend on where a process
    /// happens to have its memory.
    pub processes: usize,
    /// Measures; the setting's folder is its own, or that of the questions of its first word.
    pub answer: fn(&Setting) -> Result<Vec<Row>>,
}

impl Question {
    const fn new(name: &'static str, asks: &'static str, answer: fn(&Setting) -> Result<Vec<Row>>) -> Self {
        Self { name, asks, keeps_its_folder: false, processes: 1, answer }
    }

    /// One whose figures vary more from process to process than within one.
    const fn in_processes(self, processes: usize) -> Self {
        Self { processes, ..self }
    }

    /// One that uses the folder of all that share their first word.
    const fn sharing(
        name: &'static str,
        asks: &'static str,
        answer: fn(&Setting) -> Result<Vec<Row>>,
    ) -> Self {
        Self { keeps_its_folder: true, ..Self::new(name, asks, answer) }
    }

    /// The name of its folder.
    pub fn place(&self) -> &'static str {
        match self.name.split_once('-') {
            Some((first, _)) if self.keeps_its_folder => first,
            _ => self.name,
        }
    }
}

/// All of them, in the order in which they are asked.
pub const ALL: &[Question] = &[
    Question::new("batches", "one writer, commits of 1, 100 and 1000 events", batches::answer),
    Question::new("one-tenant", "64 requests of one tenant at once, then one at a time", one_tenant::answer),
    Question::new(
        "tenants",
        "a connection each on 1 to 256 tenants, an event a request",
        many_tenants::answer,
    ),
    Question::new("reads", "a document by its id, and the way to a blocking thread", reads::answer),
    Question::new("million", "the latest 20, a histogram and a count of a million events", million::answer),
    Question::sharing("thousands-start", "opening a store with 10 000 tenants", thousands::start),
    Question::sharing("thousands-zipf", "10 000 tenants, few of them busy", thousands::zipf_default),
    Question::sharing("thousands-zipf-large", "the same, with many open files", thousands::zipf_large),
    Question::sharing("thousands-uniform", "10 000 tenants, all alike", thousands::uniform_default),
    Question::sharing("thousands-uniform-large", "the same, with many open files", thousands::uniform_large),
    Question::new("tms-sqlite", "1000 and 100 000 tenants at a management service", directory::sqlite),
    Question::new("tms-postgres", "the same with PostgreSQL", directory::postgres),
    Question::new("opensearch-track", "events through the whole platform on OpenSearch", opensearch::track),
    Question::new("opensearch-search", "searches of a store on OpenSearch", opensearch::search),
    Question::new("host-lookup-100", "from the bytes of a host to its tenant, of 100", host_lookup::few)
        .in_processes(5),
    Question::new("host-lookup-10k", "the same, of 10 000", host_lookup::many).in_processes(5),
    Question::new("host-lookup-100k", "the same, of 100 000, and their memory", host_lookup::very_many)
        .in_processes(5),
    Question::new("host-lookup-1m", "the same, of a million", host_lookup::most).in_processes(5),
    Question::new(
        "router-overhead",
        "what the layer adds to a request, in this process",
        router_overhead::answer,
    ),
    Question::new("http-end-to-end", "what the layer costs a server over sockets", http_end_to_end::answer),
    Question::new("fairness", "a quiet tenant beside one that offers ten times its limit", fairness::answer),
];

/// The names, and what they ask.
pub fn list() -> String {
    let mut text = String::from("Questions:\n");
    for question in ALL {
        text.push_str(&format!("  {:26}{}\n", question.name, question.asks));
    }
    text
}

/// The runtime that programs have.
fn runtime() -> Result<Runtime> {
    Ok(Builder::new_multi_thread().enable_all().build()?)
}

/// Runs on a thread of the runtime, as a request's handler does.
fn in_a_task<T: Send + 'static>(
    runtime: &Runtime,
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    runtime.block_on(runtime.spawn(work))?
}

/// A connection for each share, which sends its batches one after the other. Events a second, of all together.
fn connections(runtime: &Runtime, shares: Vec<(NamespacedStore, Vec<Batch>)>) -> Result<f64> {
    let events = shares.iter().flat_map(|(_, batches)| batches).map(|batch| batch.appended.len()).sum();
    in_a_task(runtime, async move {
        let began = Instant::now();
        let mut senders = JoinSet::new();
        for (data, batches) in shares {
            senders.spawn(async move {
                for batch in batches {
                    data.write(batch).await?;
                }
                Result::Ok(())
            });
        }
        while let Some(done) = senders.join_next().await {
            done??;
        }
        Ok(rate(events, began.elapsed()))
    })
}

/// What [`fill`] has written.
struct Filled {
    /// Some of the ids, evenly spread.
    ids: Vec<DocumentId>,
    /// How many events a second.
    rate: f64,
}

/// Installs tenant 0, and writes so many events of the last thirty days to it, 1000 at a time.
fn fill(runtime: &Runtime, folder: &Path, documents: usize) -> Result<Filled> {
    let store = tenants::open(folder, None)?;
    runtime.block_on(tenants::install(&store, 0..1))?;
    let data = tenants::data(&store, 0)?;
    let mut events = Events::over(Duration::from_secs(30 * 86_400), documents);
    let sparse = documents.div_ceil(100_000);
    let (mut ids, mut elapsed, mut written) = (Vec::new(), Duration::ZERO, 0);
    while written < documents {
        let next = events.take(1000.min(documents - written));
        ids.extend(next.iter().step_by(sparse).map(|(id, _)| id.clone()));
        written += next.len();
        let began = Instant::now();
        runtime.block_on(data.write(batch(next)))?;
        elapsed += began.elapsed();
    }
    drop((data, store));
    runtime.block_on(tenants::must_hold(folder, [(0, documents)]))?;
    Ok(Filled { ids, rate: rate(documents, elapsed) })
}
