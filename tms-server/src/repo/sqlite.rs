//! [`SqliteEngine`]: tenants and keys in one SQLite file.

use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use super::lock::FolderLock;
use super::open::{OpenError, migrations};
use super::version::{self, VersionError};

/// How long a statement waits for a lock, and a request for a connection.
const PATIENCE: Duration = Duration::from_secs(5);
/// Readers at once; SQLite has one writer whatever we do.
const READERS: u32 = 4;
/// Whole lists at once.
const LISTS: u32 = 2;

/// One SQLite file: WAL, and a commit is on disk before it is acknowledged.
///
/// Writers queue for one connection instead of meeting as busy errors; readers have their own.
#[derive(Debug)]
pub(super) struct SqliteEngine {
    pub(super) write: SqlitePool,
    pub(super) read: SqlitePool,
    pub(super) lists: SqlitePool,
    /// Held by the one process that serves the file.
    lock: Option<FolderLock>,
}

impl SqliteEngine {
    /// Opens the file, with its folder (0700) and itself (0600) made where missing, and brings its tables up to date.
    pub(super) async fn open(url: &str) -> Result<Self, OpenError> {
        let (options, path) = named(url)?;
        create(&path)?;
        let lock = FolderLock::take(&path.with_extension("lock"))?;
        let options = options.journal_mode(SqliteJournalMode::Wal);
        let write = pool(1).connect_with(options.clone()).await?;
        steps().run(&write).await?;
        Self::of(options, write, READERS, Some(lock)).await
    }

    /// Opens a file that is there, beside a service or without one, and leaves its tables as they are.
    pub(super) async fn open_beside(url: &str) -> Result<Self, OpenError> {
        let (options, path) = named(url)?;
        if !path.is_file() {
            return Err(OpenError::Missing { path });
        }
        let write = pool(1).connect_with(options.clone()).await?;
        sqlite_version(&mut *write.acquire().await?).await?;
        Self::of(options, write, 1, None).await
    }

    async fn of(
        options: SqliteConnectOptions,
        write: SqlitePool,
        readers: u32,
        lock: Option<FolderLock>,
    ) -> Result<Self, OpenError> {
        let options = options.pragma("query_only", "ON");
        let read = pool(readers).connect_with(options.clone()).await?;
        let lists = pool(LISTS).connect_lazy_with(options);
        Ok(Self { write, read, lists, lock })
    }

    /// Closes the file and lets the next process have it.
    pub(super) async fn close(&self) {
        self.lists.close().await;
        self.read.close().await;
        self.write.close().await;
        if let Some(lock) = &self.lock {
            lock.release();
        }
    }
}

fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new().max_connections(connections).acquire_timeout(PATIENCE)
}

/// The file that a URL names, and how it is opened.
fn named(url: &str) -> Result<(SqliteConnectOptions, PathBuf), OpenError> {
    let options = SqliteConnectOptions::from_str(url).map_err(|_| OpenError::Url)?;
    let path = options.get_filename().to_owned();
    if url.contains(":memory:") || url.contains("mode=memory") || path.as_os_str().is_empty() {
        return Err(OpenError::Url);
    }
    let options = options
        .create_if_missing(false)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(PATIENCE);
    Ok((options, path))
}

/// Whether the tables of a file are those of this version.
pub(crate) async fn sqlite_version(connection: &mut sqlx::SqliteConnection) -> Result<(), VersionError> {
    version::check(connection, &steps()).await
}

fn steps() -> Migrator {
    migrations([
        ("tenants and keys", include_str!("migrations/sqlite/0001_tenants_and_keys.sql")),
        ("changes and audit", include_str!("migrations/sqlite/0002_changes_and_audit.sql")),
    ])
}

/// SQLite would make the file readable to all, and its folder not at all.
fn create(path: &Path) -> Result<(), OpenError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| OpenError::Create { path, source }
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed(folder))?;
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    options.open(path).map_err(failed(path))?;
    // The name of a new file must survive a power cut as the commits in it do.
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed(folder))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use sqlx::{Connection as _, SqliteConnection};

    use super::super::lock::LockError;
    use super::super::open::open;
    use super::super::{Changed, Since, Stamp, suite};
    use super::*;
    use crate::cursor::Cursor;

    fn url(folder: &Path) -> String {
        format!("sqlite://{}", folder.join("data/tms.db").display())
    }

    #[tokio::test]
    async fn sqlite_conforms() {
        let folder = tempfile::tempdir().expect("a folder");
        let url = url(folder.path()).into();
        let repo = open(&url).await.expect("opens");
        suite::all(&*repo).await;
        repo.close().await;
        let repo = open(&url).await.expect("opens again");
        suite::what_was_written_is_still_there(&*repo).await;
    }

    #[tokio::test]
    async fn folder_and_files_are_private_and_commits_are_synced() {
        let folder = tempfile::tempdir().expect("a folder");
        let engine = SqliteEngine::open(&url(folder.path())).await.expect("opens");
        let mode = |path: &str| {
            let metadata = folder.path().join(path).metadata().expect(path);
            metadata.permissions().mode() & 0o777
        };
        assert_eq!(mode("data"), 0o700);
        for file in ["data/tms.db", "data/tms.db-wal", "data/tms.lock"] {
            assert_eq!(mode(file), 0o600, "{file}");
        }
        for (pragma, value) in [("PRAGMA synchronous", 2), ("PRAGMA foreign_keys", 1)] {
            let row: (i64,) = sqlx::query_as(pragma).fetch_one(&engine.write).await.expect("a row");
            assert_eq!(row.0, value, "{pragma}");
        }
        let row: (String,) =
            sqlx::query_as("PRAGMA journal_mode").fetch_one(&engine.write).await.expect("a row");
        assert_eq!(row.0, "wal");
    }

    #[tokio::test]
    async fn a_file_in_use_is_refused_and_so_is_memory() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = SqliteEngine::open(&url(folder.path())).await.expect("opens");
        let second = SqliteEngine::open(&url(folder.path())).await.expect_err("in use");
        assert!(matches!(second, OpenError::Lock(LockError::InUse { .. })), "{second}");
        first.close().await;
        for url in ["sqlite::memory:", "sqlite://:memory:", "sqlite://x?mode=memory", "sqlite:"] {
            let refused = SqliteEngine::open(url).await.expect_err(url);
            assert!(matches!(refused, OpenError::Url), "{url}: {refused}");
        }
    }

    #[tokio::test]
    async fn a_life_that_is_over_is_gone_and_the_next_one_of_its_id_is_another() {
        let folder = tempfile::tempdir().expect("a folder");
        let repo = open(&url(folder.path()).into()).await.expect("opens");
        let stamp = Stamp { at: jiff::Timestamp::UNIX_EPOCH, key: None };
        let record = |life: &str| {
            let name = "acme".parse().expect("a name");
            let tenant = tenant_core::Tenant::new(name, tenant_core::Incarnation::fixed(life));
            tenant_core::TenantRecord::new(tenant, "t".into(), "a@b".into(), stamp.at)
        };
        let start = repo.head().await.expect("asked");
        repo.create(&record("first"), &stamp).await.expect("new");
        let options = SqliteConnectOptions::new().filename(folder.path().join("data/tms.db"));
        let mut by_hand = SqliteConnection::connect_with(&options).await.expect("opens");
        sqlx::query("DELETE FROM tenant").execute(&mut by_hand).await.expect("deleted");
        let told = async |limit| {
            let Since::Changes { changes, .. } = repo.since(&start, limit).await.expect("asked") else {
                panic!("it fits")
            };
            let what = |change: crate::repo::Change| match change.tenant {
                Changed::Now(stored) => format!("now {}", stored.record.tenant.incarnation),
                Changed::Gone { id, incarnation } => format!("{id} gone {incarnation}"),
            };
            changes.into_iter().map(what).collect::<Vec<_>>()
        };
        let of = |text: &str, life| format!("{text} {}", tenant_core::Incarnation::fixed(life));
        assert_eq!(told(10).await, [of("acme gone", "first")]);
        repo.create(&record("second"), &stamp).await.expect("new");
        assert_eq!(told(1).await, [of("acme gone", "first")], "whatever there is now");
        assert_eq!(told(10).await, [of("acme gone", "first"), of("now", "second")]);
    }

    /// A file of the first version, with its first migration alone.
    async fn earlier(path: &Path) {
        std::fs::create_dir(path.parent().expect("a folder")).expect("made");
        let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
        let mut file = SqliteConnection::connect_with(&options).await.expect("opens");
        let first = steps().iter().take(1).cloned().collect();
        Migrator::with_migrations(first).run(&mut file).await.expect("migrated");
        for (name, created) in [("b", "2026-01-01T00:00:00Z"), ("a", "2026-01-02T00:00:00Z")] {
            let row = "INSERT INTO tenant (id, incarnation, name, status, email, install_token, limits, labels, created) \
                       VALUES ($1, $2, $1, 'active', 'a@b', 't', '{}', '{}', $3)";
            let incarnation = tenant_core::Incarnation::fixed(name).to_string();
            let row = sqlx::query(row).bind(name).bind(incarnation).bind(created);
            row.execute(&mut file).await.expect("inserted");
        }
        let host = "INSERT INTO tenant_host (host, tenant_id, position) VALUES ('shop.example', 'a', 0)";
        sqlx::query(host).execute(&mut file).await.expect("inserted");
        file.close().await.expect("closed");
    }

    #[tokio::test]
    async fn the_tenants_of_an_earlier_version_are_changes_in_the_order_of_their_creation() {
        let folder = tempfile::tempdir().expect("a folder");
        earlier(&folder.path().join("data/tms.db")).await;
        let repo = open(&url(folder.path()).into()).await.expect("opens");
        let head = repo.head().await.expect("asked");
        assert_eq!(head.to_string().parse(), Ok(head.clone()), "a cursor as any other");
        let start = Cursor { n: 0, nonce: "0".into(), ..head.clone() };
        let Since::Changes { changes, .. } = repo.since(&start, 10).await.expect("asked") else {
            panic!("it fits")
        };
        assert_eq!(changes.iter().map(|change| change.cursor.n).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(changes[1].cursor, head);
        let page = repo.page(None, 10).await.expect("asked");
        let revisions: Vec<_> =
            page.tenants.iter().map(|t| (t.record.tenant.id().to_string(), t.revision)).collect();
        assert_eq!(revisions, [("a".to_owned(), 2), ("b".to_owned(), 1)]);
        assert_eq!(page.tenants[0].record.tenant.hosts, ["shop.example"]);
    }
}
