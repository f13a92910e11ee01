//! The suites on the memory backend.

use std::sync::Arc;

use storage::{MemoryStore, Store, conformance};

use crate::support::operations;

fn store() -> Arc<dyn Store> {
    Arc::new(MemoryStore::new(conformance::schema()))
}

#[tokio::test]
async fn memory_conforms() {
    for seed in 0..3 {
        conformance::all(&store(), seed).await.expect("conforms");
    }
}

#[tokio::test]
async fn memory_keeps_namespaces_apart() {
    conformance::isolation::attack(&store(), 42, operations()).await.expect("no namespace hears of another");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn memory_loses_no_change_of_many_threads() {
    let store = store();
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { conformance::concurrency::all(&store).await })
        })
        .collect();
    for task in tasks {
        task.await.expect("no panic").expect("no change is lost");
    }
}

#[tokio::test]
async fn memory_batches_are_all_or_nothing() {
    conformance::documents::atomicity(&store()).await.expect("is atomic");
}
