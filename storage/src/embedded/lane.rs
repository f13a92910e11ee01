//! [`Lane`]: the batches that wait for one file, and the writer that takes them in groups.
//!
//! At most one group of a lane is under way, so those that come meanwhile are the next one: the slower the disk, the larger
//! the groups. Nobody waits for others to come.

use std::collections::VecDeque;
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::document::Applied;
use crate::embedded::failure;
use crate::embedded::folder::Identity;
use crate::embedded::journal::Journal;
use crate::embedded::journal::entry::Entry;
use crate::embedded::step::Step;
use crate::embedded::writer::{Durability, Writer};
use crate::error::StoreError;
use crate::namespace::Namespace;

/// How many batches share a transaction at most, and how many bytes of them: a tenant's turn ends there.
const MOST_IN_A_GROUP: usize = 256;
const MOST_BYTES_IN_A_GROUP: usize = 1 << 20;

pub(super) type Outcome = Result<Vec<Applied>, StoreError>;

/// A batch that waits.
struct Request {
    steps: Vec<Step>,
    answer: oneshot::Sender<Outcome>,
    /// Given back once it is answered.
    share: Share,
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

/// What closes a file, apart from who happens to use it last.
pub(super) type Closer = Arc<dyn Fn(Box<dyn FnOnce() + Send>) + Send + Sync>;

/// The way of batches into a file.
pub(super) struct Lane {
    namespace: Namespace,
    path: PathBuf,
    identity: Identity,
    journal: Arc<Journal>,
    room: Arc<Room>,
    queue: Mutex<Queue>,
    /// Not here while a group is under way.
    writer: Mutex<Option<Writer>>,
    closer: Closer,
    /// What ends with the file: its place among the open ones.
    tenure: Mutex<Option<Box<dyn Send>>>,
}

#[derive(Default)]
struct Queue {
    requests: VecDeque<Request>,
    bytes: usize,
    settle: Vec<oneshot::Sender<Result<(), StoreError>>>,
    /// Whether a worker has the lane, or will have.
    scheduled: bool,
    /// The file does not hold what the journal does, and has to be opened again.
    broken: bool,
}

/// What a lane is made of.
pub(super) struct Parts {
    pub(super) namespace: Namespace,
    pub(super) path: PathBuf,
    pub(super) identity: Identity,
    pub(super) journal: Arc<Journal>,
    pub(super) room: Arc<Room>,
    pub(super) closer: Closer,
    pub(super) tenure: Box<dyn Send>,
}

impl Lane {
    pub(super) fn new(parts: Parts, writer: Writer) -> Self {
        let Parts { namespace, path, identity, journal, room, closer, tenure } = parts;
        Self {
            namespace,
            path,
            identity,
            journal,
            room,
            queue: Mutex::default(),
            writer: Mutex::new(Some(writer)),
            closer,
            tenure: Mutex::new(Some(tenure)),
        }
    }

    /// Whether the path still names the file that was opened, and the file holds what was acknowledged.
    pub(super) fn is_usable(&self) -> Result<bool, StoreError> {
        Ok(!self.queue().broken && Identity::of(&self.path)? == Some(self.identity))
    }

    /// Puts a batch into the queue. Whether the lane has to be scheduled.
    ///
    /// # Errors
    /// `Unavailable` if too much waits already: for this file, or for all of them.
    pub(super) fn push(&self, steps: Vec<Step>, answer: oneshot::Sender<Outcome>) -> Result<bool, StoreError> {
        let bytes = steps.iter().map(Step::size).sum();
        let mut queue = self.queue();
        // So that a tenant with a flood leaves room to the others.
        let is_too_much = !queue.requests.is_empty() && queue.bytes + bytes > self.room.most / 4;
        let share = if is_too_much { None } else { self.room.share(bytes) };
        let share = share.ok_or_else(|| failure::unavailable("too many writes wait for the disk"))?;
        queue.bytes += bytes;
        queue.requests.push_back(Request { steps, answer, share });
        Ok(!mem::replace(&mut queue.scheduled, true))
    }

    /// Asks for the file to be synced, so that the journal is not needed for it. Whether the lane has to be scheduled.
    pub(super) fn push_settle(&self, answer: oneshot::Sender<Result<(), StoreError>>) -> bool {
        let mut queue = self.queue();
        queue.settle.push(answer);
        !mem::replace(&mut queue.scheduled, true)
    }

    /// Whether it has to be scheduled again, now that its group has ended.
    pub(super) fn has_more(&self) -> bool {
        let mut queue = self.queue();
        queue.scheduled = !queue.requests.is_empty() || !queue.settle.is_empty();
        queue.scheduled
    }

    /// Applies the next group. Answers it, unless the journal has to be synced before. `alone` if nobody else waits for the
    /// disk: then the file's own sync costs no more than the journal's.
    pub(super) fn apply(self: &Arc<Self>, alone: bool) -> Option<Flight> {
        let Some(mut writer) = self.writer().take() else {
            self.give_up("its writer is gone");
            return None;
        };
        let mut group = self.take();
        let own_sync = alone || !group.settle.is_empty() || !writer.has_life();
        let durability = if own_sync { Durability::File } else { Durability::Journal };
        let applied = self
            .must_be_usable()
            .and_then(|()| writer.begin(durability))
            .and_then(|()| group.apply(&mut writer, durability));
        if applied.is_ok()
            && let Some(entry) = group.entry.take()
            && !entry.is_empty()
        {
            return Some(Flight { lane: Arc::clone(self), writer, group, entry });
        }
        let begins_life = writer.is_unsettled() || !group.settle.is_empty() || !alone;
        let done = applied.and_then(|()| match durability {
            Durability::File if group.changes_something() => self.commit_synced(&mut writer, begins_life),
            _ => Ok(()),
        });
        // Whatever is not committed is nothing but refusals.
        writer.roll_back();
        self.put_back(writer);
        group.answer(done);
        None
    }

    fn commit_synced(&self, writer: &mut Writer, begins_life: bool) -> Result<(), StoreError> {
        if begins_life {
            writer.begin_life()?;
        }
        // It may have come about all the same: what the file says then is read from it anew.
        self.commit(writer).inspect_err(|_| self.queue().broken = true)?;
        if begins_life {
            self.journal.settled(&self.namespace);
        }
        Ok(())
    }

    fn commit(&self, writer: &mut Writer) -> Result<(), StoreError> {
        self.must_be_in_place()?;
        writer.commit()?;
        // Moved away or removed meanwhile: it is not where the next start will look for it.
        self.must_be_in_place()
    }

    fn take(&self) -> Group {
        let mut queue = self.queue();
        let mut requests = Vec::new();
        let mut bytes = 0;
        while requests.len() < MOST_IN_A_GROUP
            && bytes < MOST_BYTES_IN_A_GROUP
            && let Some(request) = queue.requests.pop_front()
        {
            bytes += request.share.bytes;
            requests.push(request);
        }
        queue.bytes -= bytes;
        Group { requests, outcomes: Vec::new(), settle: mem::take(&mut queue.settle), entry: None }
    }

    fn must_be_usable(&self) -> Result<(), StoreError> {
        if self.queue().broken {
            return Err(failure::unavailable(format!("the file of {} has to be opened again", self.namespace)));
        }
        self.must_be_in_place()
    }

    fn must_be_in_place(&self) -> Result<(), StoreError> {
        if Identity::of(&self.path)? == Some(self.identity) {
            Ok(())
        } else {
            Err(gone(&self.namespace, &self.path))
        }
    }

    /// Ends the lane after something that must not happen: whoever waits is told, and the file is opened anew.
    pub(super) fn give_up(&self, why: &str) {
        tracing::error!(namespace = %self.namespace, "{}: {why}; its file is opened again", self.namespace);
        let mut queue = self.queue();
        queue.broken = true;
        // Whose sender is dropped is told that the outcome is unknown.
        queue.requests.clear();
        queue.settle.clear();
        queue.bytes = 0;
        queue.scheduled = false;
    }

    fn put_back(&self, writer: Writer) {
        *self.writer() = Some(writer);
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn writer(&self) -> MutexGuard<'_, Option<Writer>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Batches that share a transaction, each with what is to be answered once it is committed.
struct Group {
    requests: Vec<Request>,
    outcomes: Vec<Outcome>,
    settle: Vec<oneshot::Sender<Result<(), StoreError>>>,
    entry: Option<Entry>,
}

impl Group {
    /// Applies each batch. One whose guard does not hold leaves nothing, and the others go on.
    fn apply(&mut self, writer: &mut Writer, durability: Durability) -> Result<(), StoreError> {
        if durability == Durability::Journal {
            self.entry = writer.entry();
        }
        for request in &self.requests {
            match writer.apply(&request.steps, self.entry.as_mut()) {
                Err(error) if !error.is_conflict() => return Err(error),
                outcome => self.outcomes.push(outcome),
            }
        }
        Ok(())
    }

    fn changes_something(&self) -> bool {
        !self.settle.is_empty() || self.outcomes.iter().any(Result::is_ok)
    }

    /// Nobody may be waiting any more, which is no failure.
    fn answer(self, done: Result<(), StoreError>) {
        match done {
            Ok(()) => {
                for (request, outcome) in self.requests.into_iter().zip(self.outcomes) {
                    let _ = request.answer.send(outcome);
                }
                self.settle.into_iter().for_each(|settle| drop(settle.send(Ok(()))));
            }
            Err(error) => {
                for request in self.requests {
                    let _ = request.answer.send(Err(failure::again(&error)));
                }
                self.settle.into_iter().for_each(|settle| drop(settle.send(Err(failure::again(&error)))));
            }
        }
    }
}

/// A group that is applied, and waits for the journal before it is committed.
pub(super) struct Flight {
    lane: Arc<Lane>,
    writer: Writer,
    group: Group,
    entry: Entry,
}

impl Flight {
    pub(super) fn entry(&self) -> &Entry {
        &self.entry
    }

    pub(super) fn lane(&self) -> &Arc<Lane> {
        &self.lane
    }

    /// Commits the group and answers it. The journal holds its entry.
    pub(super) fn land(mut self) {
        let done = self.lane.commit(&mut self.writer);
        if done.is_err() {
            // The next one who opens it has the entry done again.
            self.writer.roll_back();
            self.lane.queue().broken = true;
        }
        self.lane.put_back(self.writer);
        self.group.answer(done);
    }

    /// Takes the group back: the journal does not hold its entry.
    pub(super) fn abandon(mut self, error: &StoreError) {
        self.writer.roll_back();
        self.lane.put_back(self.writer);
        self.group.answer(Err(failure::again(error)));
    }
}

impl Drop for Lane {
    /// Nobody uses the file any more, and nothing waits for it.
    fn drop(&mut self) {
        let writer = self.writer.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        let tenure = self.tenure.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        let is_sound = self.is_usable().unwrap_or(false);
        let (journal, namespace, path) = (Arc::clone(&self.journal), self.namespace, mem::take(&mut self.path));
        (self.closer)(Box::new(move || {
            if let Some(writer) = writer {
                close(writer, is_sound, &journal, &namespace, &path);
            }
            drop(tenure);
        }));
    }
}

/// Leaves one plain file that needs no journal, if it is still where it was.
fn close(mut writer: Writer, is_sound: bool, journal: &Journal, namespace: &Namespace, path: &Path) {
    if !is_sound || !writer.is_unsettled() {
        writer.close();
        return;
    }
    let settled = writer.settle_unsynced();
    writer.close();
    match settled.and_then(|()| sync_rest(path)) {
        Ok(()) => journal.settled(namespace),
        Err(error) => tracing::warn!(%namespace, %error, "{namespace} is settled when it is opened again"),
    }
}

/// Closing has moved SQLite's own journal into the file and synced it, unless another process has the file open.
fn sync_rest(path: &Path) -> Result<(), StoreError> {
    let mut rest = path.to_path_buf().into_os_string();
    rest.push("-wal");
    match std::fs::File::open(&rest) {
        Ok(file) => file.sync_data().map_err(|error| failure::io("sync", path, error)),
        Err(_) => Ok(()),
    }
}

pub(super) fn gone(namespace: &Namespace, path: &Path) -> StoreError {
    failure::not_installed(format!("{namespace} is not at {}", path.display()))
}
