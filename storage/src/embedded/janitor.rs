//! The thread that cuts the journal: it lets the files settle that a complete segment waits for.

use std::sync::{Arc, Weak};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use tokio::runtime::{self, Runtime};
use tokio::task::JoinSet;

use crate::embedded::failure;
use crate::embedded::files::Files;
use crate::embedded::journal::{Journal, Waiting, is_passing};
use crate::error::{StoreError, StoreErrorKind};
use crate::namespace::Namespace;

/// How long it waits before it tries again what failed.
const AGAIN: Duration = Duration::from_secs(1);

/// How many files settle at once: each waits for a sync of its own.
const AT_ONCE: usize = 8;

/// The thread, while the store is open.
pub(super) struct Janitor {
    journal: Arc<Journal>,
    thread: Option<JoinHandle<()>>,
}

impl Janitor {
    pub(super) fn start(journal: Arc<Journal>, files: Weak<Files>) -> Result<Self, StoreError> {
        let failed =
            |error| failure::unavailable(format!("could not start a thread: {error}")).with_source(error);
        let runtime = runtime::Builder::new_current_thread().build().map_err(failed)?;
        let work = Work { journal: Arc::clone(&journal), files, runtime };
        let thread = Builder::new().name("storage-journal".to_owned()).spawn(move || work.go_on());
        Ok(Self { journal, thread: Some(thread.map_err(failed)?) })
    }
}

impl Drop for Janitor {
    fn drop(&mut self) {
        self.journal.stop();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that cuts the journal has panicked");
        }
    }
}

struct Work {
    journal: Arc<Journal>,
    files: Weak<Files>,
    runtime: Runtime,
}

impl Work {
    fn go_on(&self) {
        while let Some(segment) = self.journal.wait() {
            let done = self.settle(&segment).and_then(|()| self.journal.cut(&segment));
            if let Err(error) = done {
                tracing::warn!(%error, "the journal keeps a segment that it could not cut");
                self.journal.pause(AGAIN);
            }
        }
    }

    /// Settles the files that a segment waits for. What cannot be settled, but would fail again, is carried on.
    fn settle(&self, segment: &Waiting) -> Result<(), StoreError> {
        let mut stuck = Vec::new();
        for some in self.journal.waited_for(segment).chunks(AT_ONCE) {
            for (namespace, settled) in self.settle_some(some) {
                match settled {
                    Ok(()) => {}
                    Err(error) if error.kind() == StoreErrorKind::NotInstalled => {
                        tracing::warn!(%namespace, "{namespace} is gone, and what the journal held of it with it");
                        self.journal.settled(&namespace);
                    }
                    Err(error) if is_passing(&error) => return Err(error),
                    Err(error) => {
                        tracing::error!(%namespace, %error, "{namespace} cannot be brought up to the journal");
                        stuck.push(namespace);
                    }
                }
            }
        }
        if stuck.is_empty() { Ok(()) } else { self.journal.carry(segment, &stuck) }
    }

    fn settle_some(&self, some: &[Namespace]) -> Vec<(Namespace, Result<(), StoreError>)> {
        let one = |namespace: Namespace| {
            let (journal, files) = (Arc::clone(&self.journal), Weak::clone(&self.files));
            async move { (namespace, settle_one(&journal, &files, &namespace).await) }
        };
        self.runtime
            .block_on(async { some.iter().copied().map(one).collect::<JoinSet<_>>().join_all().await })
    }
}

async fn settle_one(journal: &Journal, files: &Weak<Files>, namespace: &Namespace) -> Result<(), StoreError> {
    let files = files.upgrade().ok_or_else(|| failure::unavailable("the store is closing"))?;
    // Opening a file that was closed settles it already.
    let file = files.get(namespace).await?;
    if journal.is_unsettled(namespace) { file.settle().await } else { Ok(()) }
}
