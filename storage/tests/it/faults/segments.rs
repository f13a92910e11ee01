//! The journal over a long time: bounded, cut behind the files, and gone when the store is closed.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use storage::{EmbeddedConfig, EmbeddedStore, Store};
use tokio::task::JoinSet;

use super::ledger::Ledger;
use crate::support::{schema, tenant};

const JOURNAL: usize = 8 << 20;

/// The names of the segments that were seen, and the most bytes that the folder took.
#[derive(Debug, Default)]
struct Seen {
    names: BTreeSet<String>,
    most: u64,
}

impl Seen {
    fn look(&mut self, folder: &Path) {
        let mut bytes = 0;
        for file in fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
            // It may be cut this moment.
            bytes += file.metadata().map_or(0, |metadata| metadata.len());
            self.names.insert(file.file_name().to_string_lossy().into_owned());
        }
        self.most = self.most.max(bytes);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_journal_stays_within_its_bound_and_leaves_nothing_behind() {
    const TENANTS: usize = 6;
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = EmbeddedConfig::new(folder.path());
    config.journal_bytes = JOURNAL.try_into().expect("not zero");
    // Fewer than the tenants: files are closed and opened again under way.
    config.open_files = (TENANTS - 2).try_into().expect("not zero");
    let store: Arc<dyn Store> = Arc::new(EmbeddedStore::open(config.clone(), schema()).expect("a store"));
    let journal = folder.path().join("journal");
    let is_over = Arc::new(AtomicBool::new(false));
    let watcher = tokio::task::spawn_blocking({
        let (journal, is_over) = (journal.clone(), Arc::clone(&is_over));
        move || {
            let mut seen = Seen::default();
            while !is_over.load(Ordering::Relaxed) {
                seen.look(&journal);
                std::thread::yield_now();
            }
            seen
        }
    });
    let mut writers = JoinSet::new();
    for number in 0..TENANTS {
        let store = Arc::clone(&store);
        writers.spawn(async move {
            let mut ledger = Ledger::new(tenant(&format!("tenant-{number}")), 20_000);
            ledger.install(&store).await;
            for _ in 0..400 {
                ledger.write_when_there_is_room(&store).await;
            }
            ledger
        });
    }
    let ledgers = writers.join_all().await;
    is_over.store(true, Ordering::Relaxed);
    let seen = watcher.await.expect("no panic");
    println!("{} names, at most {} bytes", seen.names.len(), seen.most);
    assert!(seen.names.len() > 10, "segments were begun and cut: {:?}", seen.names);
    // A segment grows by a MiB, and may be passed by the groups of a sync.
    assert!(seen.most <= 2 * JOURNAL as u64, "the journal took {} bytes", seen.most);
    drop(store);
    assert_eq!(fs::read_dir(&journal).expect("a folder").count(), 0, "what is settled leaves nothing behind");

    let store: Arc<dyn Store> = Arc::new(EmbeddedStore::open(config, schema()).expect("the store again"));
    for ledger in &ledgers {
        ledger.check(&store).await;
    }
}
