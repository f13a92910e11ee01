//! The TMS is gone, or does not answer, for a minute.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::load::{Load, p95};
use crate::site::ApiProcess;
use crate::tms::Tms;
use crate::{is_long, until};

const TENANTS: usize = 200;
const PER_SECOND: u32 = 600;

/// What a measurement on a machine that does other things, too, is uncertain by.
const NOISE: Duration = Duration::from_millis(10);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outage {
    Killed,
    Stopped,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn known_tenants_are_served_while_the_tms_is_dead() {
    through(Outage::Killed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn known_tenants_are_served_while_the_tms_does_not_answer() {
    through(Outage::Stopped).await;
}

async fn through(outage: Outage) {
    let (before, during) = if is_long() { (10, 60) } else { (3, 8) };
    let (before, during) = (Duration::from_secs(before), Duration::from_secs(during));
    let folder = tempfile::tempdir().expect("a folder");
    let mut tms = Tms::start(&folder.path().join("tms")).await;
    let names: Vec<String> = (0..TENANTS).map(|number| format!("tenant-{number}")).collect();
    for name in &names {
        tms.create(name).await;
    }
    let start = |name: &str| ApiProcess::start(&folder.path().join(name), &tms.url(), &tms.directory_key);
    let apis = [start("one"), start("two")];
    for api in &apis {
        until("every tenant", Duration::from_secs(20), async || api.of(&names[TENANTS - 1]).await == 200).await;
    }

    let hosts: Vec<String> = names.iter().map(|name| format!("{name}.localhost")).collect();
    let load = Load::begin(&apis.each_ref().map(|api| api.public), &hosts, PER_SECOND).await;
    let began = Instant::now();
    sleep(before).await;
    match outage {
        Outage::Killed => tms.kill(),
        Outage::Stopped => tms.stop(),
    }
    let cut = Instant::now();
    sleep(during).await;
    for api in &apis {
        assert_eq!(api.of("nobody-knows-this").await, 503, "an outage is never told as unknown");
    }
    let samples = load.end().await;

    let failed: Vec<_> = samples.iter().filter(|sample| sample.status != 200).collect();
    assert!(failed.is_empty(), "{} of {} failed, first {:?}", failed.len(), samples.len(), failed[0]);
    let rate = samples.len() as f64 / began.elapsed().as_secs_f64();
    assert!(rate >= 500.0, "{rate} requests a second");
    // The first second of each is left out.
    let second = Duration::from_secs(1);
    let (quiet, out) = (p95(&samples, began + second, cut), p95(&samples, cut + second, cut + during));
    println!("{outage:?}: {} requests, {rate:.0}/s, none failed; p95 {quiet:?} before, {out:?} during", samples.len());
    assert!(out <= 2 * quiet + NOISE, "p95 {out:?}, and {quiet:?} before");

    // And afterwards what is new is seen again.
    match outage {
        Outage::Killed => tms.start_again().await,
        Outage::Stopped => tms.go_on(),
    }
    tms.create("after-the-outage").await;
    for api in &apis {
        until("a new tenant", Duration::from_secs(30), async || api.of("after-the-outage").await == 200).await;
    }
}
