//! A process that has heard of a suspension is killed; the next one, without a TMS, still knows.

use std::path::Path;

use tenant_core::{Cached, Lookup, TenantDirectory, TenantStatus};
use tms_client::testing::FaultyTms;
use tms_client::{TmsDirectory, TmsErrorKind};

use super::child::{Child, say, settings};
use super::mount::{Filler, Mount};
use crate::support::{client, current, is_known, known_at_once, label, status, tms_with_feed};

const ROUNDS: usize = 10;

/// Follows the feed with its snapshot on disk, and says so when it hears that acme is refused. Never writes its snapshot
/// again, so that the refusal is in the log alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let Some((folder, tms)) = settings() else { return };
    let builder = TmsDirectory::builder(client(&tms)).folder(folder);
    let directory =
        builder.snapshot_delay(std::time::Duration::from_secs(3600)).build().expect("a directory");
    current(&directory).await;
    known_at_once(&directory, &label("acme")).await;
    directory.flush().await;
    say("current");
    loop {
        match directory.cached(&label("acme")) {
            Cached::Known(acme) if acme.status == TenantStatus::Active => tokio::task::yield_now().await,
            _ => break say("refused"),
        }
    }
    std::future::pending().await
}

/// Runs a child until it has heard of what is done to acme, and kills it at once, with the TMS gone.
async fn hear_and_die(tms: &FaultyTms, folder: &Path, refuse: impl FnOnce(&FaultyTms)) {
    let child = Child::start("disk::kill::child", folder, &tms.url());
    let child = wait_for(child, "current").await;
    refuse(tms);
    wait_for(child, "refused").await.kill();
    tms.stop().await;
}

async fn wait_for(child: Child, line: &'static str) -> Child {
    let waiting = tokio::task::spawn_blocking(move || {
        child.wait_for(line);
        child
    });
    waiting.await.expect("it says so")
}

fn next_process(tms: &FaultyTms, folder: &Path) -> TmsDirectory {
    TmsDirectory::builder(client(&tms.url())).folder(folder).build().expect("a directory")
}

#[tokio::test]
async fn a_suspension_that_was_heard_is_not_undone_by_sigkill() {
    let folder = tempfile::tempdir().expect("a folder");
    let tms = tms_with_feed(&["acme", "globex"]).await;
    for round in 0..ROUNDS {
        hear_and_die(&tms, folder.path(), |tms| tms.suspend("acme", "unpaid")).await;
        let directory = next_process(&tms, folder.path());
        let found = directory.find(&label("acme")).await;
        assert_eq!(status(&found), Some(TenantStatus::Suspended), "round {round}: {found:?}");
        assert!(is_known(&directory.find(&label("globex")).await), "the others serve");
        assert_eq!(directory.status().last_error, Some(TmsErrorKind::Unavailable));
        drop(directory);
        tms.start_again().await;
        tms.resume("acme");
    }
}

#[tokio::test]
async fn the_end_of_a_tenant_that_was_heard_is_not_undone_by_sigkill() {
    let folder = tempfile::tempdir().expect("a folder");
    let tms = tms_with_feed(&["acme"]).await;
    hear_and_die(&tms, folder.path(), |tms| tms.remove("acme")).await;
    let found = next_process(&tms, folder.path()).find(&label("acme")).await;
    assert!(matches!(found, Lookup::Unavailable { .. }), "{found:?}");
}

#[tokio::test]
async fn a_suspension_that_was_heard_while_the_disk_is_full_is_not_undone_by_sigkill() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(_disk) = Mount::small(folder.path(), 4 << 20) else { return };
    let path = folder.path().join("directory");
    let tms = tms_with_feed(&["acme", "globex"]).await;
    let mut filler = None;
    let child = wait_for(Child::start("disk::kill::child", &path, &tms.url()), "current").await;
    filler.replace(Filler::new(folder.path().join("filler"), 0));
    tms.suspend("acme", "unpaid");
    wait_for(child, "refused").await.kill();
    tms.stop().await;
    let found = next_process(&tms, &path).find(&label("acme")).await;
    assert_eq!(status(&found), Some(TenantStatus::Suspended), "{found:?}");
}

#[tokio::test]
async fn a_folder_in_use_names_the_process_that_has_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let tms = tms_with_feed(&["acme"]).await;
    let child = wait_for(Child::start("disk::kill::child", folder.path(), &tms.url()), "current").await;
    let builder = TmsDirectory::builder(client(&tms.url())).folder(folder.path());
    let refused = builder.build().expect_err("in use").to_string();
    assert!(refused.ends_with(&format!("in use by the process {}", child.pid())), "{refused}");
    child.kill();
    next_process(&tms, folder.path());
}
