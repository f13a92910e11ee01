//! A disk that is full.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use storage::{EmbeddedConfig, EmbeddedStore, Store, StoreErrorKind};

use super::ledger::Ledger;
use super::mount::Mount;
use crate::support::{schema, tenant};

const DISK: u64 = 32 << 20;
const KIB: u64 = 1024;

/// What is left when it is full: nothing, a page, less than what the journal grows by, more than that.
const LEFT: [u64; 7] = [0, 4 * KIB, 32 * KIB, 200 * KIB, 900 * KIB, 1100 * KIB, 2100 * KIB];

/// How many writes are refused before there is room again.
const REFUSALS: usize = 12;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_told_as_full_loses_nothing_and_is_written_to_again_when_there_is_room() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(_disk) = Mount::small(folder.path(), DISK) else { return };
    for left in LEFT {
        for (open_files, size) in [(10, 500), (1, 500), (10, 40_000)] {
            println!("{left} bytes are left, {open_files} files may be open, events of {size} bytes");
            meet(&folder.path().join("data"), left, open_files, size).await;
        }
    }
}

/// Fills the disk under two who write, and empties it again.
async fn meet(data_dir: &Path, left: u64, open_files: usize, size: usize) {
    let store = open(data_dir, open_files);
    let mut ledgers = [Ledger::new(tenant("acme"), size), Ledger::new(tenant("globex"), size)];
    for ledger in &mut ledgers {
        ledger.install(&store).await;
        goes_on(ledger, &store, 20).await;
    }

    let filler = Filler::new(data_dir.with_extension("filler"), left);
    until_refused(&mut ledgers, &store).await;
    drop(filler);

    for ledger in &mut ledgers {
        // There is room again, which the store finds out by itself.
        ledger.write_when_there_is_room(&store).await;
        goes_on(ledger, &store, 20).await;
        ledger.check(&store).await;
    }
    drop(store);
    let store = open(data_dir, open_files);
    for ledger in &ledgers {
        ledger.check(&store).await;
    }
    drop(store);
    fs::remove_dir_all(data_dir).expect("removed");
}

async fn goes_on(ledger: &mut Ledger, store: &Arc<dyn Store>, times: usize) {
    for _ in 0..times {
        ledger.write(store).await.expect("there is room");
    }
}

/// Writes until both have been refused often enough.
async fn until_refused(ledgers: &mut [Ledger; 2], store: &Arc<dyn Store>) {
    for turn in 0..ledgers.len() * 5000 {
        let ledger = &mut ledgers[turn % 2];
        if ledger.refusals() < REFUSALS
            && let Err(error) = ledger.write(store).await
        {
            assert_eq!(error.kind(), StoreErrorKind::Full, "{error}");
        }
    }
    let refusals: Vec<_> = ledgers.iter().map(Ledger::refusals).collect();
    assert!(refusals.iter().all(|refusals| *refusals == REFUSALS), "the disk is not full: {refusals:?}");
}

fn open(data_dir: &Path, open_files: usize) -> Arc<dyn Store> {
    let mut config = EmbeddedConfig::new(data_dir);
    config.open_files = open_files.try_into().expect("not zero");
    config.journal_bytes = (8 << 20).try_into().expect("not zero");
    Arc::new(EmbeddedStore::open(config, schema()).expect("a store"))
}

/// A file that takes all the room but so much.
struct Filler {
    path: PathBuf,
}

impl Filler {
    fn new(path: PathBuf, left: u64) -> Self {
        let mut file = File::create(&path).expect("a filler");
        for size in [1 << 20, 1 << 16, 1 << 12] {
            let zeros = vec![0; size];
            while file.write_all(&zeros).is_ok() {}
        }
        let length = file.metadata().expect("its length").len();
        file.set_len(length - left).expect("a little room");
        Self { path }
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        fs::remove_file(&self.path).expect("room again");
    }
}
