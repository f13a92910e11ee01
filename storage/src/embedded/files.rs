//! [`Files`]: which files are open, and that each is opened once.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashlink::LruCache;
use tokio::sync::{OnceCell, RwLock};

use crate::embedded::blocking;
use crate::embedded::file::{self, OpenFile, Opening};
use crate::embedded::folder::Folder;
use crate::error::{StoreError, StoreErrorKind};
use crate::lifecycle::Created;
use crate::namespace::Namespace;

/// A file, or the place where those wait who asked for it while it is being opened.
type Slot = Arc<OnceCell<Arc<OpenFile>>>;

/// The open files, of which there are only so many.
pub(super) struct Files {
    opening: Opening,
    most: NonZeroUsize,
    slots: Mutex<LruCache<Namespace, Slot>>,
    /// Opening shares it; what makes or removes files has it alone.
    lifecycle: Arc<RwLock<()>>,
}

impl Files {
    pub(super) fn new(opening: Opening, most: NonZeroUsize) -> Self {
        Self { opening, most, slots: Mutex::new(LruCache::new_unbounded()), lifecycle: Arc::default() }
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
            if !was_open || file.is_in_place()? {
                return Ok(file);
            }
            tracing::warn!(%namespace, "the file of {namespace} was moved or replaced while it was open");
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
        if let Some((_, evicted)) = evicted {
            // Closing a file writes to it.
            tokio::task::spawn_blocking(move || drop(evicted));
        }
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
        let shared = Arc::clone(&self.lifecycle).read_owned().await;
        let opening = self.opening.clone();
        blocking(move || {
            let file = OpenFile::open(opening, namespace).map(Arc::new);
            drop(shared);
            file
        })
        .await
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

    pub(super) async fn remove(&self, namespace: &Namespace) -> Result<(), StoreError> {
        let alone = Arc::clone(&self.lifecycle).write_owned().await;
        let removed = self.slots().remove(namespace);
        let (folder, namespace) = (Arc::clone(&self.opening.folder), *namespace);
        blocking(move || {
            // A write that is under way still has the file; it finds out after its commit.
            drop(removed);
            let outcome = folder.remove_file(&namespace);
            drop(alone);
            outcome
        })
        .await
    }
}
