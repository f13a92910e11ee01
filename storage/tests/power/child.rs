//! The program that is recorded: this test binary, started again.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use serde_json::json;
use storage::{
    Batch, Body, EmbeddedConfig, EmbeddedStore, Filter, NamespacedStore, Store, StoreError, lifecycle,
};
use tenant_core::Context;

use crate::plan::{Actor, BATCHES, BATCHES_BEFORE_THE_KILL, Planned, REMOVED, SHARED, Step, TENANTS};
use crate::support::{body, id, install, schema, tenant};

const FOLDER: &str = "TENANTRY_POWER_FOLDER";
const PART: &str = "TENANTRY_POWER_PART";
/// Fewer than tenants, so that files are closed and opened again all the time.
const OPEN_FILES: usize = 4;
/// So small that segments are begun and cut all the time.
const JOURNAL: usize = 64 << 10;

/// What a run does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Installs, writes, and ends without closing anything.
    UntilKilled,
    /// Starts on what the first has left, writes the rest, and closes.
    UntilClosed,
}

/// The command of a run on a data folder.
pub(crate) fn command(folder: &Path, part: Part) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command
        .args(["--exact", "child::process", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .env(PART, format!("{part:?}"));
    command
}

#[test]
#[ignore = "a process that another test starts and records"]
fn process() {
    // Whoever runs the ignored tests of this binary is nobody's child.
    let (Ok(folder), Ok(part)) = (std::env::var(FOLDER), std::env::var(PART)) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        if part == format!("{:?}", Part::UntilKilled) {
            let store = start(folder.into()).await;
            write_all(&store, 0..BATCHES_BEFORE_THE_KILL).await;
            // Nothing is dropped, and no destructor runs: as SIGKILL does it.
            std::process::abort();
        }
        let store = start(folder.into()).await;
        write_all(&store, BATCHES_BEFORE_THE_KILL..BATCHES).await;
        remove(&store).await;
        drop(store);
        say("closed");
    });
}

async fn start(folder: PathBuf) -> Arc<dyn Store> {
    let mut config = EmbeddedConfig::new(folder);
    config.open_files = OPEN_FILES.try_into().expect("not zero");
    config.journal_bytes = JOURNAL.try_into().expect("not zero");
    let store: Arc<dyn Store> = Arc::new(EmbeddedStore::open(config, schema()).expect("a store"));
    for name in TENANTS.into_iter().chain([REMOVED]) {
        install(&store, &tenant(name)).await;
        say(&format!("installed {name}"));
    }
    store
}

async fn write_all(store: &Arc<dyn Store>, numbers: std::ops::Range<usize>) {
    let actors = Actor::all().map(|actor| {
        let data = NamespacedStore::new(Arc::clone(store), &tenant(actor.tenant), Context::Production);
        let numbers = numbers.clone();
        tokio::spawn(async move {
            let states = actor.states();
            for number in numbers {
                write(&data, &actor.batch(number, &states[number])).await;
                say(&format!("wrote {} {} {number}", actor.tenant, actor.number));
                if (number + actor.number).is_multiple_of(5) {
                    // A search has the file show all that was acknowledged.
                    data.count("event", &Filter::All).await.expect("counted");
                }
            }
        })
    });
    for actor in actors.collect::<Vec<_>>() {
        actor.await.expect("no panic");
    }
}

async fn write(data: &NamespacedStore, planned: &Planned) {
    loop {
        let batch = batch(data, planned).await.expect("read");
        match data.write(batch).await {
            Ok(_) => return,
            // Another actor has counted up the shared document meanwhile.
            Err(error) if error.is_conflict() && planned.receipt.is_some() => {}
            Err(error) => panic!("{error}"),
        }
    }
}

async fn batch(data: &NamespacedStore, planned: &Planned) -> Result<Batch, StoreError> {
    let mut batch = Batch::default();
    if let Some(receipt) = &planned.receipt {
        match data.get("profile", &id(SHARED)).await? {
            None => batch.create("profile", id(SHARED), body(json!({"count": 1}))),
            Some(read) => {
                let count = read.body["count"].as_u64().expect("a number") + 1;
                batch.replace("profile", id(SHARED), body(json!({"count": count})), read.version);
            }
        }
        batch.put("profile", id(receipt), Body::new());
    }
    for (key, step) in &planned.steps {
        let read = data.get("profile", &id(key)).await?.map(|document| document.version);
        let read = || read.expect("the document that the plan knows of");
        match step.clone() {
            Step::Put(body) => batch.put("profile", id(key), body),
            Step::Create(body) => batch.create("profile", id(key), body),
            Step::Replace(body) => batch.replace("profile", id(key), body, read()),
            Step::Delete => batch.delete("profile", id(key)),
            Step::Remove => batch.remove("profile", id(key), read()),
        }
    }
    let (key, event) = &planned.event;
    batch.put("event", id(key), event.clone());
    Ok(batch)
}

async fn remove(store: &Arc<dyn Store>) {
    let gone = tenant(REMOVED);
    let data = NamespacedStore::new(Arc::clone(store), &gone, Context::Production);
    let mut batch = Batch::default();
    batch.put("profile", id("p"), Body::new());
    data.write(batch).await.expect("written");
    say(&format!("removing {REMOVED}"));
    lifecycle::remove(store, gone.id(), gone.incarnation()).await.expect("removed");
    say(&format!("removed {REMOVED}"));
}

/// In one call, so that a line is whole or is not there.
fn say(line: &str) {
    let line = format!("{line}\n");
    std::io::stdout()
        .write_all(line.as_bytes())
        .and_then(|()| std::io::stdout().flush())
        .expect("somebody listens");
}
