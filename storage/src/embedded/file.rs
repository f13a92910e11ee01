//! [`OpenFile`]: the connections to one namespace's file.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::Semaphore;

use crate::document::Applied;
use crate::embedded::folder::{Folder, Identity};
use crate::embedded::layout::{self, State};
use crate::embedded::writer::{Step, Writer};
use crate::embedded::{blocking, failure, function};
use crate::error::StoreError;
use crate::kind::Schema;
use crate::namespace::Namespace;

/// Statements that a connection keeps prepared: those of a write and a read by id for some twenty kinds.
const STATEMENTS: usize = 128;

/// What it takes to open a file.
#[derive(Debug, Clone)]
pub(super) struct Opening {
    pub(super) folder: Arc<Folder>,
    pub(super) schema: Arc<Schema>,
    pub(super) busy_timeout: Duration,
    pub(super) readers: usize,
}

/// A namespace's file while it is open: one connection that writes, a few that read.
pub(super) struct OpenFile {
    opening: Opening,
    namespace: Namespace,
    path: PathBuf,
    identity: Identity,
    writer: Arc<tokio::sync::Mutex<Writer>>,
    readers: Mutex<Vec<Connection>>,
    reading: Arc<Semaphore>,
}

impl OpenFile {
    /// Opens what is installed; never creates.
    pub(super) fn open(opening: Opening, namespace: Namespace) -> Result<Self, StoreError> {
        let path = opening.folder.file(&namespace);
        let identity = Identity::of(&path)?.ok_or_else(|| gone(&namespace, &path))?;
        let writer = connect(&opening, &namespace, &path, identity)?;
        let reading = Arc::new(Semaphore::new(opening.readers));
        Ok(Self {
            opening,
            namespace,
            path,
            identity,
            writer: Arc::new(tokio::sync::Mutex::new(Writer::new(writer))),
            readers: Mutex::default(),
            reading,
        })
    }

    /// Whether the path still names the file that was opened. If someone moved it away, what is written now would be
    /// found by nobody.
    pub(super) fn is_in_place(&self) -> Result<bool, StoreError> {
        Ok(Identity::of(&self.path)? == Some(self.identity))
    }

    fn must_be_in_place(&self) -> Result<(), StoreError> {
        if self.is_in_place()? { Ok(()) } else { Err(gone(&self.namespace, &self.path)) }
    }

    /// Applies a batch. Once it has begun, it goes to its end, whoever waits for it.
    pub(super) async fn write(self: Arc<Self>, steps: Vec<Step>) -> Result<Vec<Applied>, StoreError> {
        let mut writer = Arc::clone(&self.writer).lock_owned().await;
        blocking(move || {
            self.must_be_in_place()?;
            let applied = writer.write(&steps)?;
            // Moved away or removed meanwhile: it is not where the next start will look for it.
            self.must_be_in_place()?;
            Ok(applied)
        })
        .await
    }

    /// What `read` makes of the file.
    pub(super) async fn read<T: Send + 'static>(
        self: Arc<Self>,
        read: impl FnOnce(&mut Connection, &Schema) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let permit = Arc::clone(&self.reading).acquire_owned().await;
        blocking(move || {
            let mut reader = self.reader()?;
            let answer = read(&mut reader, &self.opening.schema);
            self.idle_readers().push(reader);
            drop(permit);
            answer
        })
        .await
    }

    fn reader(&self) -> Result<Connection, StoreError> {
        if let Some(reader) = self.idle_readers().pop() {
            return Ok(reader);
        }
        let reader = connect(&self.opening, &self.namespace, &self.path, self.identity)?;
        reader
            .pragma_update(None, "query_only", true)
            .map_err(|error| failure::sqlite("open a reader", error))?;
        Ok(reader)
    }

    fn idle_readers(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        // Whatever panicked, a list of connections is whole.
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes what is missing of a namespace. Whether anything was.
pub(super) fn install(opening: &Opening, namespace: &Namespace) -> Result<bool, StoreError> {
    let path = opening.folder.create_file(namespace)?;
    let failed = |error| failure::sqlite("install", error);
    let mut connection = open(opening, &path)?;
    // Before anything is changed: what is not ours stays as it is.
    if layout::inspect(&connection, namespace, &opening.schema)? == State::Installed {
        return Ok(false);
    }
    let mode: String =
        connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).map_err(failed)?;
    if mode != "wal" {
        return Err(StoreError::new(
            crate::error::StoreErrorKind::Backend,
            format!("{} is on a file system without shared memory", path.display()),
        ));
    }
    let created = layout::create(&mut connection, namespace, &opening.schema)?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(failed)?;
    Ok(created)
}

/// A connection to an installed file of this namespace that the path names before and after.
fn connect(
    opening: &Opening,
    namespace: &Namespace,
    path: &Path,
    identity: Identity,
) -> Result<Connection, StoreError> {
    let connection = open(opening, path)?;
    if layout::inspect(&connection, namespace, &opening.schema)? == State::Empty {
        return Err(failure::not_installed(format!("the install of {namespace} did not come to its end")));
    }
    if Identity::of(path)? != Some(identity) {
        return Err(gone(namespace, path));
    }
    Ok(connection)
}

fn open(opening: &Opening, path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let configure = |connection: &Connection| {
        connection.busy_timeout(opening.busy_timeout)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        // A commit is acknowledged once its journal has been synced.
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        function::register(connection)
    };
    Connection::open_with_flags(path, flags)
        .and_then(|connection| configure(&connection).map(|()| connection))
        .map_err(|error| failure::sqlite("open the file", error))
}

fn gone(namespace: &Namespace, path: &Path) -> StoreError {
    failure::not_installed(format!("{namespace} is not at {}", path.display()))
}
