//! [`Pool`]: the few threads that write for all tenants.
//!
//! A worker takes the lanes in turn, one group each. The groups go into the process's journal: the worker that finds the
//! disk free syncs for all that have been applied by then, while the others apply what will be in the next sync.
//!
//! ```text
//! ready ──apply──► applied ──sync (one for all)──► synced ──answer──► ready, if more has come
//!                                                            └──► unflushed ──a moment later──► ready, to commit
//! ```

use std::collections::VecDeque;
use std::mem;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use crate::embedded::failure;
use crate::embedded::journal::Journal;
use crate::embedded::lane::{Flight, Lane};
use crate::error::StoreError;

/// How long what was acknowledged may be in the journal alone. More of it is committed at once the longer it is; whoever
/// searches does not wait for it.
const FLUSH_AFTER: Duration = Duration::from_millis(200);

/// Closing a file.
type Closing = Box<dyn FnOnce() + Send>;

/// What the workers share.
pub(super) struct Pool {
    journal: Arc<Journal>,
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    ready: VecDeque<Arc<Lane>>,
    applied: Vec<Flight>,
    synced: VecDeque<Flight>,
    closing: VecDeque<Closing>,
    /// Lanes with something to commit, and when it is due: the earliest first.
    unflushed: VecDeque<(Instant, Weak<Lane>)>,
    is_syncing: bool,
    /// How many workers write to a file or sync.
    busy: usize,
    stopping: bool,
}

enum Task {
    Turn(Arc<Lane>),
    /// What was acknowledged has waited long enough to be committed.
    Due(Arc<Lane>),
    Sync(Vec<Flight>),
    Land(Flight),
    Close(Closing),
}

/// The threads of a pool.
pub(super) struct Workers {
    pool: Arc<Pool>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    pub(super) fn start(journal: Arc<Journal>, count: NonZeroUsize) -> Result<Self, StoreError> {
        let pool = Arc::new(Pool { journal, state: Mutex::default(), wake: Condvar::new() });
        let mut workers = Self { pool, threads: Vec::new() };
        for number in 0..count.get() {
            let pool = Arc::clone(&workers.pool);
            let thread = Builder::new().name(format!("storage-write-{number}")).spawn(move || pool.work());
            workers.threads.push(thread.map_err(|error| {
                failure::unavailable(format!("could not start a thread: {error}")).with_source(error)
            })?);
        }
        Ok(workers)
    }

    pub(super) fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }
}

impl Drop for Workers {
    /// Waits for all that has been handed over.
    fn drop(&mut self) {
        self.pool.state().stopping = true;
        self.pool.wake.notify_all();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread that writes has panicked");
            }
        }
    }
}

impl Pool {
    /// A lane that has something to do.
    pub(super) fn schedule(&self, lane: Arc<Lane>) {
        self.state().ready.push_back(lane);
        self.wake.notify_one();
    }

    /// Closes a file when it is its turn; at once if the pool has stopped.
    pub(super) fn close(&self, closing: Closing) {
        let mut state = self.state();
        if state.stopping && state.is_idle() {
            drop(state);
            closing();
            return;
        }
        state.closing.push_back(closing);
        drop(state);
        self.wake.notify_one();
    }

    fn work(&self) {
        while let Some(task) = self.next() {
            let counts = !matches!(task, Task::Close(_));
            let concerned = match &task {
                Task::Turn(lane) | Task::Due(lane) => Some(Arc::clone(lane)),
                Task::Land(flight) => Some(Arc::clone(flight.lane())),
                Task::Sync(_) | Task::Close(_) => None,
            };
            let panicked = catch_unwind(AssertUnwindSafe(|| self.run(task))).is_err();
            if panicked && let Some(lane) = &concerned {
                lane.give_up("a write has panicked");
            }
            // Before it is counted as done: dropping the last use of a lane hands over its closing.
            drop(concerned);
            let mut state = self.state();
            state.busy -= usize::from(counts);
            if state.stopping && state.is_idle() {
                drop(state);
                self.wake.notify_all();
            }
        }
    }

    /// Waits for the next thing to do; `None` once all is done and the pool has been stopped.
    fn next(&self) -> Option<Task> {
        let mut state = self.state();
        loop {
            if let Some(task) = state.next() {
                // One who has work to do wakes the next, if there is more.
                let more = state.has_work();
                drop(state);
                if more {
                    self.wake.notify_one();
                }
                return Some(task);
            }
            if state.stopping && state.is_idle() {
                return None;
            }
            state = self.wait(state);
        }
    }

    fn wait<'s>(&self, state: MutexGuard<'s, State>) -> MutexGuard<'s, State> {
        match state.unflushed.front() {
            None => self.wake.wait(state).unwrap_or_else(PoisonError::into_inner),
            Some((due, _)) => {
                let moment = due.saturating_duration_since(Instant::now());
                self.wake.wait_timeout(state, moment).unwrap_or_else(PoisonError::into_inner).0
            }
        }
    }

    fn run(&self, task: Task) {
        match task {
            Task::Due(lane) => {
                if lane.has_recent() && lane.push_flush(None) {
                    self.run(Task::Turn(lane));
                }
            }
            Task::Turn(lane) => match lane.take_turn() {
                Some(flight) => self.state().applied.push(flight),
                None => self.go_on(lane),
            },
            Task::Sync(flights) => self.sync(flights),
            Task::Land(flight) => {
                let lane = Arc::clone(flight.lane());
                if flight.land() {
                    let due = Instant::now() + FLUSH_AFTER;
                    self.state().unflushed.push_back((due, Arc::downgrade(&lane)));
                }
                self.go_on(lane);
            }
            Task::Close(closing) => closing(),
        }
    }

    fn go_on(&self, lane: Arc<Lane>) {
        if lane.has_more() {
            self.state().ready.push_back(lane);
        }
    }

    fn sync(&self, flights: Vec<Flight>) {
        let entries = flights.iter().map(|flight| (flight.entry().origin(), flight.entry().bytes()));
        let outcome = catch_unwind(AssertUnwindSafe(|| self.journal.append(entries)))
            .unwrap_or_else(|_| Err(failure::unavailable("the journal has panicked")));
        if let Err(error) = &outcome {
            for flight in flights {
                let lane = Arc::clone(flight.lane());
                flight.abandon(error);
                self.go_on(lane);
            }
            self.state().is_syncing = false;
        } else {
            let mut state = self.state();
            state.is_syncing = false;
            state.synced.extend(flights);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What is nearest to an answer comes first, and the disk never waits while something is applied.
    fn next(&mut self) -> Option<Task> {
        if let Some(flight) = self.synced.pop_front() {
            self.busy += 1;
            return Some(Task::Land(flight));
        }
        if !self.is_syncing && !self.applied.is_empty() {
            self.is_syncing = true;
            self.busy += 1;
            return Some(Task::Sync(mem::take(&mut self.applied)));
        }
        // Somebody may be waiting to open another file in its place.
        if let Some(closing) = self.closing.pop_front() {
            return Some(Task::Close(closing));
        }
        if let Some(lane) = self.take_due() {
            self.busy += 1;
            return Some(Task::Due(lane));
        }
        let lane = self.ready.pop_front()?;
        self.busy += 1;
        Some(Task::Turn(lane))
    }

    fn take_due(&mut self) -> Option<Arc<Lane>> {
        let now = Instant::now();
        while self.unflushed.front().is_some_and(|(due, _)| *due <= now) {
            let lane = self.unflushed.pop_front().and_then(|(_, lane)| lane.upgrade());
            // Not dropped here: the last use of a lane hands over its closing, to whom the state is locked.
            if lane.is_some() {
                return lane;
            }
        }
        None
    }

    fn has_work(&self) -> bool {
        !self.synced.is_empty()
            || !self.ready.is_empty()
            || !self.closing.is_empty()
            || (!self.is_syncing && !self.applied.is_empty())
    }

    fn is_idle(&self) -> bool {
        self.busy == 0 && !self.has_work() && self.applied.is_empty()
    }
}
