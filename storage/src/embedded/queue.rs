//! What waits for a file, and the memory that it may take.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::oneshot;

use crate::document::Applied;
use crate::embedded::failure;
use crate::embedded::step::Step;
use crate::error::StoreError;

/// How many batches share a transaction at most, and how many bytes of them: a tenant's turn ends there.
const MOST_IN_A_GROUP: usize = 256;
const MOST_BYTES_IN_A_GROUP: usize = 1 << 20;

pub(super) type Outcome = Result<Vec<Applied>, StoreError>;

/// Who is told that something has been done for a file.
pub(super) type Notice = oneshot::Sender<Result<(), StoreError>>;

/// A batch that waits.
pub(super) struct Request {
    pub(super) steps: Vec<Step>,
    answer: oneshot::Sender<Outcome>,
    /// Given back once it is answered.
    share: Share,
}

impl Request {
    /// About how much memory it takes.
    pub(super) fn bytes(&self) -> usize {
        self.share.bytes
    }

    /// Nobody may be waiting any more, which is no failure.
    pub(super) fn answer(self, outcome: Outcome) {
        let _ = self.answer.send(outcome);
    }
}

/// The memory that batches may take while they wait.
#[derive(Debug)]
pub(super) struct Room {
    most: usize,
    taken: AtomicUsize,
}

/// A part of it.
#[derive(Debug)]
struct Share {
    room: Arc<Room>,
    bytes: usize,
}

impl Room {
    pub(super) fn new(most: usize) -> Self {
        Self { most, taken: AtomicUsize::new(0) }
    }

    /// One batch alone may be larger than all of it.
    fn share(self: &Arc<Self>, bytes: usize) -> Option<Share> {
        let fits = |taken: usize| (taken == 0 || taken + bytes <= self.most).then_some(taken + bytes);
        self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).ok()?;
        Some(Share { room: Arc::clone(self), bytes })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.room.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// What waits for a file.
#[derive(Default)]
pub(super) struct Queue {
    requests: VecDeque<Request>,
    bytes: usize,
    settle: Vec<Notice>,
    flush: Vec<Notice>,
    is_flush_due: bool,
    /// Whether a worker has the lane, or will have.
    is_scheduled: bool,
    /// Why the file has to be opened again: it does not hold what the journal does.
    pub(super) broken: Option<StoreError>,
}

/// What a worker takes in one turn.
pub(super) struct Work {
    pub(super) requests: Vec<Request>,
    /// Those who wait for the file to need nothing of the journal.
    pub(super) settle: Vec<Notice>,
    /// Those who wait for the file to show what was acknowledged.
    pub(super) flush: Vec<Notice>,
    pub(super) is_flush_due: bool,
}

impl Queue {
    /// Adds a batch.
    ///
    /// # Errors
    /// `Unavailable` if too much waits already: for this file, or for all of them.
    pub(super) fn push(
        &mut self,
        room: &Arc<Room>,
        steps: Vec<Step>,
        answer: oneshot::Sender<Outcome>,
    ) -> Result<(), StoreError> {
        let bytes = steps.iter().map(Step::size).sum();
        // So that a tenant with a flood leaves room to the others.
        let is_too_much = !self.requests.is_empty() && self.bytes + bytes > room.most / 4;
        let share = if is_too_much { None } else { room.share(bytes) };
        let share = share.ok_or_else(|| failure::unavailable("too many writes wait for the disk"))?;
        self.bytes += bytes;
        self.requests.push_back(Request { steps, answer, share });
        Ok(())
    }

    pub(super) fn push_settle(&mut self, notice: Notice) {
        self.settle.push(notice);
    }

    pub(super) fn push_flush(&mut self, notice: Option<Notice>) {
        self.is_flush_due = true;
        self.flush.extend(notice);
    }

    /// Whether the lane has to be given to a worker: it has something to do, and none has it.
    pub(super) fn must_be_scheduled(&mut self) -> bool {
        !mem::replace(&mut self.is_scheduled, true)
    }

    /// A worker has done its turn. Whether there is more to do.
    pub(super) fn end_turn(&mut self) -> bool {
        self.is_scheduled = !self.requests.is_empty() || !self.settle.is_empty() || self.is_flush_due;
        self.is_scheduled
    }

    pub(super) fn take(&mut self) -> Work {
        let mut requests = Vec::new();
        let mut bytes = 0;
        while requests.len() < MOST_IN_A_GROUP
            && bytes < MOST_BYTES_IN_A_GROUP
            && let Some(request) = self.requests.pop_front()
        {
            bytes += request.bytes();
            requests.push(request);
        }
        self.bytes -= bytes;
        Work {
            requests,
            settle: mem::take(&mut self.settle),
            flush: mem::take(&mut self.flush),
            is_flush_due: mem::take(&mut self.is_flush_due),
        }
    }

    /// Forgets all that waits: whoever asked is told that the outcome is unknown.
    pub(super) fn give_up(&mut self, why: StoreError) {
        *self = Self { broken: Some(why), ..Self::default() };
    }
}
