//! Tasks that write while nodes are killed, and what they have seen.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use storage::NamespacedStore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::data;

/// How many tasks write.
const TASKS: usize = 8;
/// How long whatever is waited for may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// A caller who was told to come back in a second and does not wait for so long.
const PAUSE: Duration = Duration::from_millis(100);

struct Seen {
    acknowledged: Mutex<Vec<String>>,
    unavailable: AtomicUsize,
    own_conflicts: AtomicUsize,
    wrong: Mutex<Vec<String>>,
    quiet: Mutex<Quiet>,
    stopped: AtomicBool,
}

/// The time without an acknowledged write, and the longest call.
struct Quiet {
    since: Instant,
    longest: Duration,
    longest_call: Duration,
}

pub(crate) struct Load {
    data: NamespacedStore,
    seen: Arc<Seen>,
    tasks: JoinSet<()>,
}

/// What became of a load.
pub(crate) struct Figures {
    /// Batches, each acknowledged.
    batches: usize,
    unavailable: usize,
    /// Guards that were said not to hold though the batch was sent only once: where a primary dies before it answers, the
    /// engine itself brings what was already copied to the next one, which finds it there.
    pub(crate) own_conflicts: usize,
    pub(crate) longest_quiet: Duration,
    longest_call: Duration,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { batches, unavailable, own_conflicts, longest_quiet, longest_call } = self;
        write!(
            f,
            "{batches} batches acknowledged, {unavailable} calls Unavailable, {own_conflicts} in conflict with themselves; \
             nothing acknowledged for {longest_quiet:.1?}, the longest call {longest_call:.1?}"
        )
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A test that fails tells what it has seen.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Load {
    pub(crate) fn start(data: &NamespacedStore) -> Self {
        let seen = Arc::new(Seen {
            acknowledged: Mutex::default(),
            unavailable: AtomicUsize::new(0),
            own_conflicts: AtomicUsize::new(0),
            wrong: Mutex::default(),
            quiet: Mutex::new(Quiet {
                since: Instant::now(),
                longest: Duration::ZERO,
                longest_call: Duration::ZERO,
            }),
            stopped: AtomicBool::new(false),
        });
        let mut tasks = JoinSet::new();
        for task in 0..TASKS {
            let (seen, data) = (Arc::clone(&seen), data.clone());
            tasks.spawn(async move {
                for number in 0.. {
                    if seen.stopped.load(Ordering::Relaxed) {
                        break;
                    }
                    seen.write(&data, &format!("t{task}n{number}")).await;
                }
            });
        }
        Self { data: data.clone(), seen, tasks }
    }

    pub(crate) fn acknowledged(&self) -> usize {
        lock(&self.seen.acknowledged).len()
    }

    pub(crate) fn unavailable(&self) -> usize {
        self.seen.unavailable.load(Ordering::Relaxed)
    }

    /// Until so many further batches are acknowledged. The time that it took.
    pub(crate) async fn goes_on(&self, batches: usize) -> Duration {
        let until = self.acknowledged() + batches;
        self.waits("no further batches are acknowledged", || self.acknowledged() >= until).await
    }

    /// Until so many further calls were Unavailable.
    pub(crate) async fn fails(&self, calls: usize) {
        let until = self.unavailable() + calls;
        self.waits("the outage is not noticed", || self.unavailable() >= until).await;
    }

    async fn waits(&self, what: &str, is_so: impl Fn() -> bool) -> Duration {
        let began = Instant::now();
        while !is_so() {
            assert!(began.elapsed() < PATIENCE, "{what}: {:?}", lock(&self.seen.wrong));
            sleep(Duration::from_millis(2)).await;
        }
        began.elapsed()
    }

    /// Lets every task have its last batch acknowledged, and shows that all batches are there, each exactly once. The names
    /// of the batches, too.
    pub(crate) async fn finish(mut self) -> (Figures, Vec<String>) {
        self.seen.stopped.store(true, Ordering::Relaxed);
        let ended = timeout(PATIENCE, async { while self.tasks.join_next().await.is_some() {} }).await;
        assert!(ended.is_ok(), "the store does not recover");
        let wrong = lock(&self.seen.wrong).clone();
        assert!(
            wrong.is_empty(),
            "{} calls failed otherwise than as Unavailable: {:?}",
            wrong.len(),
            wrong[0]
        );
        let names = lock(&self.seen.acknowledged).clone();
        data::holds_exactly(&self.data, names.iter().map(String::as_str)).await;
        let (longest_quiet, longest_call) = {
            let quiet = lock(&self.seen.quiet);
            (quiet.longest, quiet.longest_call)
        };
        let own_conflicts = self.seen.own_conflicts.load(Ordering::Relaxed);
        let figures = Figures {
            batches: names.len(),
            unavailable: self.unavailable(),
            own_conflicts,
            longest_quiet,
            longest_call,
        };
        (figures, names)
    }
}

impl Seen {
    /// Sends one batch until it is acknowledged.
    async fn write(&self, data: &NamespacedStore, name: &str) {
        let mut batch = data::batch(name);
        let mut is_sent_again = false;
        loop {
            let began = Instant::now();
            let outcome = data.write(batch.clone()).await;
            {
                let mut quiet = lock(&self.quiet);
                quiet.longest_call = quiet.longest_call.max(began.elapsed());
            }
            match outcome {
                Ok(_) => break,
                Err(error) if error.is_retryable() => {
                    self.unavailable.fetch_add(1, Ordering::Relaxed);
                    is_sent_again = true;
                    sleep(PAUSE).await;
                }
                // An attempt that was not answered has made it: the ids are ours alone.
                Err(error) if error.is_conflict() && !batch.guarded.is_empty() => {
                    if !is_sent_again {
                        self.own_conflicts.fetch_add(1, Ordering::Relaxed);
                    }
                    batch.guarded.clear();
                }
                Err(error) => {
                    lock(&self.wrong).push(format!("{name}: {error:?}"));
                    return;
                }
            }
        }
        lock(&self.acknowledged).push(name.to_owned());
        let mut quiet = lock(&self.quiet);
        quiet.longest = quiet.longest.max(quiet.since.elapsed());
        quiet.since = Instant::now();
    }
}
