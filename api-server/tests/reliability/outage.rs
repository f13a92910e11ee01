//! The TMS is gone, or does not answer, for longer than a tenant is fresh.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::load::{Load, Sample, p95};
use crate::site::{ApiProcess, Connection};
use crate::tms::Tms;
use crate::{PATIENCE, alone, is_long, report, until};

const TENANTS: usize = 200;
/// To the two processes whose TMS is out, together. As many to each as to a third one, whose TMS is well: what it takes at the
/// same time tells of the machine.
const PER_SECOND: u32 = 600;
/// The number of that one.
const BESIDE: usize = 2;
const SECOND: Duration = Duration::from_secs(1);

/// Below it, a 95th percentile tells of the machine more than of the program: 2 x this is the least that is refused. The short
/// form is run where other things are going on.
fn floor() -> Duration {
    Duration::from_millis(if is_long() { 1 } else { 5 })
}

/// A request waits for one refresh, for a second at most; the rest is for a machine that does other things, too.
const BOUND: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outage {
    Killed,
    Stopped,
}

/// The seconds of a run.
struct Times {
    before: u32,
    during: u32,
    /// `DIRECTORY_FRESH`.
    fresh: u32,
    /// Until when after the cut the p95 is taken.
    measured: u32,
}

impl Times {
    fn get() -> Self {
        if is_long() {
            return Self { before: 10, during: 75, fresh: 60, measured: 75 };
        }
        // What is known was last confirmed up to 4 s before it is noticed that the feed is silent. When it is due, the
        // requests of a second wait: of a long outage that is a small part, of a short one it is not.
        Self { before: 3, during: 15, fresh: 10, measured: 6 }
    }
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
    let _turn = alone().await;
    let times = Times::get();
    let folder = tempfile::tempdir().expect("a folder");
    let names: Vec<String> = (0..TENANTS).map(|number| format!("tenant-{number}")).collect();
    let (at, beside) = (folder.path().join("tms"), folder.path().join("other-tms"));
    let (mut tms, other) = tokio::join!(start_tms(&at, &names), start_tms(&beside, &names));
    let fresh = format!("{}s", times.fresh);
    let mut apis = Vec::new();
    for (name, access) in [("one", tms.access()), ("two", tms.access()), ("beside", other.access())] {
        let (folder, settings) = (folder.path().join(name), [("DIRECTORY_FRESH", fresh.as_str())]);
        let api = ApiProcess::start(&folder, &access, &settings).await;
        api.until_it_has(TENANTS).await;
        apis.push(api);
    }
    let addrs: Vec<SocketAddr> = apis.iter().map(|api| api.public).collect();
    let hosts: Vec<String> = names.iter().map(|name| format!("{name}.localhost")).collect();

    let load = Load::begin(&addrs, &hosts, PER_SECOND / 2).await;
    let began = Instant::now();
    sleep(times.before * SECOND).await;
    match outage {
        Outage::Killed => tms.kill(),
        Outage::Stopped => tms.stop(),
    }
    let cut = Instant::now();
    let unknown = ask_for_nobody(&addrs[..BESIDE], cut + times.during * SECOND).await;
    let over = Instant::now();
    // And afterwards what is new is seen again, while the requests go on.
    match outage {
        Outage::Killed => tms.start_again().await,
        Outage::Stopped => tms.go_on(),
    }
    let well = over.elapsed();
    tms.create("after-the-outage").await;
    for api in &apis[..BESIDE] {
        until("a new tenant", PATIENCE, async || api.of("after-the-outage").await == 200).await;
    }
    let back = over.elapsed();
    let samples = load.end().await;
    let (beside, samples): (Vec<_>, Vec<_>) =
        samples.into_iter().partition(|sample| sample.process == BESIDE);
    let rate = samples.len() as f64 / began.elapsed().as_secs_f64();

    // The first second of each is left out.
    let quiet = p95(&samples, began + SECOND, cut);
    let measured = cut + times.measured * SECOND;
    let (out, out_beside) = (p95(&samples, cut + SECOND, measured), p95(&beside, cut + SECOND, measured));
    // And when all is older than it is fresh, and has been waited for.
    let due = cut + (times.fresh + 2) * SECOND;
    let (late, late_beside) = (p95(&samples, due, over), p95(&beside, due, over));
    let slowest = slowest(&samples, cut + SECOND, over);
    report(&format!(
        "{outage:?} for {:.1?}, T1 {fresh}: {} requests, {rate:.0}/s; p95 {quiet:?} before, {out:?} from 1 s to {} s of it \
         (beside {out_beside:?}), {late:?} from T1 + 2 s on (beside {late_beside:?}); slowest {slowest:?}; {} unknown names, \
         slowest {:?}; TMS back after {well:?}, a new tenant seen after {back:?}",
        over - cut,
        samples.len(),
        times.measured,
        unknown.len(),
        unknown.iter().map(|sample| sample.took).max(),
    ));
    let failed: Vec<_> = samples.iter().filter(|sample| sample.status != 200).collect();
    assert!(failed.is_empty(), "{} of {} failed, first {:?}", failed.len(), samples.len(), failed[0]);
    let told: Vec<_> = unknown.iter().filter(|sample| sample.status != 503).collect();
    assert!(told.is_empty(), "an outage is never told as unknown: {told:?}");
    assert!(unknown.len() >= 2 * (times.during as usize - 1), "{} names", unknown.len());
    assert!(rate >= 500.0, "{rate} requests a second");
    for (p95, beside) in [(out, out_beside), (late, late_beside)] {
        assert!(
            p95 <= 2 * quiet.max(beside).max(floor()),
            "p95 {p95:?}; {quiet:?} before, {beside:?} beside"
        );
    }
    assert!(slowest <= BOUND, "somebody waited for {slowest:?}");
}

async fn start_tms(folder: &Path, tenants: &[String]) -> Tms {
    let tms = Tms::start(folder).await;
    for tenant in tenants {
        tms.create(tenant).await;
    }
    tms
}

fn slowest(samples: &[Sample], from: Instant, to: Instant) -> Duration {
    let within = samples.iter().filter(|sample| (from..to).contains(&sample.sent));
    within.map(|sample| sample.took).max().expect("requests")
}

/// Asks every process for two new names a second.
async fn ask_for_nobody(addrs: &[SocketAddr], end: Instant) -> Vec<Sample> {
    let mut requests = JoinSet::new();
    for number in 0.. {
        for (process, addr) in addrs.iter().copied().enumerate() {
            requests.spawn(async move {
                let sent = Instant::now();
                let status = Connection::open(addr).await.status(&format!("nobody-{number}.localhost")).await;
                Sample { process, sent, took: sent.elapsed(), status }
            });
        }
        if Instant::now() + SECOND / 2 > end {
            break;
        }
        sleep(SECOND / 2).await;
    }
    requests.join_all().await
}
