//! [`OpenFile`]: a namespace's file while it is open: a lane that writes, a few connections that read.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::{Semaphore, oneshot};

use crate::document::{Document, DocumentId};
use crate::embedded::folder::{Folder, Identity};
use crate::embedded::journal::{Journal, Whose};
use crate::embedded::lane::{Lane, Parts, gone};
use crate::embedded::layout::{self, State};
use crate::embedded::pool::Pool;
use crate::embedded::queue::{Outcome, Room};
use crate::embedded::step::{Statements, Step};
use crate::embedded::writer::Writer;
use crate::embedded::{blocking, failure, function, replay, upgrade};
use crate::error::{StoreError, StoreErrorKind};
use crate::kind::Schema;
use crate::namespace::Namespace;

/// Statements that a connection keeps prepared: those of a write and a read by id for some twenty kinds.
const STATEMENTS: usize = 128;

/// What it takes to open a file.
#[derive(Clone)]
pub(super) struct Opening {
    pub(super) folder: Arc<Folder>,
    pub(super) schema: Arc<Schema>,
    pub(super) statements: Arc<Statements>,
    pub(super) journal: Arc<Journal>,
    pub(super) room: Arc<Room>,
    pub(super) busy_timeout: Duration,
    pub(super) readers: usize,
}

/// The way to a namespace's documents.
pub(super) struct OpenFile {
    opening: Opening,
    namespace: Namespace,
    identity: Identity,
    // Before the lane: the last connection that is closed is the one that writes.
    readers: Mutex<Vec<Connection>>,
    reading: Arc<Semaphore>,
    lane: Arc<Lane>,
    pool: Arc<Pool>,
}

impl OpenFile {
    /// Opens what is installed; never creates. What the journal holds of it that the file may not is done again first.
    /// `tenure` is dropped once the file has been closed.
    pub(super) fn open(
        opening: Opening,
        pool: Arc<Pool>,
        namespace: Namespace,
        tenure: Box<dyn Send>,
    ) -> Result<Self, StoreError> {
        let (mut connection, identity) = connect(&opening, &namespace)?;
        if opening.journal.is_unsettled(&namespace) {
            let entries = opening.journal.entries(&namespace)?;
            redo(&opening, &namespace, &mut connection, &entries)?;
        }
        let parts = Parts {
            namespace,
            path: opening.folder.file(&namespace),
            identity,
            journal: Arc::clone(&opening.journal),
            room: Arc::clone(&opening.room),
            closer: {
                let pool = Arc::clone(&pool);
                Arc::new(move |closing| pool.close(closing))
            },
            tenure,
        };
        let (schema, statements) = (Arc::clone(&opening.schema), Arc::clone(&opening.statements));
        let writer = Writer::new(connection, namespace, schema, statements);
        let lane = Arc::new(Lane::new(parts, writer));
        let reading = Arc::new(Semaphore::new(opening.readers));
        Ok(Self { opening, namespace, identity, readers: Mutex::default(), reading, lane, pool })
    }

    /// Whether it is still the namespace's file, and holds what was acknowledged.
    pub(super) fn is_usable(&self) -> Result<bool, StoreError> {
        self.lane.is_usable()
    }

    /// Applies a batch. Once it waits in the queue, it goes to its end, whoever waits for it.
    pub(super) async fn write(&self, steps: Vec<Step>) -> Outcome {
        let (answer, outcome) = oneshot::channel();
        if self.lane.push(steps, answer)? {
            self.pool.schedule(Arc::clone(&self.lane));
        }
        outcome.await.unwrap_or_else(|_| Err(failure::unavailable("the write was interrupted")))
    }

    /// Syncs the file, so that nothing in the journal is needed for it.
    pub(super) async fn settle(&self) -> Result<(), StoreError> {
        let (answer, outcome) = oneshot::channel();
        if self.lane.push_settle(answer) {
            self.pool.schedule(Arc::clone(&self.lane));
        }
        outcome.await.unwrap_or_else(|_| Err(failure::unavailable("settling was interrupted")))
    }

    /// A document that was acknowledged and that the file may not show yet; `None` if the file has it as it is.
    pub(super) fn recent(
        &self,
        kind: usize,
        id: &DocumentId,
    ) -> Result<Option<Option<Document>>, StoreError> {
        self.lane.recent(kind, id)
    }

    /// Lets the file show what was acknowledged.
    pub(super) async fn flush(&self) -> Result<(), StoreError> {
        if !self.lane.has_recent() {
            return Ok(());
        }
        let (answer, outcome) = oneshot::channel();
        if self.lane.push_flush(Some(answer)) {
            self.pool.schedule(Arc::clone(&self.lane));
        }
        outcome.await.unwrap_or_else(|_| Err(failure::unavailable("committing was interrupted")))
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

    /// What a read makes of the file that is over in microseconds: on this thread, where a connection is free, since going
    /// to another thread and back takes longer. It waits for the disk if the page is not in memory.
    pub(super) async fn read_at_once<T: Send + 'static>(
        self: Arc<Self>,
        read: impl FnOnce(&mut Connection, &Schema) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let Ok(permit) = Arc::clone(&self.reading).try_acquire_owned() else {
            return self.read(read).await;
        };
        let Some(mut reader) = self.idle_readers().pop() else {
            drop(permit);
            return self.read(read).await;
        };
        let answer = read(&mut reader, &self.opening.schema);
        self.idle_readers().push(reader);
        answer
    }

    fn reader(&self) -> Result<Connection, StoreError> {
        if let Some(reader) = self.idle_readers().pop() {
            return Ok(reader);
        }
        let (reader, identity) = connect(&self.opening, &self.namespace)?;
        if identity != self.identity {
            return Err(gone(&self.namespace, &self.opening.folder.file(&self.namespace)));
        }
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
    if layout::inspect(&connection, namespace, &opening.schema)? != State::Empty {
        return Ok(false);
    }
    let mode: String =
        connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).map_err(failed)?;
    if mode != "wal" {
        return Err(StoreError::new(
            StoreErrorKind::Backend,
            format!("{} is on a file system without shared memory", path.display()),
        ));
    }
    let created = layout::create(&mut connection, namespace, &opening.schema)?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(failed)?;
    Ok(created)
}

/// Brings a file that is not open up to what the journal holds of it, and closes it.
pub(super) fn recover(opening: &Opening, namespace: &Namespace, entries: &[Whose]) -> Result<(), StoreError> {
    let (mut connection, _) = connect(opening, namespace)?;
    redo(opening, namespace, &mut connection, entries)?;
    connection.close().map_err(|(_, error)| failure::sqlite("close the file", error))
}

fn redo(
    opening: &Opening,
    namespace: &Namespace,
    connection: &mut Connection,
    entries: &[Whose],
) -> Result<(), StoreError> {
    let Opening { schema, statements, journal, .. } = opening;
    let count = replay::redo(connection, namespace, schema, statements, entries)?;
    journal.settled(namespace);
    if count > 0 {
        tracing::info!(%namespace, count, "{namespace}: {count} transactions were taken from the journal");
    }
    Ok(())
}

/// Whether an installed file was written by an older program, and nobody has opened it since.
pub(super) fn is_older(opening: &Opening, namespace: &Namespace) -> Result<bool, StoreError> {
    let path = opening.folder.file(namespace);
    if Identity::of(&path)?.is_none() {
        return Err(gone(namespace, &path));
    }
    let state = layout::inspect(&open(opening, &path)?, namespace, &opening.schema)?;
    Ok(matches!(state, State::Older { .. }))
}

/// A connection to an installed file of this namespace that the path names before and after. A file of an older program is
/// upgraded.
fn connect(opening: &Opening, namespace: &Namespace) -> Result<(Connection, Identity), StoreError> {
    let path = opening.folder.file(namespace);
    let identity = Identity::of(&path)?.ok_or_else(|| gone(namespace, &path))?;
    let mut connection = open(opening, &path)?;
    match layout::inspect(&connection, namespace, &opening.schema)? {
        State::Installed => {}
        State::Empty => {
            let message = format!("the install of {namespace} did not come to its end");
            return Err(failure::not_installed(message));
        }
        State::Older { format } => {
            upgrade::run(&mut connection, namespace, &opening.schema, format)?;
            layout::inspect(&connection, namespace, &opening.schema)?;
        }
    }
    if Identity::of(&path)? != Some(identity) {
        return Err(gone(namespace, &path));
    }
    Ok((connection, identity))
}

fn open(opening: &Opening, path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let configure = |connection: &Connection| {
        connection.busy_timeout(opening.busy_timeout)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        // What is committed is synced, unless the writer has seen the journal synced before.
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        function::register(connection)
    };
    Connection::open_with_flags(path, flags)
        .and_then(|connection| configure(&connection).map(|()| connection))
        .map_err(|error| failure::sqlite("open the file", error))
}
