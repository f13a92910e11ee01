//! [`Queue`]: what waits goes together in the next request. Nothing waits for others to come.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

use crate::error::{StoreError, StoreErrorKind};
use crate::opensearch::failure::RETRY_AFTER;

/// A task whose call takes longer is replaced.
const LONG: Duration = Duration::from_secs(1);

/// What callers wait for, and those who take it. It is closed when the [`Entry`] is dropped.
#[derive(Debug)]
pub(super) struct Queue<J> {
    waiting: Mutex<Waiting<J>>,
    arrived: Notify,
    limits: Limits,
}

/// In what the sizes of jobs are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// So much may wait.
    pub(super) waiting: usize,
    /// So much is taken at once, or one job that is larger.
    pub(super) at_once: usize,
}

#[derive(Debug)]
struct Waiting<J> {
    jobs: VecDeque<(usize, J)>,
    size: usize,
    is_closed: bool,
}

/// Where jobs are brought.
#[derive(Debug)]
pub(super) struct Entry<J>(Arc<Queue<J>>);

impl<J> Drop for Entry<J> {
    fn drop(&mut self) {
        self.0.waiting().is_closed = true;
        self.0.arrived.notify_waiters();
    }
}

impl<J> Entry<J> {
    /// An empty queue.
    pub(super) fn new(limits: Limits) -> Self {
        let waiting = Waiting { jobs: VecDeque::new(), size: 0, is_closed: false };
        Self(Arc::new(Queue { waiting: Mutex::new(waiting), arrived: Notify::new(), limits }))
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
        drop(waiting);
        self.0.arrived.notify_one();
        Ok(())
    }
}

/// Serves what waits, in so many tasks. One whose call takes long is replaced by another: a node that does not answer keeps
/// nobody from those that do. How many requests a node gets at once is bounded all the same.
pub(super) fn serve<J, C, F>(queue: &Arc<Queue<J>>, tasks: usize, call: &C)
where
    J: Send + 'static,
    C: Fn(Vec<J>) -> F + Clone + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    for _ in 0..tasks {
        let (queue, call) = (Arc::clone(queue), call.clone());
        tokio::spawn(async move {
            while let Some(jobs) = queue.take().await {
                let mut under_way = pin!(call(jobs));
                if timeout(LONG, under_way.as_mut()).await.is_err() {
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

    /// All that waits, up to a size; `None` once the queue is closed and empty.
    async fn take(&self) -> Option<Vec<J>> {
        loop {
            let mut arrived = pin!(self.arrived.notified());
            arrived.as_mut().enable();
            {
                let mut waiting = self.waiting();
                let mut size = 0;
                let mut taken = Vec::new();
                let most = self.limits.at_once;
                while let Some((one, job)) =
                    waiting.jobs.pop_front_if(|(one, _)| size == 0 || size + *one <= most)
                {
                    size += one;
                    taken.push(job);
                }
                waiting.size -= size;
                if !waiting.jobs.is_empty() {
                    self.arrived.notify_one();
                }
                if !taken.is_empty() {
                    return Some(taken);
                }
                if waiting.is_closed {
                    return None;
                }
            }
            arrived.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn calls_that_do_not_end_keep_nobody_from_being_served() {
        let entry = Entry::new(Limits { waiting: 100, at_once: 1 });
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

    #[tokio::test]
    async fn what_waits_is_bounded_and_goes_together() {
        let entry = Entry::new(Limits { waiting: 10, at_once: 6 });
        for (size, job) in [(3, 'a'), (3, 'b'), (4, 'c')] {
            entry.add(size, job).expect("room");
        }
        assert!(entry.add(1, 'd').is_err());
        let queue = entry.queue();
        assert_eq!(queue.take().await, Some(vec!['a', 'b']));
        entry.add(6, 'e').expect("room again");
        drop(entry);
        assert_eq!(queue.take().await, Some(vec!['c']));
        assert_eq!(queue.take().await, Some(vec!['e']), "what was waiting when it was closed");
        assert_eq!(queue.take().await, None);
    }
}
