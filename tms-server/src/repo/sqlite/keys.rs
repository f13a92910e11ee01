//! The tables `api_key`, `api_key_secret` and `signing_secret`.

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::super::{DamagedRow, Generation, KeyRepo, KeyRow, NewKey, RepoError};
use super::{SqliteRepo, time};
use crate::keys::Scope;
use crate::secret::Digest;

#[async_trait]
impl KeyRepo for SqliteRepo {
    async fn insert_key(&self, key: &NewKey) -> Result<(), RepoError> {
        let mut tx = self.begin().await?;
        insert(&mut tx, key).await?;
        Ok(tx.commit().await?)
    }

    async fn insert_first_key(&self, key: &NewKey) -> Result<bool, RepoError> {
        let mut tx = self.begin().await?;
        if sqlx::query("SELECT 1 FROM api_key LIMIT 1").fetch_optional(&mut *tx).await?.is_some() {
            return Ok(false);
        }
        insert(&mut tx, key).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn replace_keys(&self, key: &NewKey) -> Result<(), RepoError> {
        let mut tx = self.begin().await?;
        sqlx::query("DELETE FROM api_key WHERE label = ?").bind(&key.label).execute(&mut *tx).await?;
        insert(&mut tx, key).await?;
        Ok(tx.commit().await?)
    }

    async fn key(&self, id: &str) -> Result<Option<KeyRow>, RepoError> {
        let mut tx = self.read.begin().await?;
        find(&mut tx, id).await
    }

    async fn list_keys(&self) -> Result<Vec<KeyRow>, RepoError> {
        let rows =
            sqlx::query("SELECT * FROM api_key JOIN api_key_secret ON key_id = id ORDER BY id, generation")
                .fetch_all(&self.read)
                .await?;
        let mut keys: Vec<KeyRow> = Vec::new();
        for row in &rows {
            let next = key_row(row)?;
            let generation = generation(row)?;
            match keys.last_mut().filter(|last| last.id == next.id) {
                Some(last) => last.generations.push(generation),
                None => keys.push(KeyRow { generations: vec![generation], ..next }),
            }
        }
        Ok(keys)
    }

    async fn rotate_key(&self, id: &str, sha256: &Digest, until: Timestamp) -> Result<bool, RepoError> {
        let mut tx = self.begin().await?;
        let Some(key) = find(&mut tx, id).await? else { return Ok(false) };
        let newest = key.generations.iter().map(|generation| generation.number).max().unwrap_or(0);
        for generation in key.generations {
            let until = generation.until.map_or(until, |earlier| earlier.min(until));
            sqlx::query("UPDATE api_key_secret SET until = ? WHERE key_id = ? AND generation = ?")
                .bind(until.to_string())
                .bind(id)
                .bind(generation.number)
                .execute(&mut *tx)
                .await?;
        }
        insert_generation(&mut tx, id, newest + 1, sha256).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn delete_key(&self, id: &str) -> Result<Option<KeyRow>, RepoError> {
        let mut tx = self.begin().await?;
        let found = find(&mut tx, id).await?;
        sqlx::query("DELETE FROM api_key WHERE id = ?").bind(id).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(found)
    }

    async fn signing_secret(&self, candidate: &[u8], now: Timestamp) -> Result<Vec<u8>, RepoError> {
        let mut tx = self.begin().await?;
        let newest = sqlx::query("SELECT secret FROM signing_secret ORDER BY id DESC LIMIT 1")
            .fetch_optional(&mut *tx)
            .await?;
        if let Some(row) = newest {
            return Ok(row.try_get("secret")?);
        }
        sqlx::query("INSERT INTO signing_secret (secret, created) VALUES (?, ?)")
            .bind(candidate)
            .bind(now.to_string())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(candidate.to_vec())
    }
}

async fn insert(connection: &mut SqliteConnection, key: &NewKey) -> Result<(), RepoError> {
    sqlx::query("INSERT INTO api_key (id, scope, label, created) VALUES (?, ?, ?, ?)")
        .bind(&key.id)
        .bind(key.scope.as_str())
        .bind(&key.label)
        .bind(key.created.to_string())
        .execute(&mut *connection)
        .await?;
    insert_generation(connection, &key.id, 1, &key.sha256).await
}

async fn insert_generation(
    connection: &mut SqliteConnection,
    id: &str,
    number: i64,
    sha256: &Digest,
) -> Result<(), RepoError> {
    sqlx::query("INSERT INTO api_key_secret (key_id, generation, sha256) VALUES (?, ?, ?)")
        .bind(id)
        .bind(number)
        .bind(&sha256[..])
        .execute(connection)
        .await?;
    Ok(())
}

async fn find(connection: &mut SqliteConnection, id: &str) -> Result<Option<KeyRow>, RepoError> {
    let rows = sqlx::query(
        "SELECT * FROM api_key JOIN api_key_secret ON key_id = id WHERE id = ? ORDER BY generation",
    )
    .bind(id)
    .fetch_all(connection)
    .await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let generations = rows.iter().map(generation).collect::<Result<_, _>>()?;
    Ok(Some(KeyRow { generations, ..key_row(first)? }))
}

/// The key of a row, without its generations.
fn key_row(row: &SqliteRow) -> Result<KeyRow, RepoError> {
    let scope: String = row.try_get("scope")?;
    let created: String = row.try_get("created")?;
    Ok(KeyRow {
        id: row.try_get("id")?,
        scope: Scope::parse(&scope).ok_or(DamagedRow("key's scope"))?,
        label: row.try_get("label")?,
        created: time(&created, "key's time of creation")?,
        generations: Vec::new(),
    })
}

fn generation(row: &SqliteRow) -> Result<Generation, RepoError> {
    let sha256: Vec<u8> = row.try_get("sha256")?;
    let until: Option<String> = row.try_get("until")?;
    Ok(Generation {
        number: row.try_get("generation")?,
        sha256: sha256.try_into().map_err(|_| DamagedRow("key's digest"))?,
        until: until.map(|text| time(&text, "key's end")).transpose()?,
    })
}
