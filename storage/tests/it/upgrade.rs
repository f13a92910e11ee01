//! Files of older programs: opened, upgraded, and refused by programs that are older still.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;
use storage::{
    Batch, EmbeddedConfig, EmbeddedStore, FieldType, Filter, Kind, NamespacedStore, Order, Query, Schema,
    Sort, Store, StoreErrorKind, lifecycle,
};
use tenant_core::{ActiveTenant, Context};

use crate::support::{body, id, schema, tenant};

/// The data folder of the fixture, as its program left it.
fn first_format(folder: &Path, acme: &ActiveTenant) -> PathBuf {
    let home = folder.join(format!("tenants/acme/{}", acme.incarnation()));
    fs::create_dir_all(&home).expect("folders");
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/format-1");
    for file in ["production.db", "staging.db"] {
        fs::copy(fixture.join(file), home.join(file)).expect("copied");
    }
    home.join("production.db")
}

/// Another field, another index and another kind than the fixture has.
fn second_schema() -> Schema {
    let event = Kind::new("event")
        .with_field("time", FieldType::Date)
        .with_field("type", FieldType::Text)
        .with_index(&["type", "time"])
        .with_time_field("time");
    Schema::new(2, vec![event, Kind::new("profile"), Kind::new("session")]).expect("a schema")
}

fn open(folder: &Path, schema: Schema) -> Arc<dyn Store> {
    Arc::new(EmbeddedStore::open(EmbeddedConfig::new(folder), schema).expect("a store"))
}

fn production(store: &Arc<dyn Store>, acme: &ActiveTenant) -> NamespacedStore {
    NamespacedStore::new(Arc::clone(store), acme, Context::Production)
}

async fn has_what_the_fixture_has(data: &NamespacedStore) {
    assert_eq!(data.count("event", &Filter::All).await.expect("counted"), 99);
    assert_eq!(data.count("profile", &Filter::All).await.expect("counted"), 5);
    assert_eq!(data.get("event", &id("e050")).await.expect("read"), None);
    let event = data.get("event", &id("e044")).await.expect("read").expect("an event");
    let expected =
        json!({"time": "2026-01-17T12:00:44.5Z", "type": "zoë", "session": {"id": "s2"}, "n": 11.0});
    assert_eq!(event.body, body(expected));
    let changed = data.get("profile", &id("p0")).await.expect("read").expect("a profile");
    assert_eq!(changed.body, body(json!({"name": "changed"})));
    assert_eq!(data.count("event", &Filter::equals("type", "zoë")).await.expect("counted"), 32);
}

#[tokio::test]
async fn files_of_the_first_format_are_read_and_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let acme = tenant("acme");
    first_format(folder.path(), &acme);
    for round in 0..2 {
        let store = open(folder.path(), schema());
        let data = production(&store, &acme);
        has_what_the_fixture_has(&data).await;
        let mut batch = Batch::default();
        batch.delete("event", id("none"));
        data.write(batch).await.expect("written");
        let upgraded = lifecycle::upgrade(&store, acme.id(), acme.incarnation()).await.expect("upgraded");
        assert_eq!(upgraded, round == 0, "staging had not been opened before");
    }
}

#[tokio::test]
async fn another_schema_is_taken_over_with_its_fields_indexes_and_kinds() {
    let folder = tempfile::tempdir().expect("a folder");
    let acme = tenant("acme");
    let file = first_format(folder.path(), &acme);
    let store = open(folder.path(), second_schema());
    let data = production(&store, &acme);
    has_what_the_fixture_has(&data).await;
    let by_time = Sort { path: "time".into(), order: Order::Descending };
    let query = Query { filter: Filter::equals("type", "view"), sort: vec![by_time], ..Query::default() };
    let found = data.search("event", &query).await.expect("sorted by a field of before");
    assert_eq!(found.total, 34);
    let mut batch = Batch::default();
    batch.create("session", id("s1"), body(json!({})));
    data.write(batch).await.expect("a kind that is new");
    drop((data, store));

    let connection = rusqlite::Connection::open(&file).expect("the file");
    let sql = "SELECT count(*) FROM doc_event WHERE f1 = CAST('view' AS BLOB)";
    let columns: i64 = connection.query_row(sql, [], |row| row.get(0)).expect("the column");
    let rest = "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'next%' OR name = 'upgrade'";
    let rest: i64 = connection.query_row(rest, [], |row| row.get(0)).expect("counted");
    let integrity: String =
        connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("an answer");
    assert_eq!((columns, rest, integrity.as_str()), (34, 0, "ok"));
    drop(connection);

    let store = open(folder.path(), schema());
    let refused = production(&store, &acme).count("event", &Filter::All).await.expect_err("an older program");
    assert_eq!(refused.kind(), StoreErrorKind::Backend);
    assert!(refused.to_string().contains("newer"), "{refused}");
}

#[tokio::test]
async fn a_document_that_does_not_fit_ends_the_upgrade_and_loses_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let acme = tenant("acme");
    first_format(folder.path(), &acme);
    let wrong = Kind::new("event").with_field("type", FieldType::Number);
    let store = open(folder.path(), Schema::new(2, vec![wrong, Kind::new("profile")]).expect("a schema"));
    for _ in 0..2 {
        let refused = production(&store, &acme).count("event", &Filter::All).await.expect_err("refused");
        assert!(refused.to_string().contains("`e000`"), "{refused}");
    }
    drop(store);
    // What was begun for those kinds is no obstacle to others.
    has_what_the_fixture_has(&production(&open(folder.path(), second_schema()), &acme)).await;
}

#[tokio::test]
async fn an_upgrade_that_was_interrupted_goes_on_where_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let acme = tenant("acme");
    let file = first_format(folder.path(), &acme);
    // As a killed upgrade leaves it: some documents copied, and a mark on one of them that a second copy would not have.
    drop(production(&open(folder.path(), schema()), &acme).count("event", &Filter::All).await);
    let connection = rusqlite::Connection::open(&file).expect("the file");
    let target = "event\n  time date\n  type text\n  index [1, 0]\n  index [0]\nprofile\nsession\n";
    connection
        .execute_batch(&format!(
            "CREATE TABLE upgrade (declaration TEXT NOT NULL) STRICT;
             INSERT INTO upgrade VALUES ('{target}');
             CREATE TABLE next_event (id TEXT PRIMARY KEY NOT NULL, version INTEGER NOT NULL, f0 BLOB, f1 BLOB,
                                      body TEXT NOT NULL) STRICT;
             INSERT INTO next_event SELECT id, version, f0, CAST('marked' AS BLOB), body FROM doc_event
                                    WHERE id <= 'e010';"
        ))
        .expect("begun");
    drop(connection);
    let store = open(folder.path(), second_schema());
    assert_eq!(production(&store, &acme).count("event", &Filter::All).await.expect("counted"), 99);
    drop(store);
    let connection = rusqlite::Connection::open(&file).expect("the file");
    let sql = "SELECT count(*) FROM doc_event WHERE f1 = CAST('marked' AS BLOB)";
    let kept: i64 = connection.query_row(sql, [], |row| row.get(0)).expect("counted");
    assert_eq!(kept, 11, "what had been copied was not copied again");
}

#[tokio::test]
async fn the_same_version_with_other_kinds_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let acme = tenant("acme");
    first_format(folder.path(), &acme);
    let changed = vec![Kind::new("event"), Kind::new("profile").with_field("name", FieldType::Text)];
    let store = open(folder.path(), Schema::new(1, changed).expect("a schema"));
    let refused = production(&store, &acme).count("profile", &Filter::All).await.expect_err("refused");
    assert_eq!(refused.kind(), StoreErrorKind::Backend);
    assert!(refused.to_string().contains("the kinds changed"), "{refused}");
}
