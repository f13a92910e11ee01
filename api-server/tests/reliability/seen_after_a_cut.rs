//! How soon each process acts on what happens at the TMS when the feed is silent and nobody is told so, while the TMS can be
//! asked.

use std::time::{Duration, Instant};

use tokio::time::sleep_until;

use crate::proxy::Proxy;
use crate::site::{Access, ApiProcess};
use crate::tms::Tms;
use crate::{PATIENCE, alone, is_long, report, until};

/// `DIRECTORY_FRESH`.
const FRESH: &str = "5s";
/// What is promised: two heartbeats, and the time that a tenant is fresh.
const PROMISE: Duration = Duration::from_secs(4 + 5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_feed_was_cut_every_change_is_seen_when_the_tenant_is_due() {
    let _turn = alone().await;
    let rounds = if is_long() { 20 } else { 2 };
    let folder = tempfile::tempdir().expect("a folder");
    let tms = Tms::start(&folder.path().join("tms")).await;
    let proxy = Proxy::start(tms.addr).await;
    let access = Access { url: proxy.url(), ..tms.access() };
    let start = async |name: &str| {
        ApiProcess::start(&folder.path().join(name), &access, &[("DIRECTORY_FRESH", FRESH)]).await
    };
    let apis = [start("one").await, start("two").await];
    for name in ["busy", "idle", "back"] {
        tms.create(name).await;
    }

    let mut slowest = [
        ("suspend", Duration::ZERO),
        ("resume", Duration::ZERO),
        ("create", Duration::ZERO),
        ("domain", Duration::ZERO),
    ];
    for round in 0..rounds {
        let (name, domain) = (format!("new-{round}"), format!("shop-{round}.example"));
        tms.suspend("back").await;
        let hosts = ["busy.localhost", "back.localhost", &format!("{name}.localhost"), &domain];
        for api in &apis {
            api.until_it_has(3 + round).await;
            for (host, status) in hosts.iter().zip([200, 403, 404, 400]) {
                until(host, PATIENCE, async || api.status(host).await == status).await;
            }
            until("idle", PATIENCE, async || api.of("idle").await == 200).await;
        }

        proxy.cut_feed();
        let cut = Instant::now();
        tms.suspend("busy").await;
        tms.suspend("idle").await;
        tms.resume("back").await;
        tms.create(&name).await;
        tms.give_domain("back", &domain).await;
        for (number, (host, status)) in hosts.iter().zip([403, 200, 200, 200]).enumerate() {
            for api in &apis {
                until(host, PATIENCE, async || api.status(host).await == status).await;
            }
            slowest[number].1 = slowest[number].1.max(cut.elapsed());
        }
        // Nobody has asked for this one since: its first request is refused.
        sleep_until((cut + PROMISE).into()).await;
        for api in &apis {
            assert_eq!(api.of("idle").await, 403, "round {round}: the first request");
        }

        proxy.mend_feed();
        tms.resume("busy").await;
        tms.resume("idle").await;
    }
    report(&format!("the slowest of {rounds}, from the cut: {slowest:?}"));
    assert!(slowest.iter().all(|(_, took)| *took <= PROMISE), "{slowest:?}");
}
