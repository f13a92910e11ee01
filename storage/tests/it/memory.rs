//! The suites on the memory backend.

use std::sync::Arc;

use storage::{MemoryStore, Store, conformance};

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
async fn memory_batches_are_all_or_nothing() {
    conformance::documents::atomicity(&store()).await.expect("is atomic");
}
