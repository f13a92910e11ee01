//! [`EmbeddedStore`]: one SQLite file per tenant and context, in the process itself.
//!
//! ```text
//! DATA_DIR/tenants/                      0700, locked by the process that has it open
//!   lock                                 the process id
//!   <id>/<incarnation>/staging.db        0600; a journal beside it while it is open
//!   <id>/<incarnation>/production.db
//! ```
//!
//! A file says in itself whose it is, and is refused anywhere else. **Acknowledged** means that the journal with the whole
//! batch has been synced to the disk (`fdatasync`), and, of an install, the names of file and folders too. What was
//! acknowledged is there after `kill -9` and after a power cut, if the disk keeps what it confirmed.

mod config;
mod failure;
mod file;
mod files;
mod folder;
mod function;
mod layout;
mod narrow;
mod search;
mod writer;

use std::fmt;
use std::panic::resume_unwind;
use std::sync::Arc;
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
use crate::error::{StoreError, StoreErrorKind};
use crate::kind::{Kind, Schema};
use crate::lifecycle::Created;
use crate::namespace::Namespace;
use crate::query::{Aggregation, Buckets, Filter, Page, Query};
use crate::store::Store;

/// Documents in files of the process itself. Needs a tokio runtime: what waits for the disk runs on its blocking threads.
pub struct EmbeddedStore {
    schema: Arc<Schema>,
    files: Files,
}

impl EmbeddedStore {
    /// Takes a data folder, creating it if it is missing. No tenant's file is opened before it is used.
    ///
    /// # Errors
    /// If the folder cannot be created or locked; the message names the process that has it.
    pub fn open(config: EmbeddedConfig, schema: Schema) -> Result<Self, StoreError> {
        let schema = Arc::new(schema);
        let opening = Opening {
            folder: Arc::new(Folder::open(&config.data_dir)?),
            schema: Arc::clone(&schema),
            busy_timeout: config.busy_timeout,
            readers: config.readers.get(),
        };
        Ok(Self { schema, files: Files::new(opening, config.open_files) })
    }

    /// What `read` makes of a kind's documents.
    async fn read<T: Send + 'static>(
        &self,
        namespace: &Namespace,
        kind: &str,
        read: impl FnOnce(&mut Connection, &Kind) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let kind = kind.to_owned();
        let file = self.files.get(namespace).await?;
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

    async fn remove(&self, namespace: &Namespace) -> Result<(), StoreError> {
        self.files.remove(namespace).await
    }

    async fn write(&self, namespace: &Namespace, batch: Batch) -> Result<Vec<Applied>, StoreError> {
        let steps = writer::prepare(&self.schema, batch)?;
        self.files.get(namespace).await?.write(steps).await
    }

    async fn get(
        &self,
        namespace: &Namespace,
        kind: &str,
        id: &DocumentId,
    ) -> Result<Option<Document>, StoreError> {
        self.schema.kind(kind)?;
        let id = id.clone();
        self.read(namespace, kind, move |connection, kind| search::get(connection, kind, &id)).await
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
