//! The suites that every backend passes, in both placements.

use std::future::Future;
use std::sync::Arc;

use storage::conformance::{self, Failure};
use storage::opensearch::EnginePlacement::{self, Dedicated, Shared};
use storage::opensearch::Period;
use storage::{OpenSearchConfig, Store};

use crate::support::{config, open, operations};

/// Settings that place the suites' kind with a time field in indices of a tenant's own.
fn placed(placement: EnginePlacement) -> Option<OpenSearchConfig> {
    let mut config = config()?;
    config.placement = placement;
    config.own_kinds = vec![("thing".to_owned(), Period::Quarter)];
    Some(config)
}

async fn passes<F: Future<Output = Result<(), Failure>>>(suite: impl Fn(Arc<dyn Store>) -> F) {
    for placement in [Shared, Dedicated] {
        let Some(config) = placed(placement) else { return };
        if let Err(failure) = suite(open(&config, conformance::schema())).await {
            panic!("{placement:?}: {failure}");
        }
    }
}

#[tokio::test]
async fn documents() {
    passes(async |store| conformance::documents::all(&store).await).await;
}

#[tokio::test]
async fn searches() {
    passes(async |store| conformance::search::all(&store).await).await;
}

#[tokio::test]
async fn pages() {
    passes(async |store| conformance::pages::all(&store).await).await;
}

#[tokio::test]
async fn aggregations() {
    passes(async |store| conformance::aggregations::all(&store).await).await;
}

#[tokio::test]
async fn answers_as_the_reference_does() {
    for seed in 0..2 {
        passes(async |store| conformance::reference::compared(&store, seed, 500).await).await;
    }
}

#[tokio::test]
async fn lifecycle() {
    passes(async |store| conformance::lifecycle::all(&store).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn loses_no_change_of_many_threads() {
    passes(async |store| {
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move { conformance::concurrency::all(&store).await })
            })
            .collect();
        for task in tasks {
            task.await.expect("no panic")?;
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn keeps_namespaces_apart() {
    passes(async |store| conformance::isolation::attack(&store, 42, operations()).await).await;
}
