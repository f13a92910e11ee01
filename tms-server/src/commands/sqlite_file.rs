//! What is in an SQLite file, and whether it is a sound database of this service.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};

use crate::repo::{self, VersionError};

/// How long a statement waits for a lock.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileFault {
    /// There is no such file, it is none of SQLite's, or it cannot be read.
    #[error("cannot read {} as an SQLite database", .path.display())]
    Unreadable { path: PathBuf, source: sqlx::Error },
    /// SQLite finds it damaged.
    #[error("{} is damaged: {finding}", .path.display())]
    Damaged { path: PathBuf, finding: String },
    /// It is of a later version, or another program's.
    #[error("{} cannot be used", .path.display())]
    Version { path: PathBuf, source: VersionError },
}

/// What a sound file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Contents {
    pub(crate) tenants: i64,
    /// The ids of its keys, in order.
    pub(crate) keys: Vec<String>,
    /// Whether the next start has to bring its tables up to date.
    pub(crate) earlier: bool,
}

impl fmt::Display for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tenants and {} keys", self.tenants, self.keys.len())
    }
}

/// The file of a database's URL; `None` if that is no SQLite.
pub(crate) fn path_of(database_url: &SecretString) -> Option<PathBuf> {
    let database_url = database_url.expose_secret();
    let options: SqliteConnectOptions = database_url.parse().ok()?;
    let path = std::path::absolute(options.get_filename()).ok()?;
    database_url.starts_with("sqlite:").then_some(path)
}

/// Opens a file that exists.
pub(crate) async fn open(path: &Path, read_only: bool) -> Result<SqliteConnection, sqlx::Error> {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(false);
    options.read_only(read_only).busy_timeout(PATIENCE).foreign_keys(false).connect().await
}

/// Copies the database to an empty file, as it is at one moment, without what it has deleted.
pub(crate) async fn copy(connection: &mut SqliteConnection, to: &Path) -> Result<(), sqlx::Error> {
    let to = to.to_str().ok_or_else(|| sqlx::Error::Configuration("the path must be UTF-8".into()))?;
    sqlx::query("VACUUM INTO ?").bind(to).execute(connection).await?;
    Ok(())
}

/// Reads all of a file and says what it holds, if it is sound and of this service.
pub(crate) async fn inspect(path: &Path) -> Result<Contents, FileFault> {
    let unreadable = |source| FileFault::Unreadable { path: path.to_owned(), source };
    let mut file = open(path, true).await.map_err(unreadable)?;
    let contents = contents(&mut file, path).await;
    file.close().await.map_err(unreadable)?;
    contents
}

async fn contents(file: &mut SqliteConnection, path: &Path) -> Result<Contents, FileFault> {
    let unreadable = |source| FileFault::Unreadable { path: path.to_owned(), source };
    let finding: String =
        sqlx::query_scalar("PRAGMA integrity_check(1)").fetch_one(&mut *file).await.map_err(unreadable)?;
    if finding != "ok" {
        return Err(FileFault::Damaged { path: path.to_owned(), finding });
    }
    let version = repo::sqlite_version(file).await;
    let earlier = match version {
        Ok(()) => false,
        Err(VersionError::Earlier { .. }) => true,
        Err(source) => return Err(FileFault::Version { path: path.to_owned(), source }),
    };
    let orphan =
        sqlx::query("PRAGMA foreign_key_check").fetch_optional(&mut *file).await.map_err(unreadable)?;
    if orphan.is_some() {
        let finding = "a row refers to one that is not there".to_owned();
        return Err(FileFault::Damaged { path: path.to_owned(), finding });
    }
    let tenants =
        sqlx::query_scalar("SELECT count(*) FROM tenant").fetch_one(&mut *file).await.map_err(unreadable)?;
    let keys = sqlx::query_scalar("SELECT id FROM api_key ORDER BY id")
        .fetch_all(&mut *file)
        .await
        .map_err(unreadable)?;
    // Nothing works without it; it is read here so that a file without the table is refused.
    sqlx::query("SELECT 1 FROM signing_secret LIMIT 1").fetch_optional(file).await.map_err(unreadable)?;
    Ok(Contents { tenants, keys, earlier })
}
