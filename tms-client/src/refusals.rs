//! [`RefusalLog`]: what must not be forgotten if the process dies before its next snapshot: that a tenant is suspended,
//! gone, or otherwise served less than before.
//!
//! The file has its room from the start, so that a full disk does not keep a refusal out. Two slots at its beginning say in
//! turn how far it goes; records follow, each with its own checksum.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tenant_core::{Tenant, TenantId, TenantStatus};

use crate::folder::options;
use crate::stored::Stored;

const MAGIC: &[u8; 8] = b"TNTRYREF";
const VERSION: u32 = 1;
/// Where each of the two slots begins: a sector of a disk each.
const SLOTS: [u64; 2] = [0, 512];
const SLOT_LENGTH: usize = 48;
/// Where records begin.
const RECORDS: u64 = 4096;
/// The room that the file has from the start: some 1000 refusals.
const RESERVED: u64 = 256 * 1024;
/// The log does not grow beyond this; then the snapshot is given up instead.
const MAX_LENGTH: u64 = 64 << 20;
/// Length, checksum and number before each record.
const PREFIX: usize = 16;

/// A tenant is served less than before.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Refusal {
    /// It is no more.
    Gone(String),
    /// It is so now.
    Tenant(Box<Stored>),
}

impl Refusal {
    pub(crate) fn gone(id: &TenantId) -> Self {
        Self::Gone(id.to_string())
    }

    /// What is refused by a record that takes the place of another, if anything is.
    pub(crate) fn of(before: Option<&Tenant>, after: &Tenant, revision: Option<u64>) -> Option<Self> {
        let refuses = match before {
            Some(before) => narrows(before, after),
            // Of a pending tenant that nobody knew there is nothing to forget.
            None => matches!(after.status, TenantStatus::Suspended | TenantStatus::Deleting),
        };
        refuses.then(|| Self::Tenant(Box::new(Stored::of(after, revision))))
    }
}

fn narrows(before: &Tenant, after: &Tenant) -> bool {
    let expires_earlier = after.expire.is_some_and(|after| before.expire.is_none_or(|before| after < before));
    (after.status != TenantStatus::Active && after.status != before.status)
        || after.incarnation != before.incarnation
        || expires_earlier
        || before.hosts.iter().any(|host| !after.hosts.contains(host))
}

/// What a log held when it was opened.
#[derive(Debug)]
pub(crate) struct Recovered {
    /// In order, each with its number.
    pub(crate) refusals: Vec<(u64, Refusal)>,
    /// The number of the last refusal that may have been lost; 0 for none. A snapshot that does not hold it cannot be
    /// trusted.
    pub(crate) lost: u64,
}

/// The log, open.
#[derive(Debug)]
pub(crate) struct RefusalLog {
    file: File,
    head: Head,
}

/// Records that are in the file, and not part of the log yet.
#[derive(Debug)]
#[must_use = "it is not on disk before it is settled"]
pub(crate) struct Written(Head);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Head {
    /// Of the two slots, the one with the greater turn counts.
    turn: u64,
    /// The number that the next record has at least.
    next: u64,
    /// Where the records end.
    end: u64,
    /// The number of the last refusal that could not be logged; 0 for none.
    lost: u64,
}

impl RefusalLog {
    /// Opens the log, or makes it. The snapshot beside it holds the refusals up to a number; `None` if there is no snapshot.
    ///
    /// # Errors
    /// If the file cannot be read or made.
    pub(crate) fn open(path: &Path, snapshot: Option<u64>) -> io::Result<(Self, Recovered)> {
        let file = options().read(true).truncate(false).open(path)?;
        let length = file.metadata()?.len();
        let heads = SLOTS.iter().filter_map(|at| Head::read(&file, *at)).max_by_key(|head| head.turn);
        let Some(head) = heads else {
            return Self::make(file, length > 0, snapshot);
        };
        let bytes = read_from(&file, RECORDS, length.min(MAX_LENGTH))?;
        let known = usize::try_from(head.end.saturating_sub(RECORDS)).unwrap_or(usize::MAX);
        let (refusals, read) = records(&bytes, known, head.next);
        let mut log = Self { file, head };
        let mut lost = head.lost;
        if read < known {
            lost = lost.max(head.next - 1);
        } else {
            // A record whose slot was not written any more.
            log.head.end = RECORDS + read as u64;
            log.head.next = refusals.last().map_or(head.next, |(number, _)| head.next.max(number + 1));
        }
        log.head.next = log.head.next.max(snapshot.unwrap_or_default() + 1);
        Ok((log, Recovered { refusals, lost }))
    }

    /// A log without records. Where there should have been one, what it held is lost.
    fn make(file: File, was_there: bool, snapshot: Option<u64>) -> io::Result<(Self, Recovered)> {
        let last = snapshot.unwrap_or_default() + 1;
        let lost = if was_there || snapshot.is_some() { last } else { 0 };
        file.set_len(0)?;
        file.write_all_at(&vec![0; RESERVED as usize], 0)?;
        let mut log = Self { file, head: Head { turn: 0, next: last + 1, end: RECORDS, lost } };
        log.turn(log.head)?;
        log.file.sync_all()?;
        Ok((log, Recovered { refusals: Vec::new(), lost }))
    }

    /// The number that the next refusal has at least.
    pub(crate) fn next(&self) -> u64 {
        self.head.next
    }

    /// Writes refusals, whose numbers rise, after those that are there. From then on they survive the end of the process,
    /// and once they are [settled](Self::settle) also that of the machine.
    ///
    /// # Errors
    /// If they are not written; the log is as it was.
    pub(crate) fn write(&mut self, refusals: &[(u64, Refusal)]) -> io::Result<Written> {
        let mut bytes = Vec::new();
        for (number, refusal) in refusals {
            add_record(&mut bytes, *number, refusal)?;
        }
        let end = self.head.end + bytes.len() as u64;
        if end > MAX_LENGTH {
            return Err(io::Error::new(io::ErrorKind::QuotaExceeded, "the log of refusals is too long"));
        }
        self.file.write_all_at(&bytes, self.head.end)?;
        let next = refusals.last().map_or(0, |(number, _)| number + 1).max(self.head.next);
        Ok(Written(Head { next, end, ..self.head }))
    }

    /// Waits until what was written is on disk.
    ///
    /// # Errors
    /// If it is not; the log is as it was.
    pub(crate) fn settle(&mut self, written: Written) -> io::Result<()> {
        self.turn(written.0)
    }

    /// Notes that refusals up to this number could not be logged.
    pub(crate) fn lose(&mut self, number: u64) -> io::Result<()> {
        self.turn(Head { next: self.head.next.max(number + 1), lost: number, ..self.head })
    }

    /// Forgets what a snapshot on disk holds.
    pub(crate) fn trim(&mut self, snapshot: u64) -> io::Result<()> {
        if (self.head.end == RECORDS && self.head.lost == 0) || self.head.next > snapshot + 1 {
            return Ok(());
        }
        self.turn(Head { end: RECORDS, lost: 0, ..self.head })?;
        if self.file.metadata()?.len() > RESERVED { self.file.set_len(RESERVED) } else { Ok(()) }
    }

    fn turn(&mut self, head: Head) -> io::Result<()> {
        let head = Head { turn: self.head.turn + 1, ..head };
        let slot = SLOTS[usize::from(head.turn % 2 == 1)];
        self.file.write_all_at(&head.bytes(), slot)?;
        self.file.sync_data()?;
        self.head = head;
        Ok(())
    }
}

impl Head {
    fn bytes(&self) -> Vec<u8> {
        let numbers = [self.turn, self.next, self.end, self.lost].map(u64::to_le_bytes).concat();
        let crc = crc32fast::hash(&numbers).to_le_bytes();
        [&MAGIC[..], &VERSION.to_le_bytes(), &crc, &numbers].concat()
    }

    fn read(file: &File, at: u64) -> Option<Self> {
        let mut bytes = [0; SLOT_LENGTH];
        file.read_exact_at(&mut bytes, at).ok()?;
        let number =
            |n: usize| u64::from_le_bytes(bytes[16 + 8 * n..24 + 8 * n].try_into().expect("8 bytes"));
        let head = Self { turn: number(0), next: number(1), end: number(2), lost: number(3) };
        (head.bytes() == bytes && head.next > 0).then_some(head)
    }
}

fn read_from(file: &File, start: u64, end: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(end.saturating_sub(start)).unwrap_or_default()];
    file.read_exact_at(&mut bytes, start)?;
    Ok(bytes)
}

fn add_record(bytes: &mut Vec<u8>, number: u64, refusal: &Refusal) -> io::Result<()> {
    let start = bytes.len();
    bytes.extend_from_slice(&[0; 8]);
    bytes.extend_from_slice(&number.to_le_bytes());
    serde_json::to_writer(&mut *bytes, refusal)?;
    let length = u32::try_from(bytes.len() - start - PREFIX).map_err(io::Error::other)?;
    let crc = crc32fast::hash(&bytes[start + 8..]);
    bytes[start..start + 4].copy_from_slice(&length.to_le_bytes());
    bytes[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
    Ok(())
}

/// The records that are there for sure, and those after them that are whole and newer; and how many bytes they take.
fn records(bytes: &[u8], known: usize, next: u64) -> (Vec<(u64, Refusal)>, usize) {
    let (mut found, mut at, mut last) = (Vec::new(), 0, 0);
    while let Some((number, refusal, length)) = bytes.get(at..).and_then(record) {
        if number <= last || (at >= known && number < next) {
            break;
        }
        found.push((number, refusal));
        (at, last) = (at + length, number);
    }
    (found, at)
}

fn record(bytes: &[u8]) -> Option<(u64, Refusal, usize)> {
    let prefix = bytes.get(..PREFIX)?;
    let length = u32::from_le_bytes(prefix[..4].try_into().ok()?) as usize + PREFIX;
    let crc = u32::from_le_bytes(prefix[4..8].try_into().ok()?);
    let rest = bytes.get(8..length)?;
    if crc32fast::hash(rest) != crc {
        return None;
    }
    let number = u64::from_le_bytes(rest[..8].try_into().ok()?);
    Some((number, serde_json::from_slice(&rest[8..]).ok()?, length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenant_core::Incarnation;

    impl RefusalLog {
        fn append(&mut self, refusals: &[(u64, Refusal)]) -> io::Result<()> {
            let written = self.write(refusals)?;
            self.settle(written)
        }
    }

    fn gone(name: &str) -> Refusal {
        Refusal::Gone(name.to_owned())
    }

    fn names(recovered: &Recovered) -> Vec<(u64, String)> {
        let name = |refusal: &Refusal| match refusal {
            Refusal::Gone(name) => name.clone(),
            Refusal::Tenant(_) => "a tenant".to_owned(),
        };
        recovered.refusals.iter().map(|(number, refusal)| (*number, name(refusal))).collect()
    }

    struct Disk(tempfile::TempDir);

    impl Disk {
        fn new() -> Self {
            Self(tempfile::tempdir().expect("a folder"))
        }

        fn open(&self, snapshot: Option<u64>) -> (RefusalLog, Recovered) {
            RefusalLog::open(&self.0.path().join("refusals"), snapshot).expect("opened")
        }

        /// Changes a byte.
        fn damage(&self, at: u64) {
            let file =
                options().read(true).truncate(false).open(self.0.path().join("refusals")).expect("open");
            let mut byte = [0];
            file.read_exact_at(&mut byte, at).expect("read");
            file.write_all_at(&[byte[0] ^ 1], at).expect("written");
        }
    }

    #[test]
    fn what_was_appended_is_there_again() {
        let disk = Disk::new();
        let (mut log, recovered) = disk.open(None);
        assert_eq!((recovered.lost, names(&recovered)), (0, vec![]));
        let first = log.next();
        log.append(&[(first, gone("a")), (first + 1, gone("b"))]).expect("appended");
        log.append(&[(first + 5, gone("c"))]).expect("appended");
        let (log, recovered) = disk.open(None);
        let expected = [(first, "a"), (first + 1, "b"), (first + 5, "c")];
        assert_eq!(names(&recovered), expected.map(|(number, name)| (number, name.to_owned())));
        assert_eq!((recovered.lost, log.next()), (0, first + 6));
    }

    #[test]
    fn what_was_written_is_there_though_the_process_ended_before_it_was_settled() {
        let disk = Disk::new();
        let (mut log, _) = disk.open(None);
        let first = log.next();
        drop(log.write(&[(first, gone("a"))]).expect("written"));
        let (log, recovered) = disk.open(None);
        assert_eq!((names(&recovered), recovered.lost), (vec![(first, "a".to_owned())], 0));
        assert_eq!(log.next(), first + 1);
    }

    #[test]
    fn a_trimmed_log_is_empty_and_its_old_records_do_not_come_back() {
        let disk = Disk::new();
        let (mut log, _) = disk.open(None);
        let first = log.next();
        log.append(&[(first, gone("a")), (first + 1, gone("b")), (first + 2, gone("c"))]).expect("appended");
        log.trim(first + 1).expect("nothing");
        assert_eq!(disk.open(Some(first + 1)).1.refusals.len(), 3, "the snapshot does not hold all");
        log.trim(first + 2).expect("trimmed");
        assert!(disk.open(Some(first + 2)).1.refusals.is_empty());
        log.append(&[(first + 3, gone("d"))]).expect("appended");
        assert_eq!(names(&disk.open(Some(first + 2)).1), [(first + 3, "d".to_owned())]);
    }

    #[test]
    fn a_long_log_grows_and_shrinks() {
        let disk = Disk::new();
        let (mut log, _) = disk.open(None);
        let length = |log: &RefusalLog| log.file.metadata().expect("there").len();
        assert_eq!(length(&log), RESERVED);
        let first = log.next();
        let many: Vec<_> = (0..20_000).map(|n| (first + n, gone("some-tenant"))).collect();
        log.append(&many).expect("appended");
        assert!(length(&log) > RESERVED);
        assert_eq!(disk.open(None).1.refusals.len(), 20_000);
        log.trim(first + 19_999).expect("trimmed");
        assert_eq!(length(&log), RESERVED);
    }

    #[test]
    fn a_damaged_record_or_a_lost_one_is_told_until_a_snapshot_holds_it() {
        let disk = Disk::new();
        let (mut log, _) = disk.open(None);
        let first = log.next();
        log.append(&[(first, gone("a")), (first + 1, gone("b"))]).expect("appended");
        disk.damage(RECORDS + 40);
        let (mut log, recovered) = disk.open(Some(first - 1));
        assert_eq!((recovered.refusals.len(), recovered.lost), (1, first + 1));
        log.trim(first + 1).expect("trimmed");
        assert_eq!(disk.open(Some(first + 1)).1.lost, 0);

        log.lose(first + 7).expect("noted");
        assert_eq!(disk.open(Some(first + 1)).1.lost, first + 7);
        log.trim(first + 7).expect("trimmed");
        assert_eq!(disk.open(Some(first + 7)).1.lost, 0);
    }

    #[test]
    fn a_damaged_slot_gives_way_to_the_other_and_a_log_without_both_is_lost() {
        let disk = Disk::new();
        let (mut log, _) = disk.open(None);
        let first = log.next();
        log.append(&[(first, gone("a"))]).expect("appended");
        log.append(&[(first + 1, gone("b"))]).expect("appended");
        let newest = SLOTS[usize::from(log.head.turn % 2 == 1)];
        disk.damage(newest + 20);
        let recovered = disk.open(Some(0)).1;
        assert_eq!((recovered.refusals.len(), recovered.lost), (2, 0), "the record is whole");
        SLOTS.iter().for_each(|slot| disk.damage(slot + 21));
        disk.damage(newest + 21);
        let (log, recovered) = disk.open(Some(first));
        assert!(recovered.lost > first && log.next() > recovered.lost, "{recovered:?}");
        assert_eq!(disk.open(Some(first)).1.lost, recovered.lost, "and stays so");
    }

    #[test]
    fn a_snapshot_without_its_log_has_lost_something() {
        let disk = Disk::new();
        assert_eq!(disk.open(Some(7)).1.lost, 8);
        assert_eq!(disk.open(Some(8)).0.next(), 9, "no number comes twice");
    }

    #[test]
    fn what_serves_a_tenant_less_is_a_refusal() {
        let tenant = |change: &dyn Fn(&mut Tenant)| {
            let mut tenant = Tenant::new("acme".parse().expect("a name"), Incarnation::fixed("acme"));
            tenant.hosts = vec!["a.example".to_owned()];
            change(&mut tenant);
            tenant
        };
        let plain = tenant(&|_| {});
        let refuses = |before: Option<&Tenant>, after: &Tenant| Refusal::of(before, after, None).is_some();
        let later = "2030-01-01T00:00:00Z".parse().ok();
        for change in [
            &|tenant: &mut Tenant| tenant.status = TenantStatus::Suspended,
            &|tenant: &mut Tenant| tenant.status = TenantStatus::Deleting,
            &|tenant: &mut Tenant| tenant.status = TenantStatus::Pending,
            &|tenant: &mut Tenant| tenant.hosts.clear(),
            &|tenant: &mut Tenant| tenant.expire = "2026-01-01T00:00:00Z".parse().ok(),
            &|tenant: &mut Tenant| tenant.incarnation = Incarnation::fixed("another life"),
        ] as [&dyn Fn(&mut Tenant); 6]
        {
            let changed = tenant(change);
            assert!(refuses(Some(&plain), &changed), "{changed:?}");
        }
        let more = tenant(&|tenant| tenant.hosts.push("b.example".to_owned()));
        assert!(!refuses(Some(&plain), &more) && !refuses(None, &plain));
        let expiring = tenant(&|tenant| tenant.expire = later);
        assert!(refuses(Some(&plain), &expiring) && !refuses(Some(&expiring), &plain));
        let suspended = tenant(&|tenant| tenant.status = TenantStatus::Suspended);
        assert!(refuses(None, &suspended) && !refuses(Some(&suspended), &plain));
        assert!(!refuses(Some(&suspended), &suspended), "it is written already");
        let deleting = tenant(&|tenant| tenant.status = TenantStatus::Deleting);
        assert!(refuses(Some(&suspended), &deleting));
        let pending = tenant(&|tenant| tenant.status = TenantStatus::Pending);
        assert!(!refuses(None, &pending));
    }
}
