//! An API process is started while the TMS is down.

use std::time::Duration;

use crate::site::{ApiProcess, Connection};
use crate::until;

use tms_client::testing::FaultyTms;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_tenants_are_served_from_the_snapshot_of_a_process_that_starts_during_an_outage() {
    const TENANTS: usize = 10_000;
    let folder = tempfile::tempdir().expect("a folder");
    let tms = FaultyTms::start().await;
    for number in 0..TENANTS {
        tms.put_active(&format!("tenant-{number}"));
    }
    let api = ApiProcess::start(&folder.path().join("api"), &tms.url(), tms.key());
    until("every tenant", Duration::from_secs(20), async || api.of("tenant-9999").await == 200).await;
    let snapshot = api.folder().join("data/directory/snapshot");
    until("a snapshot", Duration::from_secs(20), async || snapshot.exists()).await;

    tms.stop().await;
    let api = api.kill_and_start_again();
    println!("ready after {:?}", api.ready_after);
    assert!(api.ready_after < Duration::from_secs(1), "ready after {:?}", api.ready_after);
    let mut connection = Connection::open(api.public).await;
    for number in (0..TENANTS).step_by(37) {
        assert_eq!(connection.status(&format!("tenant-{number}.localhost")).await, 200, "tenant-{number}");
    }
    assert_eq!(connection.status("nobody-knows-this.localhost").await, 503, "an outage is never told as unknown");
}
