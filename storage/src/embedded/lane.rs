//! [`Lane`]: the way of batches into one file.
//!
//! At most one group of a lane is under way, so those that come meanwhile are the next one: the slower the disk, the larger
//! the groups. Nobody waits for others to come.

use std::mem;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::document::{Document, DocumentId};
use crate::embedded::failure;
use crate::embedded::folder::Identity;
use crate::embedded::group::Group;
use crate::embedded::journal::Journal;
use crate::embedded::journal::entry::Entry;
use crate::embedded::queue::{Notice, Outcome, Queue, Room, Work};
use crate::embedded::recent::Recent;
use crate::embedded::step::Step;
use crate::embedded::writer::Writer;
use crate::error::StoreError;
use crate::namespace::Namespace;

/// How many bytes may be acknowledged and not committed in the file yet.
const MOST_RECENT: usize = 512 << 10;

/// A group from which on the file commits with a sync of its own: to write so many bytes twice costs more than the sync
/// that is saved.
const LARGE: usize = 256 << 10;

/// What closes a file, apart from who happens to use it last.
pub(super) type Closer = Arc<dyn Fn(Box<dyn FnOnce() + Send>) + Send + Sync>;

/// The batches that wait for one file, and the writer that takes them in groups.
pub(super) struct Lane {
    namespace: Namespace,
    path: PathBuf,
    identity: Identity,
    journal: Arc<Journal>,
    room: Arc<Room>,
    queue: Mutex<Queue>,
    recent: Recent,
    /// Not here while a group is under way.
    writer: Mutex<Option<Box<Writer>>>,
    closer: Closer,
    /// What ends with the file: its place among the open ones.
    tenure: Mutex<Option<Box<dyn Send>>>,
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
            recent: Recent::default(),
            writer: Mutex::new(Some(Box::new(writer))),
            closer,
            tenure: Mutex::new(Some(tenure)),
        }
    }

    /// Whether the path still names the file that was opened, and the file holds what was acknowledged.
    pub(super) fn is_usable(&self) -> Result<bool, StoreError> {
        Ok(self.queue().broken.is_none() && Identity::of(&self.path)? == Some(self.identity))
    }

    /// Puts a batch into the queue. Whether the lane has to be scheduled.
    ///
    /// # Errors
    /// `Unavailable` if too much waits already.
    pub(super) fn push(
        &self,
        steps: Vec<Step>,
        answer: oneshot::Sender<Outcome>,
    ) -> Result<bool, StoreError> {
        let mut queue = self.queue();
        queue.push(&self.room, steps, answer)?;
        Ok(queue.must_be_scheduled())
    }

    /// Asks for the file to be synced, so that the journal is not needed for it. Whether the lane has to be scheduled.
    pub(super) fn push_settle(&self, notice: Notice) -> bool {
        let mut queue = self.queue();
        queue.push_settle(notice);
        queue.must_be_scheduled()
    }

    /// Asks for the file to show what was acknowledged. Whether the lane has to be scheduled.
    pub(super) fn push_flush(&self, notice: Option<Notice>) -> bool {
        let mut queue = self.queue();
        queue.push_flush(notice);
        queue.must_be_scheduled()
    }

    /// Whether something was acknowledged that the file does not show yet.
    pub(super) fn has_recent(&self) -> bool {
        !self.recent.is_empty()
    }

    /// A document that the file may not show yet; `None` if the file has it as it is.
    pub(super) fn recent(
        &self,
        kind: usize,
        id: &DocumentId,
    ) -> Result<Option<Option<Document>>, StoreError> {
        self.recent.get(kind, id)
    }

    /// Whether it has to be scheduled again, now that its turn has ended.
    pub(super) fn has_more(&self) -> bool {
        self.queue().end_turn()
    }

    /// Takes what waits. Does it, and answers; or comes back with a group that waits for the journal.
    pub(super) fn take_turn(self: &Arc<Self>) -> Option<Flight> {
        let Some(mut writer) = self.writer().take() else {
            self.give_up("its writer is gone");
            return None;
        };
        let Work { requests, settle, flush, is_flush_due } = self.queue().take();
        let group = Group::new(requests);
        let usable = self.must_be_usable();
        let ready = usable.and_then(|()| if is_flush_due { self.flush(&mut writer) } else { Ok(()) });
        tell(flush, &ready);
        let done = match ready {
            Err(error) => {
                group.fail(&error);
                Err(error)
            }
            Ok(()) if settle.is_empty() && group.is_empty() => Ok(()),
            Ok(()) if settle.is_empty() && self.is_for_the_journal(&writer, &group) => {
                return self.apply(writer, group);
            }
            Ok(()) => self.commit_synced(&mut writer, group),
        };
        tell(settle, &done);
        self.put_back(writer);
        None
    }

    fn is_for_the_journal(&self, writer: &Writer, group: &Group) -> bool {
        writer.has_life() && group.bytes() < LARGE && !self.journal.is_crowded()
    }

    /// Commits a group with a sync of the file, which begins another life.
    fn commit_synced(&self, writer: &mut Writer, mut group: Group) -> Result<(), StoreError> {
        let committed = writer.commit_synced(|writer| group.apply(writer, None));
        // Moved away or removed meanwhile: it is not where the next start will look for it.
        match committed.and_then(|()| self.must_be_in_place()) {
            Ok(()) => {
                self.recent.clear();
                self.journal.settled(&self.namespace);
                group.answer();
                Ok(())
            }
            Err(error) => {
                // It may have come about all the same: what the file says then is read from it anew.
                self.must_be_opened_again(&error);
                group.fail(&error);
                Err(error)
            }
        }
    }

    /// Applies a group to the file's open transaction; the journal is to make it durable.
    fn apply(self: &Arc<Self>, mut writer: Box<Writer>, mut group: Group) -> Option<Flight> {
        let applied = writer
            .begin_entry()
            .and_then(|mut entry| group.apply(&mut writer, Some(&mut entry)).map(|()| entry));
        match applied {
            Ok(entry) if !entry.is_empty() => {
                return Some(Flight { lane: Arc::clone(self), writer, group, entry });
            }
            // Nothing but refusals.
            Ok(_) => {
                self.take_back(&mut writer);
                group.answer();
            }
            Err(error) => {
                self.take_back(&mut writer);
                group.fail(&error);
            }
        }
        self.put_back(writer);
        None
    }

    fn take_back(&self, writer: &mut Writer) {
        if let Err(error) = writer.take_back() {
            self.must_be_opened_again(&error);
        }
    }

    /// Lets the file show what was acknowledged.
    fn flush(&self, writer: &mut Writer) -> Result<(), StoreError> {
        let flushed = writer.flush();
        match &flushed {
            Ok(()) => self.recent.clear(),
            // The journal holds it, and whoever opens the file next has it done again.
            Err(error) => self.must_be_opened_again(error),
        }
        flushed
    }

    fn must_be_usable(&self) -> Result<(), StoreError> {
        match &self.queue().broken {
            Some(why) => Err(failure::again(why)),
            None => self.must_be_in_place(),
        }
    }

    fn must_be_in_place(&self) -> Result<(), StoreError> {
        if Identity::of(&self.path)? == Some(self.identity) {
            Ok(())
        } else {
            Err(gone(&self.namespace, &self.path))
        }
    }

    /// The file does not hold what the journal does. Until it is opened anew, whoever waits is told why.
    fn must_be_opened_again(&self, why: &StoreError) {
        tracing::warn!(namespace = %self.namespace, error = %why, "the file of {} is opened again", self.namespace);
        self.queue().broken = Some(failure::again(why));
    }

    /// Ends the lane after something that must not happen: whoever waits is told that the outcome is unknown, and the file
    /// is opened anew.
    pub(super) fn give_up(&self, why: &'static str) {
        tracing::error!(namespace = %self.namespace, "{}: {why}; its file is opened again", self.namespace);
        self.queue().give_up(failure::unavailable(format!("{}: {why}", self.namespace)));
    }

    fn put_back(&self, writer: Box<Writer>) {
        *self.writer() = Some(writer);
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn writer(&self) -> MutexGuard<'_, Option<Box<Writer>>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn tell(waiting: Vec<Notice>, done: &Result<(), StoreError>) {
    for notice in waiting {
        // Nobody may be waiting any more, which is no failure.
        let _ = notice.send(done.as_ref().map_err(failure::again).copied());
    }
}

/// A group that is applied, and waits for the journal.
pub(super) struct Flight {
    lane: Arc<Lane>,
    writer: Box<Writer>,
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

    /// The journal holds the entry: the group is answered. Whether the lane has to be flushed later.
    pub(super) fn land(self) -> bool {
        let Self { lane, mut writer, group, .. } = self;
        let was_flushed = !lane.has_recent();
        match lane.must_be_in_place().and_then(|()| writer.land()) {
            Ok(()) => group.answer_before_commit(&lane.recent),
            Err(error) => {
                lane.must_be_opened_again(&error);
                group.fail(&error);
            }
        }
        if lane.recent.bytes() >= MOST_RECENT {
            // Who asks next is told if it failed.
            let _ = lane.flush(&mut writer);
        }
        lane.put_back(writer);
        was_flushed && lane.has_recent()
    }

    /// Takes the group back: the journal does not hold its entry.
    pub(super) fn abandon(self, error: &StoreError) {
        let Self { lane, mut writer, group, .. } = self;
        lane.take_back(&mut writer);
        lane.put_back(writer);
        group.fail(error);
    }
}

impl Drop for Lane {
    /// Nobody uses the file any more, and nothing waits for it.
    fn drop(&mut self) {
        let writer = self.writer.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        let tenure = self.tenure.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        let is_sound = self.is_usable().unwrap_or(false);
        let (journal, namespace, path) =
            (Arc::clone(&self.journal), self.namespace, mem::take(&mut self.path));
        (self.closer)(Box::new(move || {
            if let Some(writer) = writer {
                close(writer, is_sound, &journal, &namespace, &path);
            }
            drop(tenure);
        }));
    }
}

/// Leaves one plain file that needs no journal, if it is still where it was.
fn close(mut writer: Box<Writer>, is_sound: bool, journal: &Journal, namespace: &Namespace, path: &Path) {
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
