//! The journal: one log for all tenants of the process, so that those who wait at the same time share one sync.
//!
//! ```text
//! DATA_DIR/journal/                     0700
//!   00000000000000000001.journal        a segment: frames, each of them synced by itself
//!   spare                               a segment that was cut, for the next one to use its blocks again
//! ```
//! An entry says what a transaction did to a tenant's file. It is on disk before the file commits, and the file commits
//! without a sync. After a crash [`recover`] does again what the files may have lost.
//!
//! **Lives.** Each file says which *life* it is in, and an entry counts only while its file still is in the entry's life. A
//! file begins another life in a transaction that is synced in the file itself: all earlier ones are durable with it, so
//! what the journal holds of them is *settled*, in one stroke. Entries of a life are numbered without gaps: a file that
//! misses one is reported, not served as if nothing were lost. A file that was removed and made again, or replaced by a
//! copy, is in another life: nothing of the earlier one can come back.
//!
//! A segment is cut once everything in it is settled.

pub(super) mod entry;
mod frame;
pub(super) mod recover;
mod segment;

use std::collections::{HashMap, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use uuid::Uuid;

use crate::embedded::journal::entry::Origin;
use crate::embedded::journal::frame::Header;
use crate::embedded::journal::segment::{Content, Failed, Segment};
use crate::embedded::{failure, folder};
use crate::error::{StoreError, StoreErrorKind};
use crate::namespace::Namespace;

/// How many segments may wait for files to settle before files have to commit by themselves.
const CROWDED: usize = 5;

/// With the current one, the spare, and one for what was under way.
const MOST_SEGMENTS: u64 = CROWDED as u64 + 3;

/// The log that all files of a store share.
#[derive(Debug)]
pub(super) struct Journal {
    folder: PathBuf,
    /// How large a segment gets before the next one is begun.
    segment_bytes: u64,
    log: Mutex<Log>,
    /// Which files have entries that are not settled, and the oldest segment with such an entry.
    unsettled: Mutex<HashMap<Namespace, u64>>,
    waiting: Condvar,
    is_crowded: AtomicBool,
}

#[derive(Debug)]
struct Log {
    current: Option<Segment>,
    waiting: VecDeque<Waiting>,
    has_spare: bool,
    next_segment: u64,
    next_frame: u64,
    end_before: u64,
    stopped: bool,
}

/// A segment that is complete, and not cut yet.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    pub(super) number: u64,
    path: PathBuf,
    end: u64,
}

/// An entry and whose it is.
pub(super) type Whose = (Origin, Vec<u8>);

impl Journal {
    /// Appends the entries as one frame; on disk when it returns.
    ///
    /// # Errors
    /// `Full` if there is no room: nothing was written. `Unavailable` otherwise: the next start will not see the entries,
    /// unless the process ends before anything else is appended.
    pub(super) fn append<'e>(
        &self,
        entries: impl Iterator<Item = (&'e Origin, &'e [u8])> + Clone,
    ) -> Result<(), StoreError> {
        let mut log = self.log();
        let number = log.next_frame;
        let segment = self.segment(&mut log)?;
        let frame = frame::encode(segment.header.salt, number, entries.clone().map(|(_, bytes)| bytes));
        let frame =
            frame.ok_or_else(|| StoreError::invalid("what waits for one sync is larger than 4 GiB"))?;
        let (outcome, segment_number) = (segment.append(&frame), segment.header.segment);
        match outcome {
            Ok(()) => {
                log.next_frame += 1;
                let mut unsettled = self.unsettled();
                for (origin, _) in entries {
                    unsettled.entry(origin.namespace).or_insert(segment_number);
                }
                Ok(())
            }
            Err(Failed::Before(error)) => Err(failure::io("make room in", &self.folder, error)),
            Err(Failed::Within(error)) => {
                tracing::error!(%error, "the journal could not be synced, and goes on in another segment");
                self.complete(&mut log);
                Err(failure::unavailable(format!("could not sync the journal: {error}")).with_source(error))
            }
        }
    }

    /// The segment to append to, a new one if need be.
    fn segment<'l>(&self, log: &'l mut Log) -> Result<&'l mut Segment, StoreError> {
        if log.current.as_ref().is_some_and(|segment| segment.end >= self.segment_bytes) {
            self.complete(log);
        }
        if log.current.is_none() {
            log.current = Some(self.begin(log)?);
        }
        // Not a match on the above: the borrow checker wants the two apart.
        log.current.as_mut().ok_or_else(|| failure::unavailable("the journal has no segment"))
    }

    fn complete(&self, log: &mut Log) {
        if let Some(Segment { path, header, end, .. }) = log.current.take() {
            log.end_before = end;
            log.waiting.push_back(Waiting { number: header.segment, path, end });
            self.count_waiting(log);
            self.waiting.notify_all();
        }
    }

    fn count_waiting(&self, log: &Log) {
        self.is_crowded.store(log.waiting.len() >= CROWDED, Ordering::Relaxed);
    }

    /// Whether files are better synced by themselves for now: more is written than the files can follow. That slows down
    /// whoever writes, and it settles the files that the journal waits for.
    pub(super) fn is_crowded(&self) -> bool {
        self.is_crowded.load(Ordering::Relaxed)
    }

    fn begin(&self, log: &mut Log) -> Result<Segment, StoreError> {
        let failed = |error| failure::io("begin a segment in", &self.folder, error);
        folder::create_folder(&self.folder)?;
        let header = Header {
            segment: log.next_segment,
            salt: Uuid::new_v4().as_u64_pair().0,
            first_frame: log.next_frame,
            end_before: log.end_before,
        };
        let path = segment::path(&self.folder, header.segment);
        if log.has_spare {
            fs::rename(self.folder.join(SPARE), &path).map_err(failed)?;
            log.has_spare = false;
        }
        let segment = Segment::create(path, header).map_err(failed)?;
        folder::sync_folder(&self.folder)?;
        log.next_segment += 1;
        Ok(segment)
    }

    /// Nothing of a file's entries is needed any more: it is in another life, or it is gone.
    pub(super) fn settled(&self, namespace: &Namespace) {
        self.unsettled().remove(namespace);
    }

    /// Whether the journal may hold something that the file does not.
    pub(super) fn is_unsettled(&self, namespace: &Namespace) -> bool {
        self.unsettled().contains_key(namespace)
    }

    /// The entries of a file.
    pub(super) fn entries(&self, namespace: &Namespace) -> Result<Vec<Whose>, StoreError> {
        let mut segments: Vec<Waiting>;
        {
            let log = self.log();
            segments = log.waiting.iter().cloned().collect();
            segments.extend(log.current.as_ref().map(|segment| Waiting {
                number: segment.header.segment,
                path: segment.path.clone(),
                end: segment.end,
            }));
        }
        let mut entries = Vec::new();
        for segment in &segments {
            segment.read(|origin| origin.namespace == *namespace, &mut entries)?;
        }
        Ok(entries)
    }

    /// Waits for a segment that can be cut once its files are settled. `None` after [`Journal::stop`].
    pub(super) fn wait(&self) -> Option<Waiting> {
        let mut log = self.log();
        loop {
            match log.waiting.front() {
                _ if log.stopped => return None,
                Some(oldest) => return Some(oldest.clone()),
                None => log = self.waiting.wait(log).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// Waits for a moment, or until [`Journal::stop`].
    pub(super) fn pause(&self, duration: Duration) {
        let log = self.log();
        drop(self.waiting.wait_timeout_while(log, duration, |log| !log.stopped));
    }

    /// Ends all waiting.
    pub(super) fn stop(&self) {
        self.log().stopped = true;
        self.waiting.notify_all();
    }

    /// The files that a segment waits for.
    pub(super) fn waited_for(&self, segment: &Waiting) -> Vec<Namespace> {
        let unsettled = self.unsettled();
        unsettled.iter().filter(|(_, oldest)| **oldest <= segment.number).map(|(of, _)| *of).collect()
    }

    /// Writes the entries of files that cannot settle into the current segment once more, so that a segment does not wait
    /// for them.
    pub(super) fn carry(&self, segment: &Waiting, of: &[Namespace]) -> Result<(), StoreError> {
        let mut entries = Vec::new();
        segment.read(|origin| of.contains(&origin.namespace), &mut entries)?;
        if !entries.is_empty() {
            self.append(entries.iter().map(|(origin, bytes)| (origin, &**bytes)))?;
        }
        // Later entries of theirs are in later segments, which will carry them in their turn.
        let mut unsettled = self.unsettled();
        for namespace in of {
            if let Some(oldest) = unsettled.get_mut(namespace) {
                *oldest = segment.number + 1;
            }
        }
        Ok(())
    }

    /// Removes the oldest waiting segment, all of which is settled or carried.
    pub(super) fn cut(&self, segment: &Waiting) -> Result<(), StoreError> {
        let mut log = self.log();
        let failed = |error| failure::io("cut", &segment.path, error);
        if log.has_spare {
            fs::remove_file(&segment.path).map_err(failed)?;
        } else {
            fs::rename(&segment.path, self.folder.join(SPARE)).map_err(failed)?;
            log.has_spare = true;
        }
        log.waiting.retain(|waiting| waiting.number != segment.number);
        self.count_waiting(&log);
        Ok(())
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        // What is changed in it is changed last, after all that can fail.
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unsettled(&self) -> MutexGuard<'_, HashMap<Namespace, u64>> {
        self.unsettled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const SPARE: &str = "spare";

/// Where a data folder has its journal.
pub(super) fn folder_in(data_dir: &Path) -> PathBuf {
    data_dir.join("journal")
}

impl Waiting {
    /// Adds the entries of those that are wanted.
    fn read(&self, wanted: impl Fn(&Origin) -> bool, into: &mut Vec<Whose>) -> Result<(), StoreError> {
        let content = Content::read(&self.path).map_err(|error| failure::io("read", &self.path, error))?;
        let Some(content) = content else {
            return Err(failure::corrupt(format!("{} has no header any more", self.path.display())));
        };
        for frame in content.frames(Some(self.end)) {
            for bytes in frame.entries() {
                if let Some(origin) = entry::origin(bytes).filter(&wanted) {
                    into.push((origin, bytes.to_vec()));
                }
            }
        }
        Ok(())
    }
}

impl Drop for Journal {
    /// What is settled leaves no file behind.
    fn drop(&mut self) {
        let is_settled = self.unsettled().is_empty();
        let log = self.log.get_mut().unwrap_or_else(PoisonError::into_inner);
        if is_settled {
            let current = log.current.take().map(|segment| segment.path);
            let spare = log.has_spare.then(|| self.folder.join(SPARE));
            for path in log.waiting.iter().map(|segment| segment.path.clone()).chain(current).chain(spare) {
                if let Err(error) = fs::remove_file(&path) {
                    tracing::warn!(%error, "could not remove {}", path.display());
                }
            }
        }
    }
}

impl Log {
    fn new(waiting: VecDeque<Waiting>, has_spare: bool, next_segment: u64, next_frame: u64) -> Self {
        let end_before = waiting.back().map_or(0, |last| last.end);
        Self { current: None, waiting, has_spare, next_segment, next_frame, end_before, stopped: false }
    }
}

/// Whether an error of one file may go away by itself.
pub(super) fn is_passing(error: &StoreError) -> bool {
    matches!(error.kind(), StoreErrorKind::Unavailable { .. } | StoreErrorKind::Full)
}
