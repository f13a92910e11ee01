//! What the suites cannot prove: what is there after the store was closed, cut off, or damaged.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use own_backend::LogStore;
use serde_json::{Value, json};
use storage::{
    Batch, Document, DocumentId, FieldType, Filter, Kind, NamespacedStore, Schema, Store, StoreError,
    StoreErrorKind, lifecycle,
};
use tenant_core::{ActiveTenant, Context, Incarnation, Tenant};

fn schema(version: u32, declared: FieldType) -> Schema {
    Schema::new(version, vec![Kind::new("thing").with_field("rank", declared)]).unwrap()
}

fn tenant(name: &str) -> ActiveTenant {
    Tenant::new(name.parse().unwrap(), Incarnation::fixed(name)).admit(Timestamp::UNIX_EPOCH).unwrap()
}

fn opened(folder: &Path, schema: Schema, name: &str) -> NamespacedStore {
    let store: Arc<dyn Store> = Arc::new(LogStore::open(folder, schema).unwrap());
    NamespacedStore::new(store, &tenant(name), Context::Production)
}

fn open(folder: &Path, name: &str) -> NamespacedStore {
    opened(folder, schema(1, FieldType::Number), name)
}

async fn install(folder: &Path, name: &str) {
    let store: Arc<dyn Store> = Arc::new(LogStore::open(folder, schema(1, FieldType::Number)).unwrap());
    lifecycle::install(&store, tenant(name).id(), tenant(name).incarnation()).await.unwrap();
}

fn log(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.{}.production.log", tenant(name).incarnation()))
}

async fn put(data: &NamespacedStore, keys: &[&str], body: &Value) -> Result<(), StoreError> {
    let mut batch = Batch::default();
    for key in keys {
        batch.put("thing", DocumentId::new(*key).unwrap(), body.as_object().unwrap().clone());
    }
    data.write(batch).await.map(drop)
}

async fn all(data: &NamespacedStore) -> Result<Vec<Document>, StoreErrorKind> {
    data.scan("thing", None, 100).await.map_err(|error| error.kind())
}

/// A folder with the logs of some tenants, the first of which has three batches, and what these have left.
async fn filled(names: &[&str]) -> (tempfile::TempDir, Vec<Document>) {
    let folder = tempfile::tempdir().unwrap();
    for name in names {
        install(folder.path(), name).await;
    }
    let data = open(folder.path(), names[0]);
    put(&data, &["a", "b"], &json!({"rank": 0.1, "text": "line\nfeed", "none": null})).await.unwrap();
    put(&data, &["c"], &json!({"rank": u64::MAX})).await.unwrap();
    let mut batch = Batch::default();
    batch.delete("thing", DocumentId::new("a").unwrap());
    batch.put("thing", DocumentId::new("d").unwrap(), json!({"rank": 2}).as_object().unwrap().clone());
    data.write(batch).await.unwrap();
    let documents = all(&data).await.unwrap();
    assert_eq!(documents.len(), 3);
    (folder, documents)
}

#[tokio::test]
async fn what_was_written_is_there_after_a_reopening_with_its_versions() {
    let (folder, documents) = filled(&["acme"]).await;
    let data = open(folder.path(), "acme");
    assert_eq!(all(&data).await, Ok(documents.clone()));
    put(&data, &["e"], &json!({})).await.unwrap();
    let last = all(&data).await.unwrap().pop().unwrap();
    assert!(documents.iter().all(|document| document.version != last.version), "no version comes twice");
}

#[tokio::test]
async fn a_torn_line_is_cut_off_wherever_it_was_torn() {
    let (folder, documents) = filled(&["acme"]).await;
    let log = log(folder.path(), "acme");
    let sound = fs::read(&log).unwrap();
    put(&open(folder.path(), "acme"), &["e", "f"], &json!({"rank": 1})).await.unwrap();
    let longer = fs::read(&log).unwrap();
    for end in sound.len()..longer.len() {
        // Cut short, and of full length with nothing in the rest of it.
        let mut hole = longer[..end].to_vec();
        hole.resize(longer.len() - 1, 0);
        hole.push(b'\n');
        let torn = if end == longer.len() - 1 {
            vec![longer[..end].to_vec()]
        } else {
            vec![longer[..end].to_vec(), hole]
        };
        for torn in torn {
            fs::write(&log, torn).unwrap();
            let data = open(folder.path(), "acme");
            assert_eq!(all(&data).await, Ok(documents.clone()), "torn at {end}");
            assert_eq!(fs::read(&log).unwrap(), sound, "torn at {end}");
            put(&data, &["e"], &json!({})).await.unwrap();
            drop(data);
            assert_eq!(all(&open(folder.path(), "acme")).await.unwrap().len(), 4, "torn at {end}");
        }
    }
}

#[tokio::test]
async fn a_damaged_line_before_the_last_is_refused_and_left_as_it_is() {
    let (folder, _) = filled(&["acme", "globex"]).await;
    let log = log(folder.path(), "acme");
    let mut bytes = fs::read(&log).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&log, &bytes).unwrap();
    let data = open(folder.path(), "acme");
    assert_eq!(all(&data).await, Err(StoreErrorKind::Corrupt));
    assert_eq!(put(&data, &["e"], &json!({})).await.unwrap_err().kind(), StoreErrorKind::Corrupt);
    drop(data);
    assert_eq!(fs::read(&log).unwrap(), bytes);
    assert_eq!(all(&open(folder.path(), "globex")).await, Ok(Vec::new()), "others are not concerned");
}

#[tokio::test]
async fn a_log_of_another_tenant_is_refused() {
    let (folder, _) = filled(&["acme", "globex"]).await;
    fs::copy(log(folder.path(), "acme"), log(folder.path(), "globex")).unwrap();
    assert_eq!(all(&open(folder.path(), "globex")).await, Err(StoreErrorKind::NotInstalled));
}

#[tokio::test]
async fn a_log_that_is_taken_away_or_changed_is_not_written_to() {
    let (folder, documents) = filled(&["acme"]).await;
    let (log, away) = (log(folder.path(), "acme"), folder.path().join("away"));
    let data = open(folder.path(), "acme");
    assert_eq!(all(&data).await, Ok(documents.clone()));
    fs::rename(&log, &away).unwrap();
    assert_eq!(put(&data, &["e"], &json!({})).await.unwrap_err().kind(), StoreErrorKind::NotInstalled);
    assert!(!log.exists());
    fs::write(&log, [&fs::read(&away).unwrap()[..], b"x"].concat()).unwrap();
    assert_eq!(put(&data, &["e"], &json!({})).await.unwrap_err().kind(), StoreErrorKind::Backend);
    assert_eq!(all(&data).await, Ok(documents), "what was not written is not shown");
}

#[tokio::test]
async fn a_folder_has_one_store() {
    let (folder, documents) = filled(&["acme"]).await;
    let first = open(folder.path(), "acme");
    let second = LogStore::open(folder.path(), schema(1, FieldType::Number)).err().unwrap();
    assert!(second.to_string().contains("lock"), "{second}");
    drop(first);
    assert_eq!(all(&open(folder.path(), "acme")).await, Ok(documents));
}

#[tokio::test]
async fn kinds_that_the_documents_do_not_fit_are_refused_by_name() {
    let (folder, documents) = filled(&["acme"]).await;
    let data = opened(folder.path(), schema(2, FieldType::Text), "acme");
    let refused = data.scan("thing", None, 100).await.unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::Backend);
    assert!(refused.to_string().contains("the document b"), "{refused}");
    drop(data);
    assert_eq!(upgrade(folder.path(), 2, FieldType::Text).await, Err(StoreErrorKind::Backend));
    assert_eq!(upgrade(folder.path(), 2, FieldType::Number).await, Ok(false), "there is nothing to do");
    assert_eq!(all(&open(folder.path(), "acme")).await, Ok(documents), "nothing is lost");
}

async fn upgrade(folder: &Path, version: u32, declared: FieldType) -> Result<bool, StoreErrorKind> {
    let store: Arc<dyn Store> = Arc::new(LogStore::open(folder, schema(version, declared)).unwrap());
    let acme = tenant("acme");
    lifecycle::upgrade(&store, acme.id(), acme.incarnation()).await.map_err(|error| error.kind())
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_all_of_a_batch_or_nothing() {
    let (folder, _) = filled(&["acme"]).await;
    let data = open(folder.path(), "acme");
    for round in 0..30 {
        let keys = [format!("{round}-a"), format!("{round}-b")];
        let write = tokio::spawn({
            let data = data.clone();
            async move { put(&data, &[&keys[0], &keys[1]], &json!({})).await }
        });
        for _ in 0..round % 5 {
            tokio::task::yield_now().await;
        }
        write.abort();
    }
    put(&data, &["last"], &json!({})).await.unwrap();
    let shown = all(&data).await.unwrap();
    assert_eq!(shown.len() % 2, 0, "three, whole batches, and the last");
    drop(data);
    assert_eq!(all(&open(folder.path(), "acme")).await, Ok(shown));
}

#[tokio::test]
async fn what_waits_is_bounded_and_the_rest_is_told_to_come_again() {
    const AT_ONCE: usize = 2500;
    let (folder, _) = filled(&["acme"]).await;
    let data = open(folder.path(), "acme");
    let writes: Vec<_> = (0..AT_ONCE)
        .map(|number| {
            let data = data.clone();
            tokio::spawn(async move { put(&data, &[&format!("w{number}")], &json!({})).await })
        })
        .collect();
    let (mut written, mut refused) = (0, 0);
    for write in writes {
        match write.await.unwrap() {
            Ok(()) => written += 1,
            Err(error) => {
                assert!(error.is_retryable(), "{error}");
                refused += 1;
            }
        }
    }
    assert!(written >= 1000 && refused > 0, "{written} were written, {refused} refused");
    put(&data, &["w"], &json!({})).await.unwrap();
    let filter = Filter::Not(Box::new(Filter::Exists { path: "rank".into() }));
    assert_eq!(data.count("thing", &filter).await.unwrap(), written + 1);
}
