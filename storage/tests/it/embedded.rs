//! The files of the embedded backend: reopening, the lock, and files that are not where they were.

use serde_json::json;
use std::path::Path;
use std::sync::Arc;

use storage::{Batch, EmbeddedConfig, EmbeddedStore, Filter, NamespacedStore, Store, conformance};
use tenant_core::Context;

use crate::support::{body, id, install, open, operations, tenant};

fn conforming(folder: &Path) -> Arc<dyn Store> {
    let store = EmbeddedStore::open(EmbeddedConfig::new(folder), conformance::schema());
    Arc::new(store.expect("a store"))
}

#[tokio::test]
async fn embedded_conforms() {
    let folder = tempfile::tempdir().expect("a folder");
    conformance::all(&conforming(folder.path()), 1).await.expect("conforms");
}

#[tokio::test]
async fn embedded_keeps_namespaces_apart() {
    let folder = tempfile::tempdir().expect("a folder");
    conformance::isolation::attack(&conforming(folder.path()), 42, operations())
        .await
        .expect("no namespace hears of another");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn embedded_loses_no_change_of_many_threads() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = conforming(folder.path());
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
async fn embedded_batches_are_all_or_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    conformance::documents::atomicity(&conforming(folder.path())).await.expect("is atomic");
}

#[tokio::test]
async fn what_was_written_is_there_after_reopening() {
    let folder = tempfile::tempdir().expect("a folder");
    let acme = tenant("acme");
    let store = open(folder.path()).expect("a store");
    let handle = install(&store, &acme).await;
    assert_eq!(handle.created(Context::Staging).indices, [format!("acme/{}/staging.db", acme.incarnation())]);
    let mut batch = Batch::default();
    batch.put("event", id("e1"), body(json!({"time": "2026-01-01T00:00:00Z", "n": 0.1})));
    handle.data(Context::Production).write(batch).await.expect("written");
    let data = handle.data(Context::Production);
    assert_eq!(data.count("event", &Filter::All).await.expect("counted"), 1);
    drop((data, handle, store));
    let home = folder.path().join(format!("tenants/acme/{}", acme.incarnation()));
    let mut files: Vec<_> =
        std::fs::read_dir(home).expect("a folder").map(|entry| entry.expect("a file").file_name()).collect();
    files.sort();
    assert_eq!(files, ["production.db", "staging.db"], "what is closed is one file, without a journal");

    let store = open(folder.path()).expect("the store again");
    assert!(install(&store, &acme).await.created(Context::Staging).indices.is_empty());
    let data = NamespacedStore::new(store.clone(), &acme, Context::Production);
    let event = data.get("event", &id("e1")).await.expect("read").expect("the event");
    assert_eq!(event.body, body(json!({"time": "2026-01-01T00:00:00Z", "n": 0.1})));
    assert_eq!(data.count("event", &Filter::equals("n", serde_json_number(0.1))).await.expect("counted"), 1);
    let staging = NamespacedStore::new(store, &acme, Context::Staging);
    assert_eq!(staging.get("event", &id("e1")).await.expect("read"), None);
}

fn serde_json_number(float: f64) -> storage::Scalar {
    storage::Scalar::Number(serde_json::Number::from_f64(float).expect("finite"))
}
