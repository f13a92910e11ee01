//! [`Engine`]: one of the two databases, as far as they differ when they are asked.

use super::postgres::PostgresEngine;
use super::sql::{Row, Tx, Value, bind};
use super::sqlite::SqliteEngine;

/// The database that keeps everything.
#[derive(Debug)]
pub(super) enum Engine {
    Sqlite(SqliteEngine),
    Postgres(PostgresEngine),
}

impl Engine {
    /// What one statement finds.
    pub(super) async fn rows(
        &self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<Vec<Row>, sqlx::Error> {
        Ok(match self {
            Self::Sqlite(engine) => {
                let rows = bind(sql, values).fetch_all(&engine.read).await?;
                rows.into_iter().map(Row::Sqlite).collect()
            }
            Self::Postgres(engine) => {
                let rows = bind(sql, values).fetch_all(&engine.read).await?;
                rows.into_iter().map(Row::Postgres).collect()
            }
        })
    }

    /// A transaction that sees the database as it is at one moment, and changes nothing.
    pub(super) async fn read(&self) -> Result<Tx, sqlx::Error> {
        match self {
            Self::Sqlite(engine) => engine.read.begin().await.map(Tx::Sqlite),
            Self::Postgres(engine) => PostgresEngine::moment(&engine.read).await.map(Tx::Postgres),
        }
    }

    /// Like [`Engine::read`], for what takes as long as its reader does. Few at a time, so that they take no connection from others.
    pub(super) async fn long_read(&self) -> Result<Tx, sqlx::Error> {
        match self {
            Self::Sqlite(engine) => engine.lists.begin().await.map(Tx::Sqlite),
            Self::Postgres(engine) => PostgresEngine::moment(&engine.lists).await.map(Tx::Postgres),
        }
    }

    /// A transaction that alone may write, in any process, from its start: what it reads stays true until it commits.
    pub(super) async fn write(&self) -> Result<Tx, sqlx::Error> {
        match self {
            Self::Sqlite(engine) => engine.write.begin_with("BEGIN IMMEDIATE").await.map(Tx::Sqlite),
            Self::Postgres(engine) => engine.begin_alone().await.map(Tx::Postgres),
        }
    }

    /// Tells other processes of a change, once the transaction has committed.
    pub(super) async fn announce(&self, tx: &mut Tx) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(_) => PostgresEngine::announce(tx).await,
        }
    }

    /// Closes all connections, and lets the next process have the database.
    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite(engine) => engine.close().await,
            Self::Postgres(engine) => engine.close().await,
        }
    }
}
