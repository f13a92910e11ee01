//! What an operator does with the files: which there are, what they are, and taking them away.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use storage::{
    Batch, EmbeddedConfig, EmbeddedStore, Filter, Kind, NamespacedStore, Schema, Store, StoreErrorKind,
    lifecycle,
};
use tenant_core::{ActiveTenant, Context, Incarnation};

use crate::support::{body, id, install, schema, tenant};

fn open(folder: &Path, schema: Schema) -> Arc<EmbeddedStore> {
    Arc::new(EmbeddedStore::open(EmbeddedConfig::new(folder), schema).expect("a store"))
}

/// The kinds of the other tests, as a program before them declared them.
fn earlier_schema() -> Schema {
    Schema::new(0, vec![Kind::new("event")]).expect("a schema")
}

async fn write(store: &Arc<EmbeddedStore>, tenant: &ActiveTenant, key: &str) {
    let store: Arc<dyn Store> = store.clone();
    let data = NamespacedStore::new(store, tenant, Context::Production);
    let mut batch = Batch::default();
    batch.put("event", id(key), body(json!({"time": "2026-01-01T12:00:00Z"})));
    data.write(batch).await.expect("written");
}

#[tokio::test]
async fn the_files_of_a_tenant_are_told_with_their_sizes_and_whether_they_wait_for_an_upgrade() {
    let folder = tempfile::tempdir().expect("a folder");
    let (acme, globex) = (tenant("acme"), tenant("globex"));
    let store = open(folder.path(), earlier_schema());
    let dynamic: Arc<dyn Store> = store.clone();
    install(&dynamic, &acme).await;
    write(&store, &acme, "e1").await;
    drop((store, dynamic));

    let store = open(folder.path(), schema());
    let dynamic: Arc<dyn Store> = store.clone();
    install(&dynamic, &globex).await;
    let life = acme.incarnation();
    assert_eq!(store.installed().expect("listed"), [(*acme.id(), life), (*globex.id(), life)]);
    let older = async |of: &ActiveTenant| {
        let files = store.files(of.id(), of.incarnation()).await.expect("listed");
        let mut older = Vec::new();
        for file in files {
            assert_eq!(file.bytes, fs::metadata(&file.path).expect("it is there").len());
            assert!(file.path.ends_with(format!("{}/{}.db", of.incarnation(), file.context)));
            older.push((file.context, file.is_older.expect("readable")));
        }
        older
    };
    let both = |are: bool| Context::ALL.map(|context| (context, are));
    assert_eq!(older(&acme).await, both(true));
    assert_eq!(older(&acme).await, both(true), "looking upgrades nothing");
    assert_eq!(older(&globex).await, both(false));
    lifecycle::upgrade(&dynamic, acme.id(), life).await.expect("upgraded");
    assert_eq!(older(&acme).await, both(false));
    assert!(store.files(acme.id(), Incarnation::fixed("another")).await.expect("listed").is_empty());
}

#[tokio::test]
async fn a_file_that_is_missing_is_not_told_and_one_that_cannot_be_read_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let acme = tenant("acme");
    let store = open(folder.path(), schema());
    let dynamic: Arc<dyn Store> = store.clone();
    install(&dynamic, &acme).await;
    drop((store, dynamic));
    let home = folder.path().join(format!("tenants/acme/{}", acme.incarnation()));
    fs::remove_file(home.join("staging.db")).expect("removed");
    fs::write(home.join("production.db"), vec![b'x'; 8192]).expect("overwritten");

    let store = open(folder.path(), schema());
    let files = store.files(acme.id(), acme.incarnation()).await.expect("listed");
    assert_eq!(files.len(), 1, "{files:?}");
    assert_eq!((files[0].context, files[0].bytes), (Context::Production, 8192));
    let unreadable = files[0].is_older.as_ref().expect_err("nobody can tell");
    assert_eq!(unreadable.kind(), StoreErrorKind::Corrupt);
}

#[tokio::test]
async fn a_detached_tenant_is_two_plain_files_until_it_is_used_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let acme = tenant("acme");
    let store = open(folder.path(), schema());
    let dynamic: Arc<dyn Store> = store.clone();
    install(&dynamic, &acme).await;
    write(&store, &acme, "e1").await;
    let home = folder.path().join(format!("tenants/acme/{}", acme.incarnation()));
    let names = || {
        let files = fs::read_dir(&home).expect("a folder").map(|entry| entry.expect("a file").file_name());
        let mut names: Vec<_> = files.map(|name| name.into_string().expect("text")).collect();
        names.sort();
        names
    };
    assert!(names().contains(&"production.db-wal".to_owned()), "it is open");

    let paths = store.detach(acme.id(), acme.incarnation()).await.expect("detached");
    assert_eq!(paths, [home.join("staging.db"), home.join("production.db")]);
    assert_eq!(names(), ["production.db", "staging.db"]);
    let copy = tempfile::tempdir().expect("a folder");
    let there = copy.path().join(format!("tenants/acme/{}", acme.incarnation()));
    fs::create_dir_all(&there).expect("folders");
    for path in &paths {
        fs::copy(path, there.join(path.file_name().expect("a name"))).expect("copied");
    }
    write(&store, &acme, "e2").await;

    let copied: Arc<dyn Store> = open(copy.path(), schema());
    let data = NamespacedStore::new(copied, &acme, Context::Production);
    assert_eq!(data.count("event", &Filter::All).await.expect("counted"), 1, "the copy is whole");
    let nobody = store.detach(tenant("globex").id(), acme.incarnation()).await.expect_err("nobody's");
    assert_eq!(nobody.kind(), StoreErrorKind::NotInstalled);
}
