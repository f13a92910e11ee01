//! Files as an older program has left them: earlier kinds, an earlier format.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use storage::{
    Batch, DocumentId, EmbeddedConfig, EmbeddedStore, Filter, Kind, NamespacedStore, Schema, Store, lifecycle,
};
use tempfile::TempDir;
use tenant_core::{Context, Incarnation, TenantName};

/// The kinds before those of today: version 0, of which nothing but documents is known, and fewer of them.
fn earlier() -> Schema {
    Schema::new(0, ["event", "profile", "user"].map(Kind::new).into()).expect("a schema")
}

fn open(data_dir: &Path, schema: Schema) -> Arc<dyn Store> {
    Arc::new(EmbeddedStore::open(EmbeddedConfig::new(data_dir), schema).expect("a store"))
}

fn id(name: &str) -> tenant_core::TenantId {
    name.parse::<TenantName>().expect("a name").id()
}

pub(crate) fn life(name: &str) -> Incarnation {
    Incarnation::fixed(name)
}

async fn data(store: &Arc<dyn Store>, name: &str, incarnation: Incarnation) -> NamespacedStore {
    lifecycle::install(store, &id(name), incarnation).await.expect("installed").data(Context::Production)
}

/// A data folder with these tenants, each with an event, as the older program has closed it.
pub(crate) async fn older_folder(names: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path(), earlier());
    for name in names {
        put(&data(&store, name, life(name)).await, "e1", json!({ "type": "page-view" })).await;
    }
    folder
}

/// Another life of a tenant, written by the older program.
pub(crate) async fn install_again(data_dir: &Path, name: &str, incarnation: &str) -> Incarnation {
    let incarnation = Incarnation::fixed(incarnation);
    data(&open(data_dir, earlier()), name, incarnation).await;
    incarnation
}

/// An event that the older program has written.
pub(crate) async fn write(data_dir: &Path, name: &str, event: &str, body: Value) {
    put(&data(&open(data_dir, earlier()), name, life(name)).await, event, body).await;
}

async fn put(data: &NamespacedStore, event: &str, body: Value) {
    let mut batch = Batch::default();
    batch.put("event", DocumentId::new(event).expect("an id"), body.as_object().expect("an object").clone());
    data.write(batch).await.expect("written");
}

/// How many events of a type today's program finds.
pub(crate) async fn events_by_type(data_dir: &Path, name: &str, event_type: &str) -> u64 {
    let store = open(data_dir, customer_data::schema().expect("a schema"));
    let data = data(&store, name, life(name)).await;
    data.count("event", &Filter::equals("type", event_type)).await.expect("counted")
}

pub(crate) fn production(data_dir: &Path, name: &str) -> PathBuf {
    data_dir.join("tenants").join(id(name).as_str()).join(life(name).to_string()).join("production.db")
}

/// Makes a file of format 2 one of format 1, which differs from it in one column.
pub(crate) fn bring_to_the_first_format(file: &Path) {
    let connection = rusqlite::Connection::open(file).expect("the file");
    connection
        .execute_batch("ALTER TABLE meta DROP COLUMN life; PRAGMA user_version = 1;")
        .expect("a file of format 2");
    let fixture =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../storage/tests/fixtures/format-1/production.db");
    // Immutable: SQLite leaves nothing beside the fixture.
    let fixture =
        rusqlite::Connection::open(format!("file:{}?immutable=1", fixture.display())).expect("the fixture");
    let format = |connection: &rusqlite::Connection| {
        let columns =
            "SELECT group_concat(name || ' ' || type || ' ' || \"notnull\") FROM pragma_table_info('meta')";
        let columns: String = connection.query_row(columns, [], |row| row.get(0)).expect("columns");
        let number: i64 =
            connection.query_row("PRAGMA user_version", [], |row| row.get(0)).expect("a number");
        (columns, number)
    };
    assert_eq!(format(&connection), format(&fixture), "it is what the first program wrote");
}
