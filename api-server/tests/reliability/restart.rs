//! An API process is started while the TMS is down.

use std::time::{Duration, Instant};

use tms_client::testing::FaultyTms;
use tokio::task::JoinSet;

use crate::site::{Access, ApiProcess, Connection};
use crate::{alone, is_long, report};

const TENANTS: usize = 10_000;
const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_tenants_are_served_by_a_process_that_starts_while_the_tms_is_down() {
    let _turn = alone().await;
    let folder = tempfile::tempdir().expect("a folder");
    let tms = FaultyTms::start().await;
    for number in 0..TENANTS {
        tms.add(&format!("tenant-{number}"));
    }
    let access = Access { url: tms.url(), key: "any-key".to_owned() };
    let mut api = ApiProcess::start(&folder.path().join("api"), &access, &[]).await;
    api.until_it_has(TENANTS).await;
    // Nobody has asked for any: it holds all or none.
    api.until_its_snapshot_has("tenant-9999").await;

    let starts = if is_long() { 10 } else { 1 };
    tms.stop().await;
    for _ in 0..starts {
        api = started_again(api, "refuses connections").await;
        let asked = Instant::now();
        let mut connection = Connection::open(api.public).await;
        for number in 0..TENANTS {
            let status = connection.status(&format!("tenant-{number}.localhost")).await;
            assert_eq!(status, 200, "tenant-{number}");
        }
        report(&format!("all {TENANTS} served within {:?}", asked.elapsed()));
    }
    tms.half_open();
    tms.start_again().await;
    for _ in 0..starts {
        api = started_again(api, "does not answer").await;
        // Each waits for the TMS, for a second at most.
        let slowest = ask_at_once(&api, 500).await;
        report(&format!("500 at once served within {slowest:?}"));
        assert!(slowest < 2 * SECOND, "{slowest:?}");
    }
}

/// Kills it and starts it again: how soon it is ready, and how soon it answers.
async fn started_again(api: ApiProcess, outage: &str) -> ApiProcess {
    let api = api.kill_and_start_again().await;
    let asked = Instant::now();
    assert_eq!(api.of("tenant-0").await, 200, "the TMS {outage}");
    let (ready, first) = (api.ready_after, asked.elapsed());
    report(&format!("the TMS {outage}: ready after {ready:?}, first answer {first:?} later"));
    assert!(ready < SECOND, "ready after {ready:?}");
    assert_eq!(api.directory().await["snapshot"]["found"]["tenants"], TENANTS);
    assert_eq!(api.of("nobody-knows-this").await, 503, "an outage is never told as unknown");
    api
}

/// A request for each of so many tenants at the same time; how long the slowest took.
async fn ask_at_once(api: &ApiProcess, tenants: usize) -> Duration {
    let mut requests = JoinSet::new();
    let addr = api.public;
    for number in 1..=tenants {
        requests.spawn(async move {
            let mut connection = Connection::open(addr).await;
            let asked = Instant::now();
            let status = connection.status(&format!("tenant-{number}.localhost")).await;
            assert_eq!(status, 200, "tenant-{number}");
            asked.elapsed()
        });
    }
    requests.join_all().await.into_iter().max().expect("some")
}
