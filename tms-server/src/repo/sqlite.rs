//! [`SqliteRepo`]: tenants and keys in one SQLite file.

mod keys;
mod tenants;

use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::time::Duration;

use jiff::Timestamp;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{
    Sqlite, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{SqlSafeStr as _, Transaction};

use super::lock::{FolderLock, LockError};
use super::version::{self, VersionError};
use super::{DamagedRow, RepoError};

/// How long a statement waits for a lock, and a request for a connection.
const PATIENCE: Duration = Duration::from_secs(5);
/// Readers at once; SQLite has one writer whatever we do.
const READERS: u32 = 4;

/// Tenants and keys in one SQLite file: WAL, and a commit is on disk before it is acknowledged.
///
/// Writers queue for one connection instead of meeting as busy errors; readers have their own.
#[derive(Debug)]
pub(crate) struct SqliteRepo {
    write: SqlitePool,
    read: SqlitePool,
    lock: Option<FolderLock>,
}

/// Why a SQLite file does not open.
#[derive(Debug, thiserror::Error)]
pub enum SqliteOpenError {
    /// The URL names no file.
    #[error("DATABASE_URL must name a file, as in sqlite://./data/tms/tms.db")]
    Url(#[source] Option<sqlx::Error>),
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
    /// It is no database of ours, or the disk failed.
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

impl SqliteRepo {
    /// Opens the file, with its folder (0700) and itself (0600) made where missing, and brings its tables up to date.
    pub(crate) async fn open(url: &str) -> Result<Self, SqliteOpenError> {
        let options = SqliteConnectOptions::from_str(url).map_err(|e| SqliteOpenError::Url(Some(e)))?;
        let path = options.get_filename().to_owned();
        if url.contains(":memory:") || url.contains("mode=memory") || path.as_os_str().is_empty() {
            return Err(SqliteOpenError::Url(None));
        }
        create(&path)?;
        let lock = FolderLock::take(&path.with_extension("lock"))?;
        let options = options
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(PATIENCE);
        let write = pool(1).connect_with(options.clone()).await?;
        migrations().run(&write).await?;
        let read = pool(READERS).connect_with(options.pragma("query_only", "ON")).await?;
        Ok(Self { write, read, lock: Some(lock) })
    }

    /// Opens a file that is there, beside a running server or without one, and leaves its tables as they are.
    pub(crate) async fn open_beside(url: &str) -> Result<Self, SqliteOpenError> {
        let options = SqliteConnectOptions::from_str(url).map_err(|e| SqliteOpenError::Url(Some(e)))?;
        let path = options.get_filename().to_owned();
        if !path.is_file() {
            return Err(SqliteOpenError::Missing { path });
        }
        let options = options.synchronous(SqliteSynchronous::Full).foreign_keys(true).busy_timeout(PATIENCE);
        let write = pool(1).connect_with(options.clone()).await?;
        sqlite_version(&mut *write.acquire().await?).await?;
        let read = pool(1).connect_with(options.pragma("query_only", "ON")).await?;
        Ok(Self { write, read, lock: None })
    }

    /// Closes the file and lets the next process have it.
    pub(crate) async fn close(&self) {
        self.read.close().await;
        self.write.close().await;
        if let Some(lock) = &self.lock {
            lock.release();
        }
    }

    /// A transaction that holds the write lock from its start, so that what it reads stays true until it commits.
    async fn begin(&self) -> Result<Transaction<'static, Sqlite>, RepoError> {
        Ok(self.write.begin_with("BEGIN IMMEDIATE").await?)
    }
}

fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new().max_connections(connections).acquire_timeout(PATIENCE)
}

/// Whether the tables of a file are those of this version.
pub(crate) async fn sqlite_version(connection: &mut sqlx::SqliteConnection) -> Result<(), VersionError> {
    version::check(connection, &migrations()).await
}

fn migrations() -> Migrator {
    let first = include_str!("migrations/sqlite/0001_tenants_and_keys.sql");
    Migrator::with_migrations(vec![Migration::new(
        1,
        "tenants and keys".into(),
        MigrationType::Simple,
        first.into_sql_str(),
        false,
    )])
}

/// SQLite would make the file readable to all, and its folder not at all.
fn create(path: &Path) -> Result<(), SqliteOpenError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| SqliteOpenError::Create { path, source }
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed(folder))?;
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    options.open(path).map_err(failed(path))?;
    // The name of a new file must survive a power cut as the commits in it do.
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed(folder))
}

/// SQLite's primary result codes that time or an operator may cure: BUSY, LOCKED, IOERR, FULL, CANTOPEN.
const CURABLE: [i32; 5] = [5, 6, 10, 13, 14];

impl From<sqlx::Error> for RepoError {
    fn from(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(|error| error.code()?.parse::<i32>().ok());
        let curable = code.is_some_and(|code| CURABLE.contains(&(code & 0xff)));
        let unreachable =
            matches!(error, sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Io(_));
        if curable || unreachable {
            Self::Unavailable(Box::new(error))
        } else {
            Self::Backend(Box::new(error))
        }
    }
}

/// Reads a time as it is kept: RFC 3339, UTC.
fn time(text: &str, of: &'static str) -> Result<Timestamp, DamagedRow> {
    text.parse().map_err(|_| DamagedRow(of))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::super::suite;
    use super::*;

    fn url(folder: &Path) -> String {
        format!("sqlite://{}", folder.join("data/tms.db").display())
    }

    #[tokio::test]
    async fn sqlite_conforms() {
        let folder = tempfile::tempdir().expect("a folder");
        let repo = SqliteRepo::open(&url(folder.path())).await.expect("opens");
        suite::all(&repo).await;
        repo.close().await;
        let repo = SqliteRepo::open(&url(folder.path())).await.expect("opens again");
        suite::what_was_written_is_still_there(&repo).await;
    }

    #[tokio::test]
    async fn folder_and_files_are_private_and_commits_are_synced() {
        let folder = tempfile::tempdir().expect("a folder");
        let repo = SqliteRepo::open(&url(folder.path())).await.expect("opens");
        let mode = |path: &str| {
            let metadata = folder.path().join(path).metadata().expect(path);
            metadata.permissions().mode() & 0o777
        };
        assert_eq!(mode("data"), 0o700);
        for file in ["data/tms.db", "data/tms.db-wal", "data/tms.lock"] {
            assert_eq!(mode(file), 0o600, "{file}");
        }
        for (pragma, value) in [("PRAGMA synchronous", 2), ("PRAGMA foreign_keys", 1)] {
            let row: (i64,) = sqlx::query_as(pragma).fetch_one(&repo.write).await.expect("a row");
            assert_eq!(row.0, value, "{pragma}");
        }
        let row: (String,) =
            sqlx::query_as("PRAGMA journal_mode").fetch_one(&repo.write).await.expect("a row");
        assert_eq!(row.0, "wal");
    }

    #[tokio::test]
    async fn a_file_in_use_is_refused_and_so_is_memory() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = SqliteRepo::open(&url(folder.path())).await.expect("opens");
        let second = SqliteRepo::open(&url(folder.path())).await.expect_err("in use");
        assert!(matches!(second, SqliteOpenError::Lock(LockError::InUse { .. })), "{second}");
        first.close().await;
        for url in ["sqlite::memory:", "sqlite://:memory:", "sqlite://x?mode=memory", "sqlite:"] {
            let refused = SqliteRepo::open(url).await.expect_err(url);
            assert!(matches!(refused, SqliteOpenError::Url(_)), "{url}: {refused}");
        }
    }
}
