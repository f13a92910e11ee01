//! More writes than the disk takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use storage::{Batch, EmbeddedConfig, EmbeddedStore, Filter, NamespacedStore, Store, StoreErrorKind};
use tempfile::TempDir;
use tenant_core::{ActiveTenant, Context};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::production;
use crate::support::{body, file, id, install, schema, tenant};

async fn write(data: NamespacedStore, key: String) -> Result<(), StoreErrorKind> {
    let mut batch = Batch::default();
    batch.create("profile", id(&key), body(json!({"fill": "x".repeat(1000)})));
    data.write(batch).await.map(drop).map_err(|error| error.kind())
}

const ROOM: usize = 400 << 10;

/// A store with little room for what waits, and tenants whose files a stranger has locked: whoever writes to them waits.
struct Stuck {
    folder: TempDir,
    store: Arc<dyn Store>,
    strangers: Vec<rusqlite::Connection>,
    waiting: JoinSet<Result<(), StoreErrorKind>>,
}

impl Stuck {
    async fn new(tenants: &[ActiveTenant]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut config = EmbeddedConfig::new(folder.path());
        config.queued_bytes = ROOM.try_into().expect("not zero");
        config.busy_timeout = Duration::from_secs(60);
        let store: Arc<dyn Store> = Arc::new(EmbeddedStore::open(config, schema()).expect("a store"));
        let mut stuck = Self { folder, store, strangers: Vec::new(), waiting: JoinSet::new() };
        for tenant in tenants {
            install(&stuck.store, tenant).await;
            stuck.lock(tenant);
        }
        stuck
    }

    fn lock(&mut self, tenant: &ActiveTenant) {
        let path = file(self.folder.path(), tenant, Context::Production);
        let stranger = rusqlite::Connection::open(path).expect("opened");
        stranger.execute_batch("BEGIN IMMEDIATE").expect("locked");
        self.strangers.push(stranger);
    }

    fn send(&mut self, tenant: &ActiveTenant, writes: usize) {
        for number in 0..writes {
            self.waiting.spawn(write(production(&self.store, tenant), format!("p{number}")));
        }
    }

    /// What is refused is so at once; whoever waits does so until the file is unlocked.
    async fn refusals(&mut self, expected: usize) {
        for number in 0..expected {
            let next = timeout(Duration::from_secs(20), self.waiting.join_next()).await;
            let outcome = next.unwrap_or_else(|_| panic!("only {number} of {expected} are refused"));
            match outcome.expect("some are refused").expect("no panic") {
                Err(StoreErrorKind::Unavailable { retry_after }) => assert!(retry_after > Duration::ZERO),
                other => panic!("{other:?}"),
            }
        }
    }

    /// How many of the rest are written once nobody is locked out any more.
    async fn unlock(&mut self) -> u64 {
        self.strangers.clear();
        let mut written = 0;
        while let Some(outcome) = self.waiting.join_next().await {
            match outcome.expect("no panic") {
                Ok(()) => written += 1,
                Err(kind) => assert!(matches!(kind, StoreErrorKind::Unavailable { .. }), "{kind:?}"),
            }
        }
        written
    }

    async fn count(&self, tenant: &ActiveTenant) -> u64 {
        production(&self.store, tenant).count("profile", &Filter::All).await.expect("counted")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_a_file_is_bounded_the_rest_is_told_to_come_again_and_others_are_served() {
    let (acme, globex) = (tenant("acme"), tenant("globex"));
    let mut stuck = Stuck::new(std::slice::from_ref(&acme)).await;
    install(&stuck.store, &globex).await;
    stuck.send(&acme, 1000);
    // A quarter of the room holds less than 100 of these; so many may be a group that a worker has, and so many wait
    // behind it.
    stuck.refusals(1000 - 2 * 100).await;
    for number in 0..50 {
        write(production(&stuck.store, &globex), format!("p{number}")).await.expect("globex has room");
    }
    let written = stuck.unlock().await;
    assert!(written > 10, "{written} written");
    assert_eq!(stuck.count(&acme).await, written, "what was refused is not there, what waited is");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_all_files_together_is_bounded() {
    let tenants = ["acme", "globex", "initech", "umbrella"].map(tenant);
    let mut stuck = Stuck::new(&tenants).await;
    for tenant in &tenants {
        stuck.send(tenant, 300);
    }
    // All of the room holds less than 400; two quarters for each tenant would be twice as much.
    stuck.refusals(4 * 300 - 400).await;
    let written = stuck.unlock().await;
    let mut found = 0;
    for tenant in &tenants {
        found += stuck.count(tenant).await;
    }
    assert!(written > 40, "{written} written");
    assert_eq!(found, written, "what was refused is not there, what waited is");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_that_write_much_take_turns_with_one_that_writes_little() {
    // More than there are threads that write.
    const LOUD: usize = 12;
    const WRITERS: usize = 50;
    let folder = tempfile::tempdir().expect("a folder");
    let store: Arc<dyn Store> =
        Arc::new(EmbeddedStore::open(EmbeddedConfig::new(folder.path()), schema()).expect("a store"));
    let quiet = tenant("quiet");
    install(&store, &quiet).await;
    let (written, is_over) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let mut flood = JoinSet::new();
    for number in 0..LOUD {
        let loud = tenant(&format!("loud-{number}"));
        install(&store, &loud).await;
        for writer in 0..WRITERS {
            let data = production(&store, &loud);
            let (written, is_over) = (Arc::clone(&written), Arc::clone(&is_over));
            flood.spawn(async move {
                for number in (0..).take_while(|_| !is_over.load(Ordering::Relaxed)) {
                    write(data.clone(), format!("{writer}-{number}")).await.expect("written");
                    written.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    }
    while written.load(Ordering::Relaxed) < LOUD * WRITERS {
        tokio::task::yield_now().await;
    }
    let mut meanwhile = Vec::new();
    for number in 0..40 {
        let before = written.load(Ordering::Relaxed);
        write(production(&store, &quiet), format!("p{number}")).await.expect("written");
        meanwhile.push(written.load(Ordering::Relaxed) - before);
    }
    is_over.store(true, Ordering::Relaxed);
    while let Some(writer) = flood.join_next().await {
        writer.expect("no panic");
    }
    meanwhile.sort_unstable();
    println!("so many of the others' writes came before one of the quiet tenant's: {meanwhile:?}");
    // Each of the others has one turn before its own, and perhaps one while it waits for the sync.
    let median = meanwhile[meanwhile.len() / 2];
    assert!(median <= 2 * LOUD * WRITERS, "the quiet one waits for {median} of the others' writes");
}
