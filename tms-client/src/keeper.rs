//! [`Keeper`]: what is kept on disk: the snapshot, and refusals at once. A disk that fails delays nobody; it is told.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use metrics::{Counter, counter};
use tenant_core::{Clock, TenantId};
use tokio::sync::{Notify, Semaphore};

use crate::cursor::Cursor;
use crate::entry::{Entry, millis};
use crate::error::TmsError;
use crate::folder::{Folder, Work};
use crate::logger::{Logger, REFUSALS};
use crate::refusals::{Recovered, Refusal, RefusalLog};
use crate::snapshot::{Image, Row, Snapshot, SnapshotFault, wall_millis};
use crate::status::{SnapshotFound, SnapshotStatus};

pub(crate) const SNAPSHOT: &str = "snapshot";

/// The folder of one directory.
pub(crate) struct Keeper {
    folder: Arc<Folder>,
    /// Whose tenants they are: the address of the TMS.
    tms: String,
    clock: Arc<dyn Clock>,
    logger: Logger,
    status: Mutex<Status>,
    /// One writes the snapshot at a time.
    turn: Semaphore,
    /// The snapshot is not what memory is.
    pub(crate) changed: Notify,
    written: Counter,
    write_failed: Counter,
}

#[derive(Default)]
struct Status {
    found: SnapshotFound,
    fault: Option<String>,
    written: Option<Duration>,
    /// The latest confirmation that the snapshot on disk tells of, in milliseconds of the monotonic clock.
    told: Option<i64>,
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keeper").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// What a start finds on disk.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(crate) entries: Vec<Entry>,
    pub(crate) cursor: Option<Cursor>,
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Keeper {
    /// Takes the folder and reads what is there. Blocks.
    ///
    /// # Errors
    /// `Config` if the folder cannot be used, or another process uses it.
    pub(crate) fn open(path: &Path, tms: &str, clock: &Arc<dyn Clock>) -> Result<(Self, Kept), TmsError> {
        let folder = Arc::new(Folder::take(path)?);
        let now = wall_millis(clock.wall());
        let mut status = Status::default();
        let snapshot = read_snapshot(&folder, tms, now).unwrap_or_else(|fault| {
            tracing::warn!("the snapshot in {} is ignored: {fault}", path.display());
            status.found = SnapshotFound::Ignored(fault);
            None
        });
        let held = snapshot.as_ref().map(|snapshot| snapshot.refusals);
        let log = RefusalLog::open(&folder.file(REFUSALS), held).and_then(|log| folder.sync().map(|()| log));
        let (log, recovered, mut fault) = match log {
            Ok((log, recovered)) => (Some(log), recovered, None),
            Err(error) => {
                tracing::warn!("the log of refusals in {} cannot be used: {error}", path.display());
                // Nobody knows what it holds.
                (None, Recovered { refusals: Vec::new(), lost: u64::MAX }, Some(error.to_string()))
            }
        };
        let last = log.as_ref().map_or(held.unwrap_or_default() + 1, |log| log.next() - 1);
        let kept = snapshot.map_or_else(Kept::default, |snapshot| {
            status.found = SnapshotFound::Loaded { tenants: snapshot.rows.len() };
            if recovered.lost > snapshot.refusals {
                let text = "refusals may have been lost; the snapshot serves once the feed has confirmed it";
                tracing::warn!("{text} ({})", path.display());
                fault.get_or_insert_with(|| text.to_owned());
            }
            kept(snapshot, recovered, now - to_signed(clock.monotonic()))
        });
        let writes =
            |outcome: &'static str| counter!("tms_directory_snapshot_writes_total", "outcome" => outcome);
        let keeper = Self {
            logger: Logger::start(Arc::clone(&folder), log, last, fault)?,
            folder,
            tms: tms.to_owned(),
            clock: Arc::clone(clock),
            status: Mutex::new(status),
            turn: Semaphore::new(1),
            changed: Notify::new(),
            written: writes("written"),
            write_failed: writes("failed"),
        };
        Ok((keeper, kept))
    }

    pub(crate) fn status(&self) -> SnapshotStatus {
        let status = lock(&self.status);
        let now = self.clock.monotonic();
        SnapshotStatus {
            found: status.found.clone(),
            written_ago: status.written.map(|written| now.saturating_sub(written)),
            fault: status.fault.clone(),
            refusals_fault: self.logger.fault(),
        }
    }

    /// Tenants are about to be served less than before. To be called while the lock is held under which memory changes, and
    /// before it does.
    pub(crate) fn refuse(&self, refusals: Vec<(TenantId, Refusal)>) {
        if !refusals.is_empty() {
            self.logger.refuse(refusals);
            self.changed.notify_one();
        }
    }

    /// Memory was confirmed, last at that time: told by the snapshot if that is much later than what it tells.
    pub(crate) fn confirmed(&self, at: Duration, every: Duration) {
        let told = lock(&self.status).told;
        if told.is_none_or(|told| to_signed(at) - told >= to_signed(every)) {
            self.changed.notify_one();
        }
    }

    /// The number of the last refusal. Memory holds all up to it for one who holds the lock under which memory changes.
    pub(crate) fn last_refusal(&self) -> u64 {
        self.logger.last()
    }

    /// Writes the snapshot; how long it took. Blocks.
    ///
    /// # Errors
    /// If it is not on disk; the one before it is, then.
    pub(crate) fn write(&self, image: &Image) -> io::Result<Duration> {
        let began = Instant::now();
        // Without a log beside it, the snapshot would not be believed.
        self.logger.prepare();
        let written = self.folder.replace(SNAPSHOT, |file| image.write(file, &self.tms));
        let mut status = lock(&self.status);
        if let Err(error) = written {
            self.write_failed.increment(1);
            if status.fault.replace(error.to_string()).is_none() {
                tracing::warn!("the snapshot of the tenants cannot be written: {error}");
            }
            return Err(error);
        }
        self.written.increment(1);
        (status.written, status.fault) = (Some(self.clock.monotonic()), None);
        status.told = image.latest();
        drop(status);
        self.logger.forget(image.refusals);
        Ok(began.elapsed())
    }

    /// Begins to work in the folder; `None` once the directory is gone.
    pub(crate) fn work(&self) -> Option<Work> {
        self.folder.work()
    }

    /// Gives the folder back when what is under way has ended.
    pub(crate) fn close(&self) {
        self.logger.close();
        self.folder.close();
    }

    /// Waits for the turn to write the snapshot.
    pub(crate) async fn turn(&self) -> tokio::sync::SemaphorePermit<'_> {
        self.turn.acquire().await.expect("it is never closed")
    }
}

fn to_signed(time: Duration) -> i64 {
    i64::try_from(millis(time)).unwrap_or(i64::MAX)
}

fn read_snapshot(folder: &Folder, tms: &str, now: i64) -> Result<Option<Snapshot>, SnapshotFault> {
    match folder.read(SNAPSHOT) {
        Ok(Some(bytes)) => Snapshot::read(&bytes, tms, now).map(Some),
        Ok(None) => Ok(None),
        Err(_) => Err(SnapshotFault::Unreadable),
    }
}

/// What the snapshot holds, and the refusals since. Where one of them may be lost, nothing counts as confirmed.
fn kept(snapshot: Snapshot, recovered: Recovered, offset: i64) -> Kept {
    let is_whole = recovered.lost <= snapshot.refusals;
    let latest = snapshot.rows.iter().filter_map(|row| row.confirmed).max();
    let mut rows: HashMap<TenantId, Row> =
        snapshot.rows.into_iter().map(|row| (row.found.tenant.id(), row)).collect();
    for (_, refusal) in recovered.refusals.into_iter().filter(|(number, _)| *number > snapshot.refusals) {
        match refusal {
            Refusal::Gone(id) => {
                id.parse().ok().and_then(|id: TenantId| rows.remove(&id));
            }
            Refusal::Tenant(stored) => {
                let Ok(found) = stored.into_found() else { continue };
                let id = found.tenant.id();
                let confirmed = rows.get(&id).map_or(latest, |row| row.confirmed);
                rows.insert(id, Row { found, confirmed, followed: true });
            }
        }
    }
    let entry = |row: Row| {
        let confirmed =
            row.confirmed.filter(|_| is_whole).map_or(i64::MIN, |wall| wall.saturating_sub(offset));
        Entry::kept(row.found, 0, confirmed, row.followed)
    };
    Kept { entries: rows.into_values().map(entry).collect(), cursor: snapshot.cursor }
}
