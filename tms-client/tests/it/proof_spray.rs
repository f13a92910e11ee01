//! A spray of random names: memory and calls are bounded, and those who exist do not notice.

use std::hash::{BuildHasher, RandomState};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tenant_core::{Lookup, TenantKey};
use tms_client::testing::Route;
use tms_client::{TmsClient, TmsDirectory};
use tokio::task::JoinHandle;

use crate::proof::{MODES, Mode, Peer, is_long, look_up, settled};
use crate::support::{SECOND, is_known, label, until_found};

/// Tenants that are known throughout.
const KNOWN: usize = 200;
/// Requests under way at once.
const SPRAYERS: usize = 16;
/// Calls a second that unknown names may cause.
const BUDGET: u32 = 100;
/// So often at most, until a round was not disturbed.
const MAX_ROUNDS: u32 = 20;
/// What a spray may cost, in bytes.
const MEMORY: usize = 64 << 20;

/// Random names: 200 000, or a million in the long form.
fn names() -> usize {
    if is_long() { 1_000_000 } else { 200_000 }
}

/// In a process of its own, whose memory and time are then the directory's.
#[test]
fn a_spray_of_random_names_costs_bounded_memory_and_calls() {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--exact", "proof_spray::spray", "--ignored", "--nocapture"]);
    let output = command.output().expect("it runs");
    let (said, faults) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"), "{said}{faults}");
    println!("{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "started by the test above"]
async fn spray() {
    for mode in MODES {
        withstands(mode).await;
    }
}

/// What a spray did.
#[derive(Debug, Default)]
struct Figures {
    rounds: u32,
    names: usize,
    took: Duration,
    calls: usize,
    /// More memory afterwards, in bytes.
    memory: usize,
    /// Lookups of known tenants, of a hundred the 95th: beside as many requests for known tenants, and beside the spray.
    p95_before: Duration,
    p95_meanwhile: Duration,
    /// When a tenant was found that was registered meanwhile, and once it was over.
    found_meanwhile: Option<Duration>,
    found_afterwards: Option<Duration>,
}

impl Figures {
    /// Whether known tenants notice.
    fn is_slower(&self) -> bool {
        self.p95_meanwhile > 2 * self.p95_before
    }
}

#[expect(clippy::print_stdout, reason = "the figures are what the reliability page tells")]
async fn withstands(mode: Mode) {
    let figures = measure(mode).await;
    println!("{mode:?}: {figures:?}");
    assert!(figures.memory < MEMORY, "bounded memory");
    // A full second's at the beginning of each round, and those of the seconds that it took; one for the new tenant.
    let allowed = f64::from(BUDGET) * (figures.took.as_secs_f64() + f64::from(figures.rounds)) + 1.0;
    assert!((figures.calls as f64) <= allowed, "calls within the budget");
    assert!(!figures.is_slower(), "known tenants do not notice");
    assert!(figures.found_afterwards.is_some(), "a new tenant is found within a second when it is over");
    if mode.follows() {
        assert!(figures.found_meanwhile.is_some(), "a new tenant is found within a second meanwhile");
    }
}

async fn measure(mode: Mode) -> Figures {
    let known: Vec<_> = (0..KNOWN).map(|n| format!("known{n}")).collect();
    let peer = Peer::start(mode, &known.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let client = TmsClient::builder(&peer.tms.url(), "yyy".into()).build().expect("a client");
    let directory = TmsDirectory::builder(client).unknown_budget(BUDGET).build().expect("a directory");
    settled(mode, &directory).await;
    for name in &known {
        until_found(&directory, &label(name), is_known).await;
    }
    let calls = || peer.tms.calls(Route::Tenant) + peer.tms.calls(Route::Host);
    let (calls_before, memory_before) = (calls(), memory());
    let mut figures =
        Figures { p95_before: Duration::MAX, p95_meanwhile: Duration::MAX, ..Figures::default() };

    // As many requests for known tenants first, and then for random names: the machine is as busy both times. More than
    // once, because it has other things to do, and the more often the busier it is with them.
    while figures.rounds < 2
        || figures.names < names()
        || (figures.is_slower() && figures.rounds < MAX_ROUNDS)
    {
        let load = Load::start(&directory, |random| format!("known{}", random % KNOWN as u64));
        figures.p95_before = figures.p95_before.min(p95(&directory, &known).await);
        load.stop().await;

        let began = Instant::now();
        let load = Load::start(&directory, |random| format!("spray{random:x}"));
        figures.p95_meanwhile = figures.p95_meanwhile.min(p95(&directory, &known).await);
        if figures.rounds == 0 {
            peer.tms.add("brand-new");
            figures.found_meanwhile = found_within_a_second(&directory, label("brand-new")).await;
        }
        figures.names += load.stop().await;
        figures.took += began.elapsed();
        figures.rounds += 1;
    }
    figures.found_afterwards = found_within_a_second(&directory, label("brand-new")).await;
    figures.calls = calls() - calls_before;
    figures.memory = memory().saturating_sub(memory_before);
    figures
}

/// How long it takes until a tenant is found, if that is within a second.
async fn found_within_a_second(directory: &TmsDirectory, key: TenantKey<'_>) -> Option<Duration> {
    let began = Instant::now();
    while began.elapsed() < SECOND {
        let found = look_up(directory, &key).await;
        if is_known(&found) {
            return Some(began.elapsed());
        }
        assert!(!matches!(found, Lookup::Unknown), "it exists");
        tokio::time::sleep(SECOND / 200).await;
    }
    None
}

/// The 95th of a hundred lookups of known tenants, half a second long.
async fn p95(directory: &TmsDirectory, known: &[String]) -> Duration {
    let mut times = Vec::new();
    let began = Instant::now();
    while began.elapsed() < SECOND / 2 {
        let key = label(&known[times.len() % known.len()]);
        let before = Instant::now();
        let found = look_up(directory, &key).await;
        times.push(before.elapsed());
        assert!(is_known(&found), "{found:?}");
        tokio::task::yield_now().await;
    }
    times.sort_unstable();
    times[times.len() * 95 / 100]
}

/// Requests without end, each for a name that is made of a random number.
struct Load {
    is_over: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<usize>>,
}

impl Load {
    fn start(directory: &TmsDirectory, name: fn(u64) -> String) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let tasks = (0..SPRAYERS)
            .map(|_| {
                let (directory, is_over) = (directory.clone(), Arc::clone(&is_over));
                tokio::spawn(async move {
                    let random = RandomState::new();
                    let mut asked = 0;
                    while !is_over.load(Ordering::Relaxed) {
                        let name = name(random.hash_one(asked));
                        let found = look_up(&directory, &label(&name)).await;
                        assert_eq!(is_known(&found), name.starts_with("known"), "{name}: {found:?}");
                        asked += 1;
                        tokio::task::yield_now().await;
                    }
                    asked
                })
            })
            .collect();
        Self { is_over, tasks }
    }

    /// Ends it; how many requests there were.
    async fn stop(self) -> usize {
        self.is_over.store(true, Ordering::Relaxed);
        let mut asked = 0;
        for task in self.tasks {
            asked += task.await.expect("no panic");
        }
        asked
    }
}

/// The resident memory of this process, in bytes.
fn memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
    let kib: usize = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kib << 10
}
