//! [`EmbeddedStore`]: one SQLite file per tenant and context, in the process itself.
//!
//! ```text
//! DATA_DIR/tenants/                      0700, locked by the process that has it open
//!   .lock                                the process id
//!   <id>/<incarnation>/staging.db        0600; SQLite's own journal beside it while it is open
//!   <id>/<incarnation>/production.db
//! DATA_DIR/journal/                      0700, while the store is open: what the files have not synced yet
//! ```
//!
//! A file says in itself whose it is, and is refused anywhere else. **Acknowledged** means that the whole batch has been
//! synced to the disk (`fdatasync`), in the file's own journal or in the process's, and, of an install, the names of file
//! and folders too. What was acknowledged is there after `kill -9` and after a power cut, if the disk keeps what it
//! confirmed.
//!
//! **Group commit.** Batches that wait for one file share a transaction, each in a savepoint of its own; transactions of
//! several files that wait at the same time share one sync. A batch that comes to an idle store is committed at once.

mod config;
mod detach;
mod failure;
mod file;
mod files;
mod folder;
mod function;
mod group;
mod janitor;
mod journal;
mod lane;
mod layout;
mod narrow;
mod pool;
mod queue;
mod recent;
mod replay;
mod search;
mod step;
mod upgrade;
mod writer;

use std::fmt;
use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::Connection;

pub use config::EmbeddedConfig;

use crate::aggregate::Counter;
use crate::check;
use crate::document::{Applied, Batch, Document, DocumentId};
use crate::embedded::file::Opening;
use crate::embedded::files::Files;
use crate::embedded::folder::Folder;
use crate::embedded::janitor::Janitor;
use crate::embedded::journal::recover::{self, Entries};
use crate::embedded::pool::Workers;
use crate::embedded::queue::Room;
use crate::embedded::step::Statements;
use crate::error::{StoreError, StoreErrorKind};
use crate::kind::{Kind, Schema};
use crate::lifecycle::Created;
use crate::namespace::Namespace;
use crate::query::{Aggregation, Buckets, Filter, Page, Query};
use crate::store::Store;

/// Documents in files of the process itself. Needs a tokio runtime: what reads from the disk runs on its blocking threads.
///
/// Dropping it waits for the writes that were handed over, and closes the files.
pub struct EmbeddedStore {
    schema: Arc<Schema>,
    // In this order: who cuts the journal may open files, and the workers close them.
    _janitor: Janitor,
    files: Arc<Files>,
    _workers: Workers,
}

impl EmbeddedStore {
    /// Takes a data folder, creating it if it is missing. After a crash, what the journal holds is applied to the files
    /// that it names; no other file is opened before it is used.
    ///
    /// # Errors
    /// If the folder cannot be created or locked; the message names the process that has it. A tenant whose file cannot be
    /// brought up to the journal is no error here: its data is refused when it is asked for, and the log says so.
    pub fn open(config: EmbeddedConfig, schema: Schema) -> Result<Self, StoreError> {
        let schema = Arc::new(schema);
        let folder = Arc::new(Folder::open(&config.data_dir)?);
        let (journal, entries) = recover::open(&config.data_dir, config.journal_bytes)?;
        let journal = Arc::new(journal);
        let opening = Opening {
            folder,
            schema: Arc::clone(&schema),
            statements: Arc::new(Statements::new(&schema)),
            journal: Arc::clone(&journal),
            room: Arc::new(Room::new(config.queued_bytes.get())),
            busy_timeout: config.busy_timeout,
            readers: config.readers.get(),
        };
        recover_all(&opening, entries, config.writers);
        let workers = Workers::start(Arc::clone(&journal), config.writers)?;
        let files = Arc::new(Files::new(opening, Arc::clone(workers.pool()), config.open_files));
        let janitor = Janitor::start(journal, Arc::downgrade(&files))?;
        Ok(Self { schema, _janitor: janitor, files, _workers: workers })
    }

    /// What `read` makes of a kind's documents, all that was acknowledged among them.
    async fn read<T: Send + 'static>(
        &self,
        namespace: &Namespace,
        kind: &str,
        read: impl FnOnce(&mut Connection, &Kind) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let kind = kind.to_owned();
        let file = self.files.get(namespace).await?;
        file.flush().await?;
        file.read(move |connection, schema| read(connection, schema.kind(&kind)?)).await
    }
}

#[async_trait]
impl Store for EmbeddedStore {
    fn schema(&self) -> &Schema {
        &self.schema
    }

    async fn install(&self, namespace: &Namespace) -> Result<Created, StoreError> {
        self.files.install(namespace).await
    }

    async fn upgrade(&self, namespace: &Namespace) -> Result<bool, StoreError> {
        let was_older = self.files.is_older(namespace).await?;
        self.files.get(namespace).await?;
        Ok(was_older)
    }

    async fn remove(&self, namespace: &Namespace) -> Result<(), StoreError> {
        self.files.remove(namespace).await
    }

    async fn write(&self, namespace: &Namespace, batch: Batch) -> Result<Vec<Applied>, StoreError> {
        let steps = step::prepare(&self.schema, batch)?;
        let file = self.files.get(namespace).await?;
        if steps.is_empty() { Ok(Vec::new()) } else { file.write(steps).await }
    }

    async fn get(
        &self,
        namespace: &Namespace,
        kind: &str,
        id: &DocumentId,
    ) -> Result<Option<Document>, StoreError> {
        let kind = self.schema.position(kind)?;
        let file = self.files.get(namespace).await?;
        // In this order: what leaves the one is in the other by then.
        if let Some(document) = file.recent(kind, id)? {
            return Ok(document);
        }
        let id = id.clone();
        file.read_at_once(move |connection, schema| search::get(connection, &schema.kinds()[kind], &id)).await
    }

    async fn search(&self, namespace: &Namespace, kind: &str, query: &Query) -> Result<Page, StoreError> {
        let query = check::query(self.schema.kind(kind)?, query)?;
        self.read(namespace, kind, move |connection, kind| search::search(connection, kind, &query)).await
    }

    async fn count(&self, namespace: &Namespace, kind: &str, filter: &Filter) -> Result<u64, StoreError> {
        let filter = check::filter(self.schema.kind(kind)?, filter)?;
        self.read(namespace, kind, move |connection, kind| search::count(connection, kind, &filter)).await
    }

    async fn aggregate(
        &self,
        namespace: &Namespace,
        kind: &str,
        filter: &Filter,
        aggregation: &Aggregation,
    ) -> Result<Buckets, StoreError> {
        let declared = self.schema.kind(kind)?;
        let filter = check::filter(declared, filter)?;
        let counter = Counter::new(declared, aggregation)?;
        self.read(namespace, kind, move |connection, kind| {
            search::aggregate(connection, kind, &filter, counter)
        })
        .await
    }

    async fn scan(
        &self,
        namespace: &Namespace,
        kind: &str,
        after: Option<&DocumentId>,
        limit: usize,
    ) -> Result<Vec<Document>, StoreError> {
        self.schema.kind(kind)?;
        let after = after.cloned();
        self.read(namespace, kind, move |connection, kind| {
            search::scan(connection, kind, after.as_ref(), limit)
        })
        .await
    }

    async fn refresh(&self, namespace: &Namespace) -> Result<(), StoreError> {
        self.files.get(namespace).await.map(drop)
    }
}

impl fmt::Debug for EmbeddedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedStore")
            .field("schema_version", &self.schema.version())
            .finish_non_exhaustive()
    }
}

/// Brings the files up to the journal, several at once: each waits for a sync.
fn recover_all(opening: &Opening, entries: Entries, at_once: NonZeroUsize) {
    let all = Mutex::new(entries.into_iter());
    let next = || all.lock().unwrap_or_else(PoisonError::into_inner).next();
    thread::scope(|scope| {
        for _ in 0..at_once.get() {
            scope.spawn(|| {
                while let Some((namespace, entries)) = next() {
                    match file::recover(opening, &namespace, &entries) {
                        Ok(()) => {}
                        Err(error) if error.kind() == StoreErrorKind::NotInstalled => {
                            tracing::warn!(%namespace, %error, "the journal holds entries of {namespace}, which is gone");
                            opening.journal.settled(&namespace);
                        }
                        Err(error) => {
                            tracing::error!(%namespace, %error, "{namespace} cannot be brought up to the journal");
                        }
                    }
                }
            });
        }
    });
}

/// Runs what waits for the disk apart from what serves requests. It goes to its end even if nobody waits for it.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
        Err(error) => {
            let kind = StoreErrorKind::Unavailable { retry_after: Duration::from_secs(1) };
            Err(StoreError::new(kind, "the runtime is stopping").with_source(error))
        }
    }
}
