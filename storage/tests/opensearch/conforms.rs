//! The suites that every backend passes.

use std::sync::Arc;

use storage::{Store, conformance};

use crate::support::{config, open, operations};

fn store() -> Option<Arc<dyn Store>> {
    Some(open(&config()?, conformance::schema()))
}

#[tokio::test]
async fn documents() {
    let Some(store) = store() else { return };
    conformance::documents::all(&store).await.expect("conforms");
}

#[tokio::test]
async fn searches() {
    let Some(store) = store() else { return };
    conformance::search::all(&store).await.expect("conforms");
}

#[tokio::test]
async fn pages() {
    let Some(store) = store() else { return };
    conformance::pages::all(&store).await.expect("conforms");
}

#[tokio::test]
async fn aggregations() {
    let Some(store) = store() else { return };
    conformance::aggregations::all(&store).await.expect("conforms");
}

#[tokio::test]
async fn answers_as_the_reference_does() {
    let Some(store) = store() else { return };
    for seed in 0..3 {
        conformance::reference::compared(&store, seed, 500).await.expect("the same answers");
    }
}

#[tokio::test]
async fn lifecycle() {
    let Some(store) = store() else { return };
    conformance::lifecycle::all(&store).await.expect("conforms");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn loses_no_change_of_many_threads() {
    let Some(store) = store() else { return };
    let tasks: Vec<_> = (0..4)
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
async fn keeps_namespaces_apart() {
    let Some(store) = store() else { return };
    conformance::isolation::attack(&store, 42, operations()).await.expect("no namespace hears of another");
}
