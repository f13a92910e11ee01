//! [`Snapshot`]: the directory on disk: what routing needs of each tenant, where the feed stood, and when that was so.
//!
//! A file holds a magic word, a version, a checksum and a length, and then lines of JSON: the head and a row for each tenant.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::cursor::Cursor;
use crate::entry::Entry;
use crate::found::Found;
use crate::stored::Stored;

const MAGIC: &[u8; 8] = b"TNTRYDIR";
const VERSION: u32 = 1;
/// Magic word, version, checksum, length.
const PREFIX: usize = 24;

/// Why a snapshot is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotFault {
    /// Its bytes are not those that were written.
    #[error("it is damaged")]
    Damaged,
    /// Its end is missing.
    #[error("it is truncated")]
    Truncated,
    /// Another version of this program wrote it.
    #[error("it has the form of another version")]
    OtherVersion,
    /// It is of another tenant management service.
    #[error("it is of another tenant management service")]
    Foreign,
    /// It was written in the future, so that its age cannot be told.
    #[error("it is dated in the future")]
    FutureDated,
    /// The file cannot be read.
    #[error("it cannot be read")]
    Unreadable,
}

/// What a snapshot holds.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) cursor: Option<Cursor>,
    /// The number of the last refusal that it holds.
    pub(crate) refusals: u64,
    pub(crate) rows: Vec<Row>,
}

/// A tenant of a snapshot.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) found: Found,
    /// When it was last confirmed, in milliseconds of the time of day; `None` if that does not count any more.
    pub(crate) confirmed: Option<i64>,
    /// Whether the feed speaks for it.
    pub(crate) followed: bool,
}

/// What is to be written.
#[derive(Debug)]
pub(crate) struct Image {
    pub(crate) cursor: Option<Cursor>,
    /// The number of the last refusal that it holds.
    pub(crate) refusals: u64,
    /// When the feed last confirmed what it speaks for, in milliseconds of the monotonic clock.
    pub(crate) confirmed: Option<i64>,
    pub(crate) entries: Vec<Arc<Entry>>,
    /// What has to be added to a monotonic reading for the time of day.
    pub(crate) offset: i64,
    /// The time of day, in milliseconds.
    pub(crate) now: i64,
}

#[derive(Debug, Serialize, Deserialize)]
struct HeadLine {
    tms: String,
    cursor: Option<String>,
    refusals: u64,
    written: i64,
    /// When the feed last confirmed what it speaks for.
    confirmed: Option<i64>,
    tenants: usize,
}

#[derive(Debug, Serialize, Deserialize)]
struct RowLine {
    /// When it was last confirmed, where the feed's confirmation is not the later one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    confirmed: Option<i64>,
    /// The feed does not speak for it.
    #[serde(default, skip_serializing_if = "is_false")]
    alone: bool,
    /// Nothing that was known of it counts any more.
    #[serde(default, skip_serializing_if = "is_false")]
    revoked: bool,
    tenant: Stored,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

/// Milliseconds of the time of day.
pub(crate) fn wall_millis(time: Timestamp) -> i64 {
    time.as_millisecond()
}

impl Image {
    /// The latest confirmation that it tells of, in milliseconds of the monotonic clock.
    pub(crate) fn latest(&self) -> Option<i64> {
        self.confirmed.into_iter().chain(self.entries.iter().map(|entry| entry.confirmed())).max()
    }

    /// Writes it to an empty file.
    pub(crate) fn write(&self, file: &File, tms: &str) -> io::Result<()> {
        let mut out = Checked {
            out: BufWriter::with_capacity(1 << 16, file),
            crc: crc32fast::Hasher::new(),
            length: 0,
        };
        out.out.write_all(&[0; PREFIX])?;
        self.lines(&mut out, tms)?;
        out.out.flush()?;
        let (crc, length) = (out.crc.clone().finalize(), out.length);
        let prefix = [&MAGIC[..], &VERSION.to_le_bytes(), &crc.to_le_bytes(), &length.to_le_bytes()].concat();
        file.write_all_at(&prefix, 0)
    }

    fn lines(&self, out: &mut impl Write, tms: &str) -> io::Result<()> {
        let confirmed = self.confirmed.map(|confirmed| confirmed.saturating_add(self.offset));
        let head = HeadLine {
            tms: tms.to_owned(),
            cursor: self.cursor.as_ref().map(ToString::to_string),
            refusals: self.refusals,
            written: self.now,
            confirmed,
            tenants: self.entries.len(),
        };
        serde_json::to_writer(&mut *out, &head)?;
        for entry in &self.entries {
            out.write_all(b"\n")?;
            serde_json::to_writer(&mut *out, &self.row(entry))?;
        }
        Ok(())
    }

    fn row(&self, entry: &Entry) -> RowLine {
        let own = entry.confirmed();
        let later = self.confirmed.filter(|_| entry.is_followed()).is_none_or(|followed| own > followed);
        RowLine {
            confirmed: later.then(|| own.saturating_add(self.offset)),
            alone: !entry.is_followed(),
            revoked: entry.is_revoked(),
            tenant: Stored::of(&entry.tenant, entry.revision),
        }
    }
}

/// Sums up what is written.
struct Checked<W> {
    out: W,
    crc: crc32fast::Hasher,
    length: u64,
}

impl<W: Write> Write for Checked<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.crc.update(&bytes[..written]);
        self.length += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Snapshot {
    /// Reads what a file holds, at this time of day.
    ///
    /// # Errors
    /// If it cannot be trusted.
    pub(crate) fn read(bytes: &[u8], tms: &str, now: i64) -> Result<Self, SnapshotFault> {
        let text = std::str::from_utf8(payload(bytes)?).map_err(|_| SnapshotFault::Damaged)?;
        let mut lines = text.split('\n');
        let head: HeadLine = parse(lines.next().unwrap_or_default())?;
        if head.tms != tms {
            return Err(SnapshotFault::Foreign);
        }
        if head.written > now {
            return Err(SnapshotFault::FutureDated);
        }
        let cursor = head.cursor.as_deref().map(|text| Cursor::parse(text).ok_or(SnapshotFault::Damaged));
        let rows = lines.map(|line| row(line, head.confirmed)).collect::<Result<Vec<_>, _>>()?;
        if rows.len() != head.tenants {
            return Err(SnapshotFault::Damaged);
        }
        Ok(Self { cursor: cursor.transpose()?, refusals: head.refusals, rows })
    }
}

fn payload(bytes: &[u8]) -> Result<&[u8], SnapshotFault> {
    let Some((prefix, payload)) = bytes.split_at_checked(PREFIX) else {
        return Err(SnapshotFault::Truncated);
    };
    let number = |from: usize| u32::from_le_bytes(prefix[from..from + 4].try_into().expect("4 bytes"));
    if &prefix[..8] != MAGIC {
        return Err(SnapshotFault::Damaged);
    }
    if number(8) != VERSION {
        return Err(SnapshotFault::OtherVersion);
    }
    let length = u64::from_le_bytes(prefix[16..].try_into().expect("8 bytes"));
    if (payload.len() as u64) < length {
        return Err(SnapshotFault::Truncated);
    }
    if payload.len() as u64 > length || crc32fast::hash(payload) != number(12) {
        return Err(SnapshotFault::Damaged);
    }
    Ok(payload)
}

fn row(line: &str, followed: Option<i64>) -> Result<Row, SnapshotFault> {
    let line: RowLine = parse(line)?;
    let found = line.tenant.into_found().map_err(|_| SnapshotFault::Damaged)?;
    let confirmed = line.confirmed.or(followed).filter(|_| !line.revoked);
    Ok(Row { found, confirmed, followed: !line.alone })
}

fn parse<'a, T: Deserialize<'a>>(line: &'a str) -> Result<T, SnapshotFault> {
    serde_json::from_str(line).map_err(|_| SnapshotFault::Damaged)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use tenant_core::{Incarnation, Tenant};

    const TMS: &str = "http://tms:8383";
    const NOW: i64 = 1_000_000;

    fn found(name: &str, revision: Option<u64>) -> Found {
        Found { tenant: Tenant::new(name.parse().expect("a name"), Incarnation::fixed(name)), revision }
    }

    fn image(confirmed: Option<i64>, entries: Vec<Entry>) -> Image {
        let entries = entries.into_iter().map(Arc::new).collect();
        Image {
            cursor: Cursor::parse("a.7.b"),
            refusals: 3,
            confirmed,
            entries,
            offset: NOW - 5000,
            now: NOW,
        }
    }

    fn bytes(image: &Image) -> Vec<u8> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        image.write(file.as_file(), TMS).expect("written");
        std::fs::read(file.path()).expect("read")
    }

    #[test]
    fn a_snapshot_comes_back_with_the_time_of_each_confirmation() {
        let fresh = Duration::from_secs(60);
        let entry = |name, revision, asked| {
            Entry::answered(found(name, revision), 1, Duration::from_millis(asked), fresh)
        };
        let revoked = entry("revoked", Some(6), 4000);
        revoked.revoke();
        let entries = vec![
            entry("early", Some(5), 1000),
            entry("late", Some(6), 4000),
            entry("alone", None, 1000),
            revoked,
        ];
        let snapshot = Snapshot::read(&bytes(&image(Some(3000), entries)), TMS, NOW).expect("a snapshot");
        assert_eq!((snapshot.cursor, snapshot.refusals), (Cursor::parse("a.7.b"), 3));
        let rows: Vec<_> = snapshot.rows.iter().map(|row| (row.confirmed, row.followed)).collect();
        let at = |ago: i64| Some(NOW - 5000 + ago);
        assert_eq!(rows, [(at(3000), true), (at(4000), true), (at(1000), false), (None, true)]);
        assert_eq!(snapshot.rows[1].found.revision, Some(6));

        let empty = Snapshot::read(&bytes(&image(None, vec![])), TMS, NOW).expect("a snapshot");
        assert!(empty.rows.is_empty());
    }

    #[test]
    fn every_damaged_byte_and_every_missing_end_is_noticed() {
        let good = bytes(&image(None, vec![Entry::kept(found("acme", Some(5)), 0, 0, true)]));
        for at in 0..good.len() {
            let mut damaged = good.clone();
            damaged[at] ^= 1;
            assert!(Snapshot::read(&damaged, TMS, NOW).is_err(), "{at}");
            assert_eq!(Snapshot::read(&good[..at], TMS, NOW).err(), Some(SnapshotFault::Truncated), "{at}");
        }
        let longer = [&good[..], b"x"].concat();
        assert_eq!(Snapshot::read(&longer, TMS, NOW).err(), Some(SnapshotFault::Damaged));
    }

    #[test]
    fn what_is_foreign_from_the_future_or_of_another_version_is_refused() {
        let good = bytes(&image(None, vec![]));
        assert_eq!(Snapshot::read(&good, "http://other", NOW).err(), Some(SnapshotFault::Foreign));
        assert_eq!(Snapshot::read(&good, TMS, NOW - 1).err(), Some(SnapshotFault::FutureDated));
        let mut other = good;
        other[8] = 2;
        assert_eq!(Snapshot::read(&other, TMS, NOW).err(), Some(SnapshotFault::OtherVersion));
    }

    #[test]
    fn a_hundred_thousand_tenants_are_read_within_a_second() {
        let entries = (0..100_000).map(|n| Entry::kept(found(&format!("tenant-{n}"), Some(n)), 0, 0, true));
        let bytes = bytes(&image(Some(0), entries.collect()));
        let before = std::time::Instant::now();
        let snapshot = Snapshot::read(&bytes, TMS, NOW).expect("a snapshot");
        assert_eq!(snapshot.rows.len(), 100_000);
        assert!(before.elapsed() < Duration::from_secs(1), "{:?}", before.elapsed());
    }
}
