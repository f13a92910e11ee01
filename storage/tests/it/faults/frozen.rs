//! What a power cut may leave of a store: files as they were last synced, and a journal that goes on.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use storage::Store;
use tempfile::TempDir;

use super::ledger::Ledger;
use crate::support::open;

/// The folders of a store that was cut off: what the ledgers wrote last is in the journal alone.
pub(super) struct Frozen {
    folder: TempDir,
}

impl Frozen {
    /// Lets the ledgers write in turn, and keeps the files as they were after the first write of each.
    pub(super) async fn after(ledgers: &mut [Ledger], rounds: usize) -> Self {
        let (live, folder) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let store = open(live.path()).expect("a store");
        for ledger in &mut *ledgers {
            ledger.install(&store).await;
            // This one is synced in the file; from here on entries count.
            ledger.write(&store).await.expect("written");
        }
        copy(&live.path().join("tenants"), &folder.path().join("tenants"));
        for _ in 0..rounds {
            for ledger in &mut *ledgers {
                ledger.write(&store).await.expect("written");
            }
        }
        copy(&live.path().join("journal"), &folder.path().join("journal"));
        Self { folder }
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The one segment of the journal.
    pub(super) fn segment(&self) -> PathBuf {
        let files = fs::read_dir(self.path().join("journal")).expect("a journal");
        let mut paths: Vec<_> = files.map(|file| file.expect("listed").path()).collect();
        assert_eq!(paths.len(), 1, "{paths:?}");
        paths.remove(0)
    }

    /// The same once more, to be spoilt in another way.
    pub(super) fn copy(&self) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        copy(self.path(), folder.path());
        Self { folder }
    }

    pub(super) fn open(&self) -> Arc<dyn Store> {
        open(self.path()).expect("the store opens")
    }
}

/// Without what SQLite makes anew.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("listed") {
        let (from, to) =
            (entry.as_ref().expect("listed").path(), to.join(entry.expect("listed").file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else if !from.to_string_lossy().ends_with("-shm") {
            fs::copy(&from, &to).expect("copied");
        }
    }
}
