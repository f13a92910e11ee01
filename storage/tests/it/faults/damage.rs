//! Files with damaged pages: told to their tenant alone, while the others are served.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use storage::{EmbeddedConfig, EmbeddedStore, Filter, Store, StoreErrorKind};
use tenant_core::Context;

use super::frozen::Frozen;
use super::ledger::Ledger;
use crate::support::{file, open, schema, tenant};

const PAGE: usize = 4096;

/// Writes over all pages from one on.
fn spoil(path: &Path, first: usize) {
    let length = usize::try_from(fs::metadata(path).expect("a file").len()).expect("small");
    let file = OpenOptions::new().write(true).open(path).expect("opened");
    file.write_all_at(&vec![0x5a; length - first * PAGE], (first * PAGE) as u64).expect("spoilt");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_pages_are_told_to_their_tenant_while_the_others_are_served() {
    let folder = tempfile::tempdir().expect("a folder");
    let (acme, globex) = (tenant("acme"), tenant("globex"));
    let path = file(folder.path(), &acme, Context::Production);
    let (mut of_acme, mut of_globex) = (Ledger::new(acme, 500), Ledger::new(globex, 500));
    let store = open(folder.path()).expect("a store");
    for ledger in [&mut of_acme, &mut of_globex] {
        ledger.install(&store).await;
        for _ in 0..500 {
            ledger.write(&store).await.expect("written");
        }
    }
    drop(store);
    // The first pages say whose it is, and where the tables are.
    let pages = fs::metadata(&path).expect("a file").len() / PAGE as u64;
    spoil(&path, usize::try_from(pages).expect("small") / 4);

    let store = open(folder.path()).expect("the store opens");
    let load = tokio::spawn({
        let store = Arc::clone(&store);
        async move {
            for _ in 0..300 {
                of_globex.write(&store).await.expect("globex is served");
            }
            of_globex
        }
    });
    let data = of_acme.data(&store);
    let mut rounds = 0;
    while !load.is_finished() || rounds == 0 {
        let scanned = data.scan("event", None, usize::MAX).await.err().map(|error| error.kind());
        assert_eq!(scanned, Some(StoreErrorKind::Corrupt));
        // Some of them need no damaged page.
        if let Err(error) = of_acme.write(&store).await {
            assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{error}");
        }
        rounds += 1;
    }
    let of_globex = load.await.expect("no panic");
    of_globex.check(&store).await;
    println!("{rounds} rounds beside the load");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_brought_up_to_the_journal_holds_nobody_up_and_is_when_its_file_is_back() {
    let mut ledgers = [Ledger::new(tenant("acme"), 500), Ledger::new(tenant("globex"), 500)];
    let frozen = Frozen::after(&mut ledgers, 20).await;
    let [acme, mut globex] = ledgers;
    let path = file(frozen.path(), &tenant("acme"), Context::Production);
    // The file, and what SQLite has beside it.
    let both = [
        (path.clone(), path.with_extension("kept")),
        (path.with_extension("db-wal"), path.with_extension("kept-wal")),
    ];
    for (from, to) in &both {
        fs::copy(from, to).expect("copied");
    }
    spoil(&path, 0);

    let mut config = EmbeddedConfig::new(frozen.path());
    config.journal_bytes = (256 << 10).try_into().expect("not zero");
    let store: Arc<dyn Store> = Arc::new(EmbeddedStore::open(config, schema()).expect("the store opens"));
    let count = acme.data(&store).count("event", &Filter::All).await;
    assert_eq!(count.err().map(|error| error.kind()), Some(StoreErrorKind::Corrupt));
    // Many times what the journal may take.
    for _ in 0..3000 {
        globex.write(&store).await.expect("globex is served");
    }
    globex.check(&store).await;
    drop(store);

    for (path, kept) in &both {
        fs::rename(kept, path).expect("put back");
    }
    let store = frozen.open();
    acme.check(&store).await;
    globex.check(&store).await;
}
