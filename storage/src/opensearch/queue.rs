//! [`Queue`]: what comes while a request is under way goes together in the next one. Nothing waits while none is.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

use crate::error::{StoreError, StoreErrorKind};
use crate::opensearch::failure::RETRY_AFTER;

/// A call that takes longer keeps nothing from being sent.
const SHORT: Duration = Duration::from_millis(50);
/// A task whose call takes so much longer still is replaced.
const LONG: Duration = Duration::from_secs(1);

/// What callers wait for, and those who take it. It is closed when the [`Entry`] is dropped.
#[derive(Debug)]
pub(super) struct Queue<J> {
    waiting: Mutex<Waiting<J>>,
    due: Notify,
    limits: Limits,
}

/// In what the sizes of jobs are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// So much may wait.
    pub(super) waiting: usize,
    /// For so much one more call is begun while others are under way.
    pub(super) worth: usize,
    /// So much is taken at once, or one job that is larger.
    pub(super) at_once: usize,
}

#[derive(Debug)]
struct Waiting<J> {
    jobs: VecDeque<(usize, J)>,
    size: usize,
    /// How many calls are under way, without those that take long.
    under_way: usize,
    is_closed: bool,
}

impl<J> Waiting<J> {
    /// Whether a call is to be begun.
    fn is_due(&self, worth: usize) -> bool {
        !self.jobs.is_empty() && (self.under_way == 0 || self.size >= worth)
    }

    /// The first jobs, up to a size, or one that is larger.
    fn take(&mut self, most: usize) -> Vec<J> {
        let (mut size, mut jobs) = (0, Vec::new());
        while let Some((one, job)) = self.jobs.pop_front_if(|(one, _)| size == 0 || size + *one <= most) {
            size += one;
            jobs.push(job);
        }
        self.size -= size;
        jobs
    }
}

/// What counts as a call under way.
struct Turn<'q, J>(&'q Queue<J>);

impl<J> Drop for Turn<'_, J> {
    fn drop(&mut self) {
        let mut waiting = self.0.waiting();
        waiting.under_way -= 1;
        self.0.tell(&waiting);
    }
}

/// Where jobs are brought.
#[derive(Debug)]
pub(super) struct Entry<J>(Arc<Queue<J>>);

impl<J> Drop for Entry<J> {
    fn drop(&mut self) {
        let mut waiting = self.0.waiting();
        waiting.is_closed = true;
        self.0.tell(&waiting);
    }
}

impl<J> Entry<J> {
    /// An empty queue.
    pub(super) fn new(limits: Limits) -> Self {
        let waiting = Waiting { jobs: VecDeque::new(), size: 0, under_way: 0, is_closed: false };
        Self(Arc::new(Queue { waiting: Mutex::new(waiting), due: Notify::new(), limits }))
    }

    /// For those who take.
    pub(super) fn queue(&self) -> Arc<Queue<J>> {
        Arc::clone(&self.0)
    }

    /// # Errors
    /// `Unavailable` if too much waits.
    pub(super) fn add(&self, size: usize, job: J) -> Result<(), StoreError> {
        let mut waiting = self.0.waiting();
        if waiting.size > 0 && waiting.size + size > self.0.limits.waiting {
            return Err(busy("too much waits for the engine"));
        }
        waiting.size += size;
        waiting.jobs.push_back((size, job));
        self.0.tell(&waiting);
        Ok(())
    }
}

/// Serves what waits, in so many tasks. One whose call takes long is replaced by another: a node that does not answer keeps
/// nobody from those that do. How many requests a node gets at once is bounded all the same.
///
/// Few large requests are a fraction of the work that many small ones are, for the engine and for us.
pub(super) fn serve<J, C, F>(queue: &Arc<Queue<J>>, tasks: usize, call: &C)
where
    J: Send + 'static,
    C: Fn(Vec<J>) -> F + Clone + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    for _ in 0..tasks {
        let (queue, call) = (Arc::clone(queue), call.clone());
        tokio::spawn(async move {
            while let Some((turn, jobs)) = queue.take().await {
                let mut under_way = pin!(call(jobs));
                let is_short = timeout(SHORT, under_way.as_mut()).await.is_ok();
                drop(turn);
                if !is_short && timeout(LONG, under_way.as_mut()).await.is_err() {
                    serve(&queue, 1, &call);
                    return under_way.await;
                }
            }
        });
    }
}

pub(super) fn busy(message: &str) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable { retry_after: RETRY_AFTER }, message)
}

impl<J> Queue<J> {
    fn waiting(&self) -> MutexGuard<'_, Waiting<J>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes who has something to do.
    fn tell(&self, waiting: &Waiting<J>) {
        if waiting.is_closed {
            self.due.notify_waiters();
        } else if waiting.is_due(self.limits.worth) {
            self.due.notify_one();
        }
    }

    /// All that waits, up to a size, once a call is to be begun; `None` once the queue is closed and empty.
    async fn take(&self) -> Option<(Turn<'_, J>, Vec<J>)> {
        loop {
            let mut due = pin!(self.due.notified());
            due.as_mut().enable();
            {
                let mut waiting = self.waiting();
                if waiting.is_due(self.limits.worth) {
                    let jobs = waiting.take(self.limits.at_once);
                    waiting.under_way += 1;
                    self.tell(&waiting);
                    return Some((Turn(self), jobs));
                }
                if waiting.is_closed && waiting.jobs.is_empty() {
                    return None;
                }
            }
            due.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;
    use tokio::task::yield_now;

    use super::*;

    #[tokio::test]
    async fn calls_that_do_not_end_keep_nobody_from_being_served() {
        let entry = Entry::new(Limits { waiting: 100, worth: 1, at_once: 1 });
        let (told, mut heard) = mpsc::unbounded_channel();
        serve(&entry.queue(), 2, &move |jobs: Vec<usize>| {
            let told = told.clone();
            async move {
                if jobs[0] < 2 {
                    std::future::pending::<()>().await;
                }
                told.send(jobs).expect("somebody hears it");
            }
        });
        for job in 0..3 {
            entry.add(1, job).expect("room");
        }
        let served = timeout(Duration::from_secs(20), heard.recv()).await;
        assert_eq!(served, Ok(Some(vec![2])));
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_while_a_call_is_under_way_goes_together() {
        let entry = Entry::new(Limits { waiting: 100, worth: 10, at_once: 100 });
        let (told, mut heard) = mpsc::unbounded_channel();
        let go_on = Arc::new(Notify::new());
        let ending = Arc::clone(&go_on);
        serve(&entry.queue(), 3, &move |jobs: Vec<usize>| {
            let (told, ending) = (told.clone(), Arc::clone(&ending));
            async move {
                told.send(jobs).expect("somebody hears it");
                ending.notified().await;
            }
        });
        entry.add(1, 0).expect("room");
        assert_eq!(heard.recv().await, Some(vec![0]), "at once");
        for job in 1..4 {
            entry.add(1, job).expect("room");
            for _ in 0..10 {
                // Whoever has something to do does it.
                yield_now().await;
            }
        }
        assert!(heard.try_recv().is_err(), "nothing goes beside the first");
        go_on.notify_one();
        assert_eq!(heard.recv().await, Some(vec![1, 2, 3]));
        entry.add(10, 5).expect("room");
        assert_eq!(heard.recv().await, Some(vec![5]), "beside the other: it is worth it");
        entry.add(1, 6).expect("room");
        assert_eq!(heard.recv().await, Some(vec![6]), "the others take long");
    }

    #[tokio::test]
    async fn what_waits_is_bounded_and_goes_together() {
        let entry = Entry::new(Limits { waiting: 10, worth: 1, at_once: 6 });
        for (size, job) in [(3, 'a'), (3, 'b'), (4, 'c')] {
            entry.add(size, job).expect("room");
        }
        assert!(entry.add(1, 'd').is_err());
        let queue = entry.queue();
        let taken = async || queue.take().await.map(|(_, jobs)| jobs);
        assert_eq!(taken().await, Some(vec!['a', 'b']));
        entry.add(6, 'e').expect("room again");
        drop(entry);
        assert_eq!(taken().await, Some(vec!['c']));
        assert_eq!(taken().await, Some(vec!['e']), "what was waiting when it was closed");
        assert_eq!(taken().await, None);
    }
}
