//! Opening a database: which one a URL names, and why it does not open.

use std::path::PathBuf;
use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};
use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};

use super::Repo;
use super::engine::Engine;
use super::lock::LockError;
use super::poll::Poll;
use super::postgres::PostgresEngine;
use super::sqlite::SqliteEngine;
use super::store::SqlRepo;
use super::version::VersionError;
use crate::bell::Bell;
use crate::config::ConfigError;
use crate::database_url::{Kind, kind};

/// Why a database does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL names no database that is supported.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The URL names no file.
    #[error("DATABASE_URL must name a file, as in sqlite://./data/tms/tms.db")]
    Url,
    /// The folder or the file cannot be made.
    #[error("cannot create {}", .path.display())]
    Create {
        /// What cannot be made.
        path: PathBuf,
        /// What failed.
        source: std::io::Error,
    },
    /// Another process uses the file, or that cannot be found out.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// It is no database of ours, it cannot be reached, or the disk failed.
    #[error("cannot open the database")]
    Open(#[from] sqlx::Error),
    /// There is none.
    #[error("there is no database at {}; the server makes it when it starts", .path.display())]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// Its tables are not those of this version.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// The tables cannot be brought to what this version needs.
    #[error("cannot migrate the database")]
    Migrate(#[from] sqlx::migrate::MigrateError),
}

/// Opens the database to serve it, made where that is a matter of files, and brings its tables up to date.
pub(crate) async fn open(url: &SecretString) -> Result<Arc<dyn Repo>, OpenError> {
    let bell = Bell::default();
    let engine = match kind(url)? {
        Kind::Sqlite => Engine::Sqlite(SqliteEngine::open(url.expose_secret()).await?),
        Kind::Postgres => Engine::Postgres(PostgresEngine::open(url.expose_secret(), bell.clone()).await?),
    };
    let engine = Arc::new(engine);
    let poll = Some(Poll::start(engine.clone(), bell.clone()));
    Ok(Arc::new(SqlRepo { engine, bell, poll }))
}

/// Opens a database that is there for a command, beside services that use it or without one. Its tables are left as they are.
pub(crate) async fn open_beside(url: &SecretString) -> Result<Arc<dyn Repo>, OpenError> {
    let engine = match kind(url)? {
        Kind::Sqlite => Engine::Sqlite(SqliteEngine::open_beside(url.expose_secret()).await?),
        Kind::Postgres => Engine::Postgres(PostgresEngine::open_beside(url.expose_secret()).await?),
    };
    Ok(Arc::new(SqlRepo { engine: Arc::new(engine), bell: Bell::default(), poll: None }))
}

/// Migrations in their order; the first has the number 1.
pub(super) fn migrations(steps: [(&'static str, &'static str); 2]) -> Migrator {
    let steps = (1..).zip(steps).map(|(number, (name, sql))| {
        Migration::new(number, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    Migrator::with_migrations(steps.collect())
}
