//! [`Queue`]: what waits goes together in the next request. Nothing waits for others to come.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::error::{StoreError, StoreErrorKind};
use crate::opensearch::failure::RETRY_AFTER;

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

pub(super) fn busy(message: &str) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable { retry_after: RETRY_AFTER }, message)
}

impl<J> Queue<J> {
    fn waiting(&self) -> MutexGuard<'_, Waiting<J>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All that waits, up to a size; `None` once the queue is closed and empty.
    pub(super) async fn take(&self) -> Option<Vec<J>> {
        loop {
            let arrived = self.arrived.notified();
            tokio::pin!(arrived);
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
