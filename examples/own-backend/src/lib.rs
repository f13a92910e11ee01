//! [`LogStore`]: a backend of one's own, over a log of JSON lines for each namespace. `docs/own-backend.md` walks through it.
//!
//! Small, and honest about what it promises: a batch is one line, synced before it is answered, and there whole or not at
//! all. What it is not: all documents are in memory, every search looks at all of a kind, each batch pays for a sync of its
//! own, and a log only grows.

mod folder;
mod log;
mod space;

use std::collections::HashMap;
use std::ops::Bound::{Excluded, Unbounded};
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use storage::evaluate::{Counter, Matcher, Pager};
use storage::lifecycle::Created;
use storage::{
    Aggregation, Applied, Batch, Buckets, Document, DocumentId, Filter, Kind, Namespace, Page, Query, Schema,
    Store, StoreError,
};
use tokio::sync::{OwnedRwLockWriteGuard, RwLock, Semaphore};

use crate::folder::Folder;
use crate::space::{Documents, Space, document};

/// How many writes may wait at a time; what comes beyond is refused, rather than held in memory.
const MOST_WAITING: usize = 1000;

/// Documents in memory, made from a folder of logs. Needs a tokio runtime: the disk is waited for on its blocking threads.
pub struct LogStore {
    schema: Arc<Schema>,
    folder: Arc<Folder>,
    slots: Mutex<HashMap<Namespace, Arc<Slot>>>,
    waiting: Arc<Semaphore>,
}

/// The place of a namespace, kept for good, so that there is one: its documents, once they are read from its log.
type Slot = RwLock<Option<Space>>;

impl LogStore {
    /// Takes a folder, creating it in the one above if it is missing.
    ///
    /// # Errors
    /// If the folder cannot be created, or another process has it.
    pub fn open(folder: impl AsRef<Path>, schema: Schema) -> Result<Self, StoreError> {
        let folder = Arc::new(Folder::open(folder.as_ref())?);
        let waiting = Arc::new(Semaphore::new(MOST_WAITING));
        Ok(Self { schema: Arc::new(schema), folder, slots: Mutex::default(), waiting })
    }

    fn slot(&self, namespace: &Namespace) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(*namespace).or_default())
    }

    /// The documents of an installed namespace, for one who changes them.
    async fn alone(&self, namespace: &Namespace) -> Result<OwnedRwLockWriteGuard<Option<Space>>, StoreError> {
        let mut space = self.slot(namespace).write_owned().await;
        if space.is_some() {
            return Ok(space);
        }
        let (namespace, schema) = (*namespace, Arc::clone(&self.schema));
        self.blocking(move |folder| {
            *space = Some(Space::open(folder.log(&namespace), &namespace, &schema)?);
            Ok(space)
        })
        .await
    }

    /// What `read` makes of a kind's documents.
    async fn read<T>(
        &self,
        namespace: &Namespace,
        kind: &str,
        read: impl FnOnce(&Kind, &Documents) -> Result<T, StoreError> + Send,
    ) -> Result<T, StoreError> {
        let kind = self.schema.kind(kind)?;
        let mut space = self.slot(namespace).read_owned().await;
        if space.is_none() {
            drop(space);
            space = OwnedRwLockWriteGuard::downgrade(self.alone(namespace).await?);
        }
        let none = Documents::new();
        let space = space.as_ref().expect("what was not read was read above");
        read(kind, space.documents(kind.name()).unwrap_or(&none))
    }

    /// Runs what waits for the disk apart from what serves requests. It goes to its end even if nobody waits for it, and
    /// the folder stays locked until then.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Folder) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let folder = Arc::clone(&self.folder);
        match tokio::task::spawn_blocking(move || work(&folder)).await {
            Ok(outcome) => outcome,
            Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
            Err(error) => Err(log::unavailable("the runtime is stopping").with_source(error)),
        }
    }
}

#[async_trait]
impl Store for LogStore {
    fn schema(&self) -> &Schema {
        &self.schema
    }

    async fn install(&self, namespace: &Namespace) -> Result<Created, StoreError> {
        let alone = self.slot(namespace).write_owned().await;
        let namespace = *namespace;
        self.blocking(move |folder| {
            let path = folder.log(&namespace);
            let indices = space::create(&path, &namespace)?.then(|| path.display().to_string());
            drop(alone);
            let indices = indices.into_iter().collect();
            Ok(Created { indices, ..Created::default() })
        })
        .await
    }

    async fn upgrade(&self, namespace: &Namespace) -> Result<bool, StoreError> {
        // Bodies are kept as they came: whether they are what the kinds say today is seen when they are read.
        self.alone(namespace).await.map(|_| false)
    }

    async fn remove(&self, namespace: &Namespace) -> Result<(), StoreError> {
        let mut space = self.slot(namespace).write_owned().await;
        let namespace = *namespace;
        self.blocking(move |folder| {
            *space = None;
            log::remove(&folder.log(&namespace))
        })
        .await
    }

    async fn write(&self, namespace: &Namespace, batch: Batch) -> Result<Vec<Applied>, StoreError> {
        self.schema.check(&batch)?;
        let permit = Arc::clone(&self.waiting).try_acquire_owned();
        let permit = permit.map_err(|_| log::unavailable("too many writes wait for the disk"))?;
        let mut space = self.alone(namespace).await?;
        // From here it goes to its end, with the lock that it took along: whoever waits for the answer may go away.
        self.blocking(move |_| {
            let applied = space.as_mut().expect("it was read by then").write(batch);
            drop(permit);
            applied
        })
        .await
    }

    async fn get(
        &self,
        namespace: &Namespace,
        kind: &str,
        id: &DocumentId,
    ) -> Result<Option<Document>, StoreError> {
        self.read(namespace, kind, |_, documents| Ok(documents.get_key_value(id).map(document))).await
    }

    async fn search(&self, namespace: &Namespace, kind: &str, query: &Query) -> Result<Page, StoreError> {
        self.read(namespace, kind, |kind, documents| {
            let (matcher, mut pager) = (Matcher::new(kind, &query.filter)?, Pager::new(kind, query)?);
            let found = documents.iter().filter(|(_, (_, body))| matcher.matches(body));
            found.map(document).for_each(|document| pager.add(document));
            Ok(pager.finish())
        })
        .await
    }

    async fn count(&self, namespace: &Namespace, kind: &str, filter: &Filter) -> Result<u64, StoreError> {
        self.read(namespace, kind, |kind, documents| {
            let matcher = Matcher::new(kind, filter)?;
            Ok(documents.values().filter(|(_, body)| matcher.matches(body)).count() as u64)
        })
        .await
    }

    async fn aggregate(
        &self,
        namespace: &Namespace,
        kind: &str,
        filter: &Filter,
        aggregation: &Aggregation,
    ) -> Result<Buckets, StoreError> {
        self.read(namespace, kind, |kind, documents| {
            let (matcher, mut counter) = (Matcher::new(kind, filter)?, Counter::new(kind, aggregation)?);
            let found = documents.values().filter(|(_, body)| matcher.matches(body));
            found.for_each(|(_, body)| counter.add(body));
            Ok(counter.finish())
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
        self.read(namespace, kind, |_, documents| {
            let start = after.map_or(Unbounded, Excluded);
            Ok(documents.range::<DocumentId, _>((start, Unbounded)).take(limit).map(document).collect())
        })
        .await
    }

    async fn refresh(&self, namespace: &Namespace) -> Result<(), StoreError> {
        // What is answered is in memory, and visible; a namespace that is not installed is still refused.
        self.alone(namespace).await.map(drop)
    }
}
