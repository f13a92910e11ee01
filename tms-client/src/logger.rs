//! [`Logger`]: the thread that writes refusals to their log. A refusal acts once it is written, so that a process which is
//! killed has not acted upon something that is forgotten; but it never waits for long, and not at all for a disk that fails.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use metrics::{Counter, counter};
use tenant_core::TenantId;

use crate::error::TmsError;
use crate::folder::{Folder, Work};
use crate::keeper::SNAPSHOT;
use crate::refusals::{Refusal, RefusalLog};

pub(crate) const REFUSALS: &str = "refusals";
/// A refusal waits so long for being written (not for being on disk, which survives a power cut and takes longer): time
/// enough for a thread to get its turn on a busy machine, and little of the second within which a refusal has to act.
const PATIENCE: Duration = Duration::from_millis(50);
/// After a failure the disk is tried again after this.
const PAUSE: Duration = Duration::from_secs(1);

/// A handle to the thread, which ends when it is closed.
#[derive(Debug)]
pub(crate) struct Logger(Arc<Shared>);

struct Shared {
    folder: Arc<Folder>,
    inbox: Mutex<Inbox>,
    /// There is something to do.
    news: Condvar,
    /// Something was written, or cannot be.
    written: Condvar,
    /// Held while it is worked on.
    log: Mutex<Option<RefusalLog>>,
    fault: Mutex<Option<String>>,
    logged: Counter,
    failed: Counter,
}

/// What waits to be on disk.
#[derive(Default)]
struct Inbox {
    /// The number of the last refusal.
    last: u64,
    /// The last refusal of each tenant that is not on disk, with its number.
    waiting: HashMap<TenantId, (u64, Refusal)>,
    /// All up to this number are written, or cannot be.
    written: u64,
    /// The disk let somebody wait in vain: nobody waits until it has done something.
    is_slow: bool,
    is_closed: bool,
    /// Keeps the folder while something waits.
    work: Option<Work>,
}

type Batch = Vec<(u64, Refusal)>;

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logger").finish_non_exhaustive()
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Logger {
    /// Starts the thread. `last` is the greatest number that a refusal has had.
    ///
    /// # Errors
    /// `Config` if the system has no thread left.
    pub(crate) fn start(
        folder: Arc<Folder>,
        log: Option<RefusalLog>,
        last: u64,
        fault: Option<String>,
    ) -> Result<Self, TmsError> {
        let shared = Arc::new(Shared {
            folder,
            inbox: Mutex::new(Inbox { last, written: last, ..Inbox::default() }),
            news: Condvar::new(),
            written: Condvar::new(),
            log: Mutex::new(log),
            fault: Mutex::new(fault),
            logged: counter!("tms_directory_refusals_total", "outcome" => "logged"),
            failed: counter!("tms_directory_refusals_total", "outcome" => "failed"),
        });
        let thread = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("tms-refusals".to_owned())
            .spawn(move || thread.run())
            .map_err(|error| TmsError::config("a thread cannot be started").with_source(error))?;
        Ok(Self(shared))
    }

    /// Logs refusals that are about to act. Returns when they are written, after [`PATIENCE`] at the latest.
    pub(crate) fn refuse(&self, refusals: Vec<(TenantId, Refusal)>) {
        let mut inbox = lock(&self.0.inbox);
        for (id, refusal) in refusals {
            inbox.last += 1;
            let number = inbox.last;
            inbox.waiting.insert(id, (number, refusal));
        }
        if inbox.work.is_none() {
            inbox.work = self.0.folder.work();
        }
        self.0.news.notify_one();
        let last = inbox.last;
        let waits = |inbox: &mut Inbox| inbox.written < last && !inbox.is_slow && !inbox.is_closed;
        let (mut inbox, waited) =
            self.0.written.wait_timeout_while(inbox, PATIENCE, waits).unwrap_or_else(PoisonError::into_inner);
        inbox.is_slow |= waited.timed_out();
    }

    /// The number of the last refusal.
    pub(crate) fn last(&self) -> u64 {
        lock(&self.0.inbox).last
    }

    /// Makes the log if that has failed before. For one who is about to write a snapshot, which holds all that there is.
    pub(crate) fn prepare(&self) {
        // The next one who needs it tries again.
        let _ = self.0.open(&mut lock(&self.0.log), None);
    }

    /// A snapshot is on disk that holds the refusals up to this number.
    pub(crate) fn forget(&self, through: u64) {
        self.0.take_out(through);
        let Some(log) = &mut *lock(&self.0.log) else { return };
        match log.trim(through) {
            Ok(()) => *lock(&self.0.fault) = None,
            Err(error) => tracing::debug!("the log of refusals cannot be trimmed: {error}"),
        }
    }

    pub(crate) fn fault(&self) -> Option<String> {
        lock(&self.0.fault).clone()
    }

    /// Ends the thread when it has done what waits.
    pub(crate) fn close(&self) {
        lock(&self.0.inbox).is_closed = true;
        self.0.news.notify_one();
    }
}

impl Shared {
    fn run(&self) {
        while let Some(batch) = self.next() {
            match self.append(&batch) {
                Ok(()) => {
                    self.logged.increment(batch.len() as u64);
                    self.take_out(number(&batch));
                    *lock(&self.fault) = None;
                }
                Err(error) => {
                    self.failed.increment(1);
                    self.wrote(number(&batch));
                    if lock(&self.fault).replace(error.to_string()).is_none() {
                        tracing::warn!(
                            "refusals are in memory alone, the log of them cannot be written: {error}"
                        );
                    }
                    if self.pause() {
                        return;
                    }
                }
            }
        }
    }

    /// Waits for refusals, in order; `None` when it is over.
    fn next(&self) -> Option<Batch> {
        let idle = |inbox: &mut Inbox| inbox.waiting.is_empty() && !inbox.is_closed;
        let inbox = self.news.wait_while(lock(&self.inbox), idle).unwrap_or_else(PoisonError::into_inner);
        let mut batch: Vec<_> = inbox.waiting.values().cloned().collect();
        batch.sort_unstable_by_key(|(number, _)| *number);
        (!batch.is_empty()).then_some(batch)
    }

    /// Lets the disk rest; whether it is over.
    fn pause(&self) -> bool {
        let mut inbox = lock(&self.inbox);
        if !inbox.is_closed {
            let goes_on = |inbox: &mut Inbox| !inbox.is_closed;
            let waited = self.news.wait_timeout_while(inbox, PAUSE, goes_on);
            inbox = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        if inbox.is_closed {
            inbox.work = None;
        }
        inbox.is_closed
    }

    fn append(&self, batch: &Batch) -> io::Result<()> {
        let last = number(batch);
        let mut log = lock(&self.log);
        let log = self.open(&mut log, Some(last))?;
        let appended = log.write(batch).and_then(|written| {
            self.wrote(last);
            log.settle(written)
        });
        appended.inspect_err(|_| {
            // The snapshot must not be believed after a restart: it knows nothing of these refusals.
            if log.lose(last).is_err()
                && let Err(error) = self.folder.remove(SNAPSHOT)
            {
                tracing::error!("a restart may forget refusals, the disk cannot be written to: {error}");
            }
        })
    }

    /// Those who wait for a refusal up to this number have waited long enough.
    fn wrote(&self, through: u64) {
        let mut inbox = lock(&self.inbox);
        inbox.written = inbox.written.max(through);
        self.written.notify_all();
    }

    /// What is on disk waits no more.
    fn take_out(&self, through: u64) {
        let mut inbox = lock(&self.inbox);
        inbox.waiting.retain(|_, (number, _)| *number > through);
        inbox.written = inbox.written.max(through);
        inbox.is_slow = false;
        if inbox.waiting.is_empty() {
            inbox.work = None;
        }
        self.written.notify_all();
    }

    /// The log; opened if that failed before.
    fn open<'a>(
        &self,
        log: &'a mut Option<RefusalLog>,
        snapshot: Option<u64>,
    ) -> io::Result<&'a mut RefusalLog> {
        match log {
            Some(log) => Ok(log),
            None => {
                let opened = RefusalLog::open(&self.folder.file(REFUSALS), snapshot)?.0;
                self.folder.sync()?;
                let mut inbox = lock(&self.inbox);
                inbox.last = inbox.last.max(opened.next() - 1);
                Ok(log.insert(opened))
            }
        }
    }
}

/// The greatest number of a batch.
fn number(batch: &Batch) -> u64 {
    batch.last().map_or(0, |(number, _)| *number)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    struct Disk(tempfile::TempDir);

    impl Disk {
        fn new() -> Self {
            Self(tempfile::tempdir().expect("a folder"))
        }

        fn open(&self) -> (RefusalLog, crate::refusals::Recovered) {
            RefusalLog::open(&self.0.path().join(REFUSALS), None).expect("opened")
        }

        fn start(&self, log: Option<RefusalLog>) -> (Logger, Arc<Folder>) {
            let folder = Arc::new(Folder::take(self.0.path()).expect("free"));
            let last = log.as_ref().map_or(1, |log| log.next() - 1);
            (Logger::start(Arc::clone(&folder), log, last, None).expect("a thread"), folder)
        }
    }

    fn gone(name: &str) -> (TenantId, Refusal) {
        let id = name.parse().expect("an id");
        (id, Refusal::gone(&id))
    }

    fn until(what: &str, so: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !so() {
            assert!(Instant::now() < deadline, "not in time: {what}");
            std::thread::yield_now();
        }
    }

    #[test]
    fn what_was_refused_is_in_the_log_when_it_acts() {
        let disk = Disk::new();
        let (logger, _folder) = disk.start(Some(disk.open().0));
        for n in 0..100 {
            // A thread of this machine may not get its turn in time; then the next one must have been heard.
            logger.refuse(vec![gone(&format!("n{n}"))]);
            until("written", || disk.open().1.refusals.len() == n + 1);
        }
        logger.refuse((0..100).map(|n| gone(&format!("m{n}"))).collect());
        until("all of them", || disk.open().1.refusals.len() == 200);
        until("on disk", || lock(&logger.0.inbox).waiting.is_empty());
        logger.forget(logger.last());
        assert!(disk.open().1.refusals.is_empty());
        assert_eq!(logger.fault(), None);
    }

    #[test]
    fn a_folder_is_given_back_when_all_is_written() {
        let disk = Disk::new();
        let (logger, folder) = disk.start(Some(disk.open().0));
        logger.refuse(vec![gone("acme")]);
        logger.close();
        folder.close();
        Folder::take(disk.0.path()).expect("free again");
        assert_eq!(disk.open().1.refusals.len(), 1);
        until("the thread has ended", || Arc::strong_count(&logger.0) == 1);
    }

    #[test]
    fn a_disk_that_hangs_is_waited_for_once() {
        let disk = Disk::new();
        let (logger, _folder) = disk.start(Some(disk.open().0));
        let hangs = lock(&logger.0.log);
        let before = Instant::now();
        for _ in 0..1000 {
            logger.refuse(vec![gone("acme")]);
        }
        assert!(before.elapsed() < 10 * PATIENCE, "{:?}", before.elapsed());
        drop(hangs);
        until("written", || disk.open().1.refusals.len() == 1);
    }

    #[test]
    fn a_disk_that_fails_is_not_waited_for_and_tried_again() {
        let disk = Disk::new();
        // A folder where the log should be.
        let path = disk.0.path().join(REFUSALS);
        std::fs::create_dir(&path).expect("a folder");
        let (logger, _folder) = disk.start(None);
        logger.refuse(vec![gone("acme")]);
        until("told", || logger.fault().is_some());
        std::fs::remove_dir(&path).expect("removed");
        until("written", || logger.fault().is_none());
        assert_eq!(disk.open().1.refusals.len(), 1);
    }
}
