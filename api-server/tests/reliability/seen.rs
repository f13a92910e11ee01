//! How soon each process acts on what happens at the TMS, while it follows the feed.

use std::time::Duration;

use crate::site::ApiProcess;
use crate::tms::Tms;
use crate::{PATIENCE, alone, is_long, report, until};

/// Within so long, at the most.
const PROMISE: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_change_is_seen_by_every_process_within_a_second() {
    let _turn = alone().await;
    let rounds = if is_long() { 100 } else { 20 };
    let folder = tempfile::tempdir().expect("a folder");
    let tms = Tms::start(&folder.path().join("tms")).await;
    tms.create("company-x").await;
    let start = async |name: &str| ApiProcess::start(&folder.path().join(name), &tms.access(), &[]).await;
    let apis = [start("one").await, start("two").await];
    for api in &apis {
        api.until_it_has(1).await;
    }
    // From the TMS's answer to the operator until the later of both processes.
    let both = async |what: &str, host: &str, status: u16| {
        let see =
            async |api: &ApiProcess| until(what, PATIENCE, async || api.status(host).await == status).await;
        let (one, two) = tokio::join!(see(&apis[0]), see(&apis[1]));
        one.max(two)
    };

    let mut slowest = [
        ("suspend", Duration::ZERO),
        ("resume", Duration::ZERO),
        ("create", Duration::ZERO),
        ("domain", Duration::ZERO),
    ];
    for round in 0..rounds {
        let mut took = [Duration::ZERO; 4];
        tms.suspend("company-x").await;
        took[0] = both("a suspension", "company-x.localhost", 403).await;
        tms.resume("company-x").await;
        took[1] = both("its end", "company-x.localhost", 200).await;
        // Asked for before, and so remembered as unknown.
        let (name, domain) = (format!("new-{round}"), format!("shop-{round}.example"));
        both("nobody", &format!("{name}.localhost"), 404).await;
        tms.create(&name).await;
        took[2] = both("a new tenant", &format!("{name}.localhost"), 200).await;
        both("nobody's domain", &domain, 400).await;
        tms.give_domain(&name, &domain).await;
        took[3] = both("a new own domain", &domain, 200).await;
        for (slowest, took) in slowest.iter_mut().zip(took) {
            slowest.1 = slowest.1.max(took);
        }
    }
    report(&format!("the slowest of {rounds}: {slowest:?}"));
    assert!(slowest.iter().all(|(_, took)| *took <= PROMISE), "{slowest:?}");
}
