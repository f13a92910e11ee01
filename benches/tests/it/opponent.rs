//! The opponent writes the same rows, and both are counted after they were measured.

use std::path::Path;

use benches::bare::{self, Bare};
use benches::events::{Events, batch};
use benches::{Result, tenants};
use rusqlite::Connection;

/// All rows, without the versions: each side counts its own.
fn rows(path: &Path) -> Result<Vec<Vec<rusqlite::types::Value>>> {
    let connection = Connection::open(path)?;
    let mut select = connection
        .prepare("SELECT id, f0, f1, f2, f3, f4, typeof(version), body FROM doc_event ORDER BY id")?;
    let rows = select.query_map([], |row| (0..8).map(|column| row.get(column)).collect())?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn schema(path: &Path) -> Result<Vec<String>> {
    let connection = Connection::open(path)?;
    let mut select =
        connection.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY sql")?;
    Ok(select.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
}

#[tokio::test]
async fn bare_sqlite_writes_the_same_rows_into_the_same_tables() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let blueprint = tenants::blueprint(&folder.path().join("blueprint")).await?;
    let store = tenants::open(folder.path(), None)?;
    tenants::install(&store, 0..1).await?;
    tenants::data(&store, 0)?.write(batch(Events::new(3).take(200))).await?;
    drop(store);
    tenants::must_hold(folder.path(), [(0, 200)]).await?;

    let path = folder.path().join("bare");
    Bare::create(&path, &blueprint)?.commit(Events::new(3).take(200))?;

    let ours = tenants::file(folder.path(), 0)?;
    assert_eq!(rows(&path)?.len(), 200);
    assert_eq!(rows(&path)?, rows(&ours)?);
    assert_eq!(schema(&path)?, schema(&ours)?);
    Ok(())
}

#[tokio::test]
async fn an_event_that_is_missing_is_noticed() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let store = tenants::open(folder.path(), None)?;
    tenants::install(&store, 0..2).await?;
    tenants::data(&store, 1)?.write(batch(Events::new(3).take(20))).await?;
    drop(store);
    tenants::must_hold(folder.path(), [(0, 0), (1, 20)]).await?;
    assert!(tenants::must_hold(folder.path(), [(0, 0), (1, 21)]).await.is_err());

    let file = tenants::file(folder.path(), 1)?;
    bare::must_hold(&file, 20)?;
    assert!(bare::must_hold(&file, 21).is_err());
    Ok(())
}
