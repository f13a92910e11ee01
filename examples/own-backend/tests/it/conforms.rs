//! The suites.

use std::path::Path;
use std::sync::Arc;

use own_backend::LogStore;
use storage::{Store, conformance};

fn store(folder: &Path) -> Arc<dyn Store> {
    Arc::new(LogStore::open(folder, conformance::schema()).unwrap())
}

#[tokio::test]
async fn the_log_conforms() {
    let folder = tempfile::tempdir().unwrap();
    conformance::all(&store(folder.path()), 1).await.unwrap();
}

#[tokio::test]
async fn the_log_keeps_namespaces_apart_whatever_the_seed() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    for seed in 2..5 {
        conformance::isolation::attack(&store, seed, 2000).await.unwrap();
    }
}

#[tokio::test]
async fn batches_are_all_or_nothing() {
    let folder = tempfile::tempdir().unwrap();
    conformance::documents::atomicity(&store(folder.path())).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_threads_lose_no_change() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { conformance::concurrency::all(&store).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
}
