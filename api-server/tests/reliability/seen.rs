//! How soon each process acts on what happens at the TMS.

use std::time::Duration;

use serde_json::json;

use crate::site::ApiProcess;
use crate::tms::Tms;
use crate::{is_long, until};

/// Within so long, at the most.
const PROMISE: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_change_is_seen_by_every_process_within_a_second() {
    let rounds = if is_long() { 100 } else { 15 };
    let folder = tempfile::tempdir().expect("a folder");
    let tms = Tms::start(&folder.path().join("tms")).await;
    tms.create("company-x").await;
    let start = |name: &str| ApiProcess::start(&folder.path().join(name), &tms.url(), &tms.directory_key);
    let apis = [start("one"), start("two")];
    let both = async |what: &str, host: &str, status: u16| {
        let mut latest = Duration::ZERO;
        for api in &apis {
            latest = latest.max(until(what, Duration::from_secs(20), async || api.status(host).await == status).await);
        }
        latest
    };
    both("the start", "company-x.localhost", 200).await;

    let mut latest = [("suspend", Duration::ZERO), ("resume", Duration::ZERO), ("create", Duration::ZERO), ("domain", Duration::ZERO)];
    for round in 0..rounds {
        let mut took = [Duration::ZERO; 4];
        tms.suspend("company-x").await;
        took[0] = both("a suspension", "company-x.localhost", 403).await;
        tms.resume("company-x").await;
        took[1] = both("its end", "company-x.localhost", 200).await;
        let name = format!("new-{round}");
        // Asked for before, and so remembered as unknown.
        both("nobody", &format!("{name}.localhost"), 404).await;
        tms.create(&name).await;
        took[2] = both("a new tenant", &format!("{name}.localhost"), 200).await;
        let domain = format!("shop-{round}.example");
        assert_ne!(apis[0].status(&domain).await, 200);
        tms.patch(&format!("/tenant/{name}"), &json!({ "hosts": [domain] })).await;
        took[3] = both("a new own domain", &domain, 200).await;
        for (latest, took) in latest.iter_mut().zip(took) {
            latest.1 = latest.1.max(took);
        }
    }
    println!("the latest of {rounds}: {latest:?}");
    assert!(latest.iter().all(|(_, took)| *took <= PROMISE), "{latest:?}");
}
