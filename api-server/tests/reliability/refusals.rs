//! A suspension that was heard is not undone by an outage and a restart.

use std::time::Duration;

use crate::site::ApiProcess;
use crate::tms::Tms;
use crate::until;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspension_that_was_heard_outlives_the_tms_and_the_process() {
    for round in 0..5 {
        let folder = tempfile::tempdir().expect("a folder");
        let mut tms = Tms::start(&folder.path().join("tms")).await;
        tms.create("company-x").await;
        tms.create("company-y").await;
        let api = ApiProcess::start(&folder.path().join("api"), &tms.url(), &tms.directory_key);
        until("the start", Duration::from_secs(20), async || api.of("company-x").await == 200).await;
        // What was known before is on disk, and says that it is active.
        let snapshot = api.folder().join("data/directory/snapshot");
        until("a snapshot", Duration::from_secs(20), async || snapshot.exists()).await;

        tms.suspend("company-x").await;
        until("the suspension", Duration::from_secs(20), async || api.of("company-x").await == 403).await;
        tms.kill();
        let api = api.kill_and_start_again();
        assert_eq!(api.of("company-x").await, 403, "round {round}: still suspended, at the first request");
        assert_eq!(api.of("company-y").await, 200, "round {round}: and the other one is served");
    }
}
