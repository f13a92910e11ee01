//! More writes than the disk takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use storage::{Batch, EmbeddedConfig, EmbeddedStore, NamespacedStore, Store, StoreErrorKind};
use tenant_core::{ActiveTenant, Context};
use tokio::task::JoinSet;

use crate::support::{body, file, id, install, schema, tenant};

fn production(store: &Arc<dyn Store>, tenant: &ActiveTenant) -> NamespacedStore {
    NamespacedStore::new(Arc::clone(store), tenant, Context::Production)
}

async fn write(data: NamespacedStore, key: String) -> Result<(), StoreErrorKind> {
    let mut batch = Batch::default();
    batch.create("profile", id(&key), body(json!({"fill": "x".repeat(1000)})));
    data.write(batch).await.map(drop).map_err(|error| error.kind())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_is_bounded_the_rest_is_told_to_come_again_and_others_are_served() {
    const ROOM: usize = 400 << 10;
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = EmbeddedConfig::new(folder.path());
    config.queued_bytes = ROOM.try_into().expect("not zero");
    config.busy_timeout = Duration::from_secs(60);
    let store: Arc<dyn Store> = Arc::new(EmbeddedStore::open(config, schema()).expect("a store"));
    let (acme, globex) = (tenant("acme"), tenant("globex"));
    for tenant in [&acme, &globex] {
        install(&store, tenant).await;
    }
    // Whoever writes to acme waits for this one.
    let stranger =
        rusqlite::Connection::open(file(folder.path(), &acme, Context::Production)).expect("opened");
    stranger.execute_batch("BEGIN IMMEDIATE").expect("locked");

    let mut waiting = JoinSet::new();
    for number in 0..1000 {
        waiting.spawn(write(production(&store, &acme), format!("p{number}")));
    }
    let mut refused = 0;
    // What is refused is so at once. A quarter of the room holds less than 100 of these; so many may be a group that a worker
    // has, and so many wait behind it.
    while refused < 1000 - 2 * 100 {
        let outcome = waiting.join_next().await.expect("some are refused").expect("no panic");
        let Err(StoreErrorKind::Unavailable { retry_after }) = outcome else { panic!("{outcome:?}") };
        assert!(retry_after > Duration::ZERO);
        refused += 1;
    }
    for number in 0..50 {
        write(production(&store, &globex), format!("p{number}")).await.expect("globex has room");
    }

    stranger.execute_batch("ROLLBACK").expect("unlocked");
    let mut written = 0;
    while let Some(outcome) = waiting.join_next().await {
        match outcome.expect("no panic") {
            Ok(()) => written += 1,
            Err(StoreErrorKind::Unavailable { .. }) => refused += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    println!("{written} written, {refused} refused");
    assert!(written > 10 && written + refused == 1000, "{written} written, {refused} refused");
    let count = production(&store, &acme).count("profile", &storage::Filter::All).await.expect("counted");
    assert_eq!(count, written, "what was refused is not there, what waited is");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_that_writes_much_takes_its_turn_with_one_that_writes_little() {
    const FLOOD: usize = 600;
    let folder = tempfile::tempdir().expect("a folder");
    let store: Arc<dyn Store> =
        Arc::new(EmbeddedStore::open(EmbeddedConfig::new(folder.path()), schema()).expect("a store"));
    let (loud, quiet) = (tenant("loud"), tenant("quiet"));
    for tenant in [&loud, &quiet] {
        install(&store, tenant).await;
    }
    let (written, is_over) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let mut flood = JoinSet::new();
    for writer in 0..FLOOD {
        let (data, written, is_over) =
            (production(&store, &loud), Arc::clone(&written), Arc::clone(&is_over));
        flood.spawn(async move {
            for number in 0.. {
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
                write(data.clone(), format!("{writer}-{number}")).await.expect("written");
                written.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    while written.load(Ordering::Relaxed) < FLOOD {
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
    println!("of the other tenant's writes came before one of the quiet one's: {meanwhile:?}");
    // A turn is at most 256 requests; one may be under way, one be in the journal's sync.
    let median = meanwhile[meanwhile.len() / 2];
    assert!(median <= 2 * 256, "the quiet one waits for {median} of the other's writes");
}
