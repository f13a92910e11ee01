//! Files that are not where they were, not whole, or somebody else's.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use storage::{Batch, EmbeddedConfig, EmbeddedStore, Filter, NamespacedStore, Store, StoreErrorKind};
use tenant_core::{ActiveTenant, Context};

use crate::support::{body, file, id, install, open, schema, tenant};

fn production(store: &Arc<dyn Store>, tenant: &ActiveTenant) -> NamespacedStore {
    NamespacedStore::new(Arc::clone(store), tenant, Context::Production)
}

async fn write(data: &NamespacedStore, key: &str) -> Result<(), StoreErrorKind> {
    let mut batch = Batch::default();
    batch.put("profile", id(key), body(json!({"key": key})));
    data.write(batch).await.map(drop).map_err(|error| error.kind())
}

async fn count(data: &NamespacedStore) -> Result<u64, StoreErrorKind> {
    data.count("profile", &Filter::All).await.map_err(|error| error.kind())
}

#[tokio::test]
async fn a_folder_in_use_is_refused_and_names_the_process() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = open(folder.path()).expect("a store");
    let refused = open(folder.path()).err().expect("refused").to_string();
    assert!(refused.contains(&format!("process {}", std::process::id())), "{refused}");
    drop(first);
    open(folder.path()).expect("the folder is free again");
}

#[tokio::test]
async fn folders_and_files_are_for_their_owner_alone() {
    let parent = tempfile::tempdir().expect("a folder");
    let folder = parent.path().join("new/data");
    let store = open(&folder).expect("a store in a new folder");
    let acme = tenant("acme");
    install(&store, &acme).await;
    write(&production(&store, &acme), "a").await.expect("written");
    let db = file(&folder, &acme, Context::Production);
    let journal = db.with_extension("db-wal");
    let mode = |path: &Path| fs::metadata(path).expect("exists").permissions().mode() & 0o777;
    for path in [&db, &journal, &folder.join("tenants/.lock")] {
        assert_eq!(mode(path), 0o600, "{}", path.display());
    }
    for path in db.ancestors().skip(1).take_while(|path| path.starts_with(&folder)) {
        assert_eq!(mode(path), 0o700, "{}", path.display());
    }
}

#[tokio::test]
async fn a_tenant_whose_folder_is_moved_away_while_open_is_not_installed_until_it_is_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).expect("a store");
    let acme = tenant("acme");
    install(&store, &acme).await;
    let data = production(&store, &acme);
    write(&data, "a").await.expect("written");

    let (home, away) = (folder.path().join("tenants/acme"), folder.path().join("away"));
    fs::rename(&home, &away).expect("moved away");
    assert_eq!(write(&data, "b").await, Err(StoreErrorKind::NotInstalled));
    assert_eq!(count(&data).await, Err(StoreErrorKind::NotInstalled));
    assert!(!home.exists(), "nothing was made in its place");

    fs::rename(&away, &home).expect("moved back");
    assert_eq!(count(&data).await, Ok(1));
    write(&data, "b").await.expect("written");
    assert_eq!(count(&data).await, Ok(2));
}

#[tokio::test]
async fn a_copy_that_replaces_the_file_is_brought_up_to_what_was_acknowledged() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).expect("a store");
    let acme = tenant("acme");
    install(&store, &acme).await;
    let data = production(&store, &acme);
    write(&data, "kept").await.expect("written");
    // What was written last is in the journal alone, of the copy too.
    let db = file(folder.path(), &acme, Context::Production);
    let both = [("copy.db", db.clone()), ("copy.db-wal", db.with_extension("db-wal"))];
    for (copy, path) in &both {
        fs::copy(path, folder.path().join(copy)).expect("copied");
    }
    write(&data, "acknowledged").await.expect("written");
    for (copy, path) in both {
        fs::rename(folder.path().join(copy), path).expect("replaced");
    }
    assert_eq!(count(&data).await, Ok(2), "the journal has what the copy has not");
    write(&data, "after").await.expect("written");
    drop((data, store));

    let store = open(folder.path()).expect("the store again");
    assert_eq!(
        count(&production(&store, &acme)).await,
        Ok(3),
        "closing the old file took nothing from the new one"
    );
}

#[tokio::test]
async fn a_file_of_another_namespace_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).expect("a store");
    let (acme, globex) = (tenant("acme"), tenant("globex"));
    install(&store, &acme).await;
    install(&store, &globex).await;
    write(&production(&store, &acme), "a").await.expect("written");
    drop(store);
    let (from, to) =
        (file(folder.path(), &acme, Context::Production), file(folder.path(), &globex, Context::Production));
    fs::copy(&from, &to).expect("copied to the wrong place");

    let store = open(folder.path()).expect("the store again");
    assert_eq!(count(&production(&store, &globex)).await, Err(StoreErrorKind::NotInstalled));
    assert_eq!(write(&production(&store, &globex), "b").await, Err(StoreErrorKind::NotInstalled));
    let lifecycle = storage::lifecycle::install(&store, globex.id(), globex.incarnation()).await;
    assert!(lifecycle.is_err(), "an install does not take it either");
    assert_eq!(fs::read(&from).expect("read"), fs::read(&to).expect("read"));
    assert_eq!(count(&production(&store, &acme)).await, Ok(1));
}

#[tokio::test]
async fn an_install_that_was_interrupted_is_completed_by_the_next_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).expect("a store");
    let acme = tenant("acme");
    let db = file(folder.path(), &acme, Context::Production);
    fs::create_dir_all(db.parent().expect("a folder")).expect("folders");
    fs::write(&db, b"").expect("a file that was created and not filled");
    let data = production(&store, &acme);
    assert_eq!(count(&data).await, Err(StoreErrorKind::NotInstalled));
    let handle = install(&store, &acme).await;
    assert_eq!(handle.created(Context::Production).indices.len(), 1);
    assert_eq!(count(&data).await, Ok(0));
}

#[tokio::test]
async fn what_is_no_file_of_ours_is_corrupt_for_its_tenant_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).expect("a store");
    let (acme, globex) = (tenant("acme"), tenant("globex"));
    install(&store, &acme).await;
    install(&store, &globex).await;
    drop(store);
    let db = file(folder.path(), &acme, Context::Production);
    fs::write(&db, vec![b'x'; 8192]).expect("overwritten");

    let store = open(folder.path()).expect("the store again");
    assert_eq!(count(&production(&store, &acme)).await, Err(StoreErrorKind::Corrupt));
    let lifecycle = storage::lifecycle::install(&store, acme.id(), acme.incarnation()).await;
    assert_eq!(lifecycle.err().map(|error| error.kind()), Some(StoreErrorKind::Corrupt));
    assert_eq!(fs::read(&db).expect("read"), vec![b'x'; 8192], "an install empties nothing");
    assert_eq!(count(&production(&store, &globex)).await, Ok(0));
}

#[tokio::test]
async fn more_tenants_than_open_files_are_served() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = EmbeddedConfig::new(folder.path());
    config.open_files = 3.try_into().expect("not zero");
    let store: Arc<dyn Store> = Arc::new(EmbeddedStore::open(config, schema()).expect("a store"));
    let tenants: Vec<_> = (0..8).map(|number| tenant(&format!("tenant-{number}"))).collect();
    for tenant in &tenants {
        install(&store, tenant).await;
    }
    for round in 1..=5 {
        for tenant in &tenants {
            let data = production(&store, tenant);
            write(&data, &format!("round-{round}")).await.expect("written");
            assert_eq!(count(&data).await, Ok(round));
        }
    }
    // Closing goes on behind the calls: wait for it, not for a time.
    let open_files = || {
        let links = fs::read_dir("/proc/self/fd").expect("a list of open files").filter_map(Result::ok);
        let targets = links.filter_map(|link| fs::read_link(link.path()).ok());
        targets
            .filter(|path| path.starts_with(folder.path()) && path.extension() == Some("db".as_ref()))
            .count()
    };
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while open_files() > 3 * 3 {
        assert!(std::time::Instant::now() < deadline, "{} connections are still open", open_files());
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn one_of_many_that_race_for_an_id_creates_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).expect("a store");
    let acme = tenant("acme");
    install(&store, &acme).await;
    let racers: Vec<_> = (0..16)
        .map(|number| {
            let data = production(&store, &acme);
            tokio::spawn(async move {
                let mut batch = Batch::default();
                batch.create("profile", id("one"), body(json!({"by": number})));
                batch.put("profile", id(&format!("by-{number}")), body(json!({})));
                data.write(batch).await.map_err(|error| error.kind())
            })
        })
        .collect();
    let mut created = 0;
    for racer in racers {
        match racer.await.expect("no panic") {
            Ok(_) => created += 1,
            Err(kind) => assert_eq!(kind, StoreErrorKind::Conflict { item: 0 }),
        }
    }
    assert_eq!(created, 1);
    assert_eq!(count(&production(&store, &acme)).await, Ok(2), "what lost the race left nothing");
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_all_of_a_batch_or_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).expect("a store");
    let acme = tenant("acme");
    install(&store, &acme).await;
    let data = production(&store, &acme);
    for round in 0..50 {
        let mut batch = Batch::default();
        for part in 0..10 {
            batch.put("profile", id(&format!("{round}-{part}")), body(json!({})));
        }
        let write = tokio::spawn({
            let data = data.clone();
            async move { data.write(batch).await }
        });
        for _ in 0..round % 5 {
            tokio::task::yield_now().await;
        }
        write.abort();
    }
    write(&data, "last").await.expect("written");
    let count = count(&data).await.expect("counted");
    assert_eq!(count % 10, 1, "{count} documents");
}
