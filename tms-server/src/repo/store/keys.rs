//! The tables `api_key` and `api_key_secret`.

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::super::error::DamagedRow;
use super::super::sql::{Row, Tx};
use super::super::{Generation, KeyRepo, KeyRow, NewKey, RepoError, Stamp};
use super::{SqlRepo, audit, time};
use crate::keys::Scope;
use crate::secret::Digest;

/// Selects the generations of keys, each with its key.
macro_rules! select_keys {
    ($which:literal) => {
        concat!(
            "SELECT id, scope, label, created, generation, sha256, until \
             FROM api_key JOIN api_key_secret ON key_id = id ",
            $which
        )
    };
}

const BY_ID: &str = select_keys!("WHERE id = $1 ORDER BY generation");

#[async_trait]
impl KeyRepo for SqlRepo {
    async fn insert_key(&self, key: &NewKey, stamp: &Stamp) -> Result<(), RepoError> {
        let mut tx = self.engine.write().await?;
        insert(&mut tx, key, stamp).await?;
        Ok(tx.commit().await?)
    }

    async fn insert_first_key(&self, key: &NewKey, stamp: &Stamp) -> Result<bool, RepoError> {
        let mut tx = self.engine.write().await?;
        if tx.row("SELECT id FROM api_key LIMIT 1", &[]).await?.is_some() {
            return Ok(false);
        }
        insert(&mut tx, key, stamp).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn replace_keys(&self, key: &NewKey, stamp: &Stamp) -> Result<(), RepoError> {
        let mut tx = self.engine.write().await?;
        let of_label = select_keys!("WHERE label = $1 ORDER BY id, generation");
        for row in collect(&tx.rows(of_label, &[key.label.as_str().into()]).await?)? {
            delete(&mut tx, &row, stamp).await?;
        }
        insert(&mut tx, key, stamp).await?;
        Ok(tx.commit().await?)
    }

    async fn key(&self, id: &str) -> Result<Option<KeyRow>, RepoError> {
        Ok(collect(&self.engine.rows(BY_ID, &[id.into()]).await?)?.pop())
    }

    async fn list_keys(&self) -> Result<Vec<KeyRow>, RepoError> {
        collect(&self.engine.rows(select_keys!("ORDER BY id, generation"), &[]).await?)
    }

    async fn rotate_key(
        &self,
        id: &str,
        sha256: &Digest,
        until: Timestamp,
        stamp: &Stamp,
    ) -> Result<bool, RepoError> {
        let mut tx = self.engine.write().await?;
        let Some(key) = find(&mut tx, id).await? else { return Ok(false) };
        for generation in &key.generations {
            let until = generation.until.map_or(until, |earlier| earlier.min(until));
            tx.execute(
                "UPDATE api_key_secret SET until = $1 WHERE key_id = $2 AND generation = $3",
                &[until.to_string().into(), id.into(), generation.number.into()],
            )
            .await?;
        }
        let newest = key.newest();
        insert_generation(&mut tx, id, newest + 1, sha256).await?;
        let (was, became) = (audited(&key, newest), audited(&key, newest + 1));
        audit::add(&mut tx, stamp, "key.rotate", None, Some(&was), Some(&became)).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn delete_key(&self, id: &str, stamp: &Stamp) -> Result<Option<KeyRow>, RepoError> {
        let mut tx = self.engine.write().await?;
        let Some(key) = find(&mut tx, id).await? else { return Ok(None) };
        delete(&mut tx, &key, stamp).await?;
        tx.commit().await?;
        Ok(Some(key))
    }
}

async fn insert(tx: &mut Tx, key: &NewKey, stamp: &Stamp) -> Result<(), RepoError> {
    tx.execute(
        "INSERT INTO api_key (id, scope, label, created) VALUES ($1, $2, $3, $4)",
        &[
            key.id.as_str().into(),
            key.scope.as_str().into(),
            key.label.as_str().into(),
            key.created.to_string().into(),
        ],
    )
    .await?;
    insert_generation(tx, &key.id, 1, &key.sha256).await?;
    let became = describe(&key.id, key.scope, &key.label, 1);
    audit::add(tx, stamp, "key.issue", None, None, Some(&became)).await
}

async fn insert_generation(tx: &mut Tx, id: &str, number: i64, sha256: &Digest) -> Result<(), RepoError> {
    let insert = "INSERT INTO api_key_secret (key_id, generation, sha256) VALUES ($1, $2, $3)";
    tx.execute(insert, &[id.into(), number.into(), sha256.as_slice().into()]).await?;
    Ok(())
}

async fn delete(tx: &mut Tx, key: &KeyRow, stamp: &Stamp) -> Result<(), RepoError> {
    tx.execute("DELETE FROM api_key WHERE id = $1", &[key.id.as_str().into()]).await?;
    audit::add(tx, stamp, "key.revoke", None, Some(&audited(key, key.newest())), None).await
}

async fn find(tx: &mut Tx, id: &str) -> Result<Option<KeyRow>, RepoError> {
    Ok(collect(&tx.rows(BY_ID, &[id.into()]).await?)?.pop())
}

/// What the audit says of a key: never its secret, nor that one's digest.
fn audited(key: &KeyRow, generation: i64) -> Json {
    describe(&key.id, key.scope, &key.label, generation)
}

fn describe(id: &str, scope: Scope, label: &str, generation: i64) -> Json {
    json!({ "id": id, "scope": scope.as_str(), "label": label, "generation": generation })
}

/// The keys of rows that are sorted by key and generation.
fn collect(rows: &[Row]) -> Result<Vec<KeyRow>, RepoError> {
    let mut keys: Vec<KeyRow> = Vec::new();
    for row in rows {
        let next = key_row(row)?;
        let generation = generation(row)?;
        match keys.last_mut().filter(|last| last.id == next.id) {
            Some(last) => last.generations.push(generation),
            None => keys.push(KeyRow { generations: vec![generation], ..next }),
        }
    }
    Ok(keys)
}

/// The key of a row, without its generations.
fn key_row(row: &Row) -> Result<KeyRow, RepoError> {
    Ok(KeyRow {
        id: row.text("id")?,
        scope: Scope::parse(&row.text("scope")?).ok_or(DamagedRow("key's scope"))?,
        label: row.text("label")?,
        created: time(&row.text("created")?, "key's time of creation")?,
        generations: Vec::new(),
    })
}

fn generation(row: &Row) -> Result<Generation, RepoError> {
    let until = row.optional("until")?;
    Ok(Generation {
        number: row.int("generation")?,
        sha256: row.bytes("sha256")?.try_into().map_err(|_| DamagedRow("key's digest"))?,
        until: until.map(|text| time(&text, "key's end")).transpose()?,
    })
}
