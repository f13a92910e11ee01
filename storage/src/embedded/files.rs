//! [`Files`]: which files are open, and that each is opened once.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashlink::LruCache;
use tokio::sync::{OnceCell, RwLock, Semaphore};

use crate::embedded::file::{self, OpenFile, Opening};
use crate::embedded::folder::{self, Folder};
use crate::embedded::pool::Pool;
use crate::embedded::{blocking, failure};
use crate::error::{StoreError, StoreErrorKind};
use crate::lifecycle::Created;
use crate::namespace::Namespace;

/// A file, or the place where those wait who asked for it while it is being opened.
type Slot = Arc<OnceCell<Arc<OpenFile>>>;

/// The open files, of which there are only so many.
pub(super) struct Files {
    opening: Opening,
    pool: Arc<Pool>,
    most: NonZeroUsize,
    slots: Mutex<LruCache<Namespace, Slot>>,
    /// One permit for each file that may be open; a file gives its own back when it has been closed.
    open: Arc<Semaphore>,
    /// Whose file is open or being closed. There is one at a time of a namespace: what two would write has no order.
    tenures: Mutex<HashMap<Namespace, Arc<tokio::sync::Mutex<()>>>>,
    /// Opening shares it; what makes or removes files has it alone.
    lifecycle: Arc<RwLock<()>>,
}

impl Files {
    pub(super) fn new(opening: Opening, pool: Arc<Pool>, most: NonZeroUsize) -> Self {
        Self {
            opening,
            pool,
            most,
            slots: Mutex::new(LruCache::new_unbounded()),
            open: Arc::new(Semaphore::new(most.get())),
            tenures: Mutex::default(),
            lifecycle: Arc::default(),
        }
    }

    /// The file of an installed namespace.
    pub(super) async fn get(&self, namespace: &Namespace) -> Result<Arc<OpenFile>, StoreError> {
        let opened = self.find(namespace).await;
        if let Err(error) = &opened
            && error.kind() == StoreErrorKind::NotInstalled
        {
            tracing::error!(
                tenant.id = %namespace.id(),
                tenant.incarnation = %namespace.incarnation(),
                context = %namespace.context(),
                %error,
                "the data of tenant {} is not here", namespace.id()
            );
        }
        opened
    }

    async fn find(&self, namespace: &Namespace) -> Result<Arc<OpenFile>, StoreError> {
        loop {
            let slot = self.slot(namespace);
            let was_open = slot.initialized();
            let file = match slot.get_or_try_init(|| self.open(*namespace)).await {
                Ok(file) => Arc::clone(file),
                Err(error) => {
                    self.forget(namespace, &slot);
                    return Err(error);
                }
            };
            // Looking at a path that was just used does not wait for a disk. What was opened this moment is in place.
            if !was_open || file.is_usable()? {
                return Ok(file);
            }
            tracing::warn!(%namespace, "the file of {namespace} was moved, replaced or could not be written");
            self.forget(namespace, &slot);
        }
    }

    fn slot(&self, namespace: &Namespace) -> Slot {
        let mut slots = self.slots();
        if let Some(slot) = slots.get(namespace) {
            return Arc::clone(slot);
        }
        let slot = Slot::default();
        slots.insert(*namespace, Arc::clone(&slot));
        let evicted = if slots.len() > self.most.get() { slots.remove_lru() } else { None };
        drop(slots);
        // It is closed by the pool, once nothing uses it.
        drop(evicted);
        slot
    }

    fn slots(&self) -> MutexGuard<'_, LruCache<Namespace, Slot>> {
        // Whatever panicked, each entry is whole by itself.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Unless another call has replaced it already.
    fn forget(&self, namespace: &Namespace, slot: &Slot) {
        let mut slots = self.slots();
        if slots.peek(namespace).is_some_and(|current| Arc::ptr_eq(current, slot)) {
            slots.remove(namespace);
        }
    }

    async fn open(&self, namespace: Namespace) -> Result<Arc<OpenFile>, StoreError> {
        let tenure = self.tenure(&namespace).lock_owned().await;
        let permit = Arc::clone(&self.open).acquire_owned().await;
        let permit = permit.map_err(|_| failure::unavailable("the store is closing"))?;
        let shared = Arc::clone(&self.lifecycle).read_owned().await;
        let (opening, pool) = (self.opening.clone(), Arc::clone(&self.pool));
        blocking(move || {
            let file = OpenFile::open(opening, pool, namespace, Box::new((tenure, permit))).map(Arc::new);
            drop(shared);
            file
        })
        .await
    }

    fn tenure(&self, namespace: &Namespace) -> Arc<tokio::sync::Mutex<()>> {
        let mut tenures = self.tenures.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that nobody has are made again when they are needed.
        if tenures.len() > 2 * self.most.get() {
            tenures.retain(|_, tenure| Arc::strong_count(tenure) > 1);
        }
        Arc::clone(tenures.entry(*namespace).or_default())
    }

    pub(super) async fn install(&self, namespace: &Namespace) -> Result<Created, StoreError> {
        let alone = Arc::clone(&self.lifecycle).write_owned().await;
        let (opening, namespace) = (self.opening.clone(), *namespace);
        blocking(move || {
            let created = file::install(&opening, &namespace)?;
            drop(alone);
            let indices = created.then(|| Folder::name(&namespace)).into_iter().collect();
            Ok(Created { indices, ..Created::default() })
        })
        .await
    }

    /// Whether a namespace's file waits to be upgraded.
    pub(super) async fn is_older(&self, namespace: &Namespace) -> Result<bool, StoreError> {
        let shared = Arc::clone(&self.lifecycle).read_owned().await;
        let (opening, namespace) = (self.opening.clone(), *namespace);
        blocking(move || {
            let is_older = file::is_older(&opening, &namespace);
            drop(shared);
            is_older
        })
        .await
    }

    pub(super) async fn remove(&self, namespace: &Namespace) -> Result<(), StoreError> {
        let alone = Arc::clone(&self.lifecycle).write_owned().await;
        // A write that is under way still has the file; it finds out after its commit.
        drop(self.slots().remove(namespace));
        let (folder, journal, namespace) =
            (Arc::clone(&self.opening.folder), Arc::clone(&self.opening.journal), *namespace);
        blocking(move || {
            let outcome = folder.remove_file(&namespace);
            if outcome.is_ok() {
                journal.settled(&namespace);
            }
            drop(alone);
            outcome
        })
        .await
    }

    /// The namespaces whose files are here, in order.
    pub(super) fn installed(&self) -> Result<Vec<Namespace>, StoreError> {
        self.opening.folder.namespaces()
    }

    /// Closes a namespace's file once nothing uses it: one plain file is left, and this is its path.
    pub(super) async fn close(&self, namespace: &Namespace) -> Result<PathBuf, StoreError> {
        // What a crash has left beside it goes into it.
        drop(self.get(namespace).await?);
        drop(self.slots().remove(namespace));
        drop(self.tenure(namespace).lock().await);
        let path = self.opening.folder.file(namespace);
        if folder::has_journal(&path)? {
            let message =
                format!("{} is open in another process too, which has to close it first", path.display());
            return Err(StoreError::new(StoreErrorKind::Backend, message));
        }
        Ok(path)
    }
}
