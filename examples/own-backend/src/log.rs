//! [`Log`]: an append-only file of lines, each with a checksum, each on the disk before the next.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use storage::{StoreError, StoreErrorKind};

/// Where a log is, and how far. It is opened for each line, so that many logs take no file descriptors.
pub(crate) struct Log {
    path: PathBuf,
    end: u64,
}

impl Log {
    /// Makes a log with its first line, whole or not at all. Whether there was none.
    pub(crate) fn create(path: &Path, first: &str) -> Result<bool, StoreError> {
        let create = || {
            let is_new = !path.try_exists()?;
            if is_new {
                let unfinished = path.with_extension("new");
                let mut file = File::create(&unfinished)?;
                file.write_all(line(first).as_bytes())?;
                file.sync_all()?;
                fs::rename(&unfinished, path)?;
            }
            // Where it exists, too: who made it may have been killed before this.
            sync_name(path)?;
            Ok(is_new)
        };
        create().map_err(|error| failed("create", path, error))
    }

    /// Opens what is there, and reads its lines. A last one that is not whole was not acknowledged, and is cut off; one that
    /// the disk has damaged since cannot be told from it.
    pub(crate) fn open(path: PathBuf) -> Result<(Self, Vec<String>), StoreError> {
        let bytes = fs::read(&path).map_err(|error| failed("read", &path, error))?;
        let (mut lines, mut end) = (Vec::new(), 0);
        for bytes_of_line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let Some(line) = checked(bytes_of_line) else { break };
            lines.push(line.to_owned());
            end += bytes_of_line.len();
        }
        let rest = &bytes[end..];
        // A line has one line feed, and it comes last: what follows was written after that line had been synced.
        if rest.iter().position(|byte| *byte == b'\n').is_some_and(|at| at + 1 < rest.len()) {
            let message = format!("{} is damaged at byte {end}", path.display());
            return Err(StoreError::new(StoreErrorKind::Corrupt, message));
        }
        let log = Self { path, end: end as u64 };
        if !rest.is_empty() {
            let cut = OpenOptions::new().write(true).open(&log.path).and_then(|file| log.cut(&file));
            cut.map_err(|error| failed("cut", &log.path, error))?;
        }
        Ok((log, lines))
    }

    /// Adds a line: on the disk when this returns `Ok`, and gone or unknown when it does not.
    pub(crate) fn append(&mut self, text: &str) -> Result<(), StoreError> {
        let failed = |error| failed("append to", &self.path, error);
        // Never creates: a log that was taken away is not begun again.
        let mut file = OpenOptions::new().append(true).open(&self.path).map_err(failed)?;
        if file.metadata().map_err(failed)?.len() != self.end {
            let message = format!("{} does not end where it was left", self.path.display());
            return Err(StoreError::new(StoreErrorKind::Backend, message));
        }
        let line = line(text);
        if let Err(error) = file.write_all(line.as_bytes()).and_then(|()| file.sync_data()) {
            // Nothing of it may stand before the next line. Where that fails too, the length gives it away.
            let _ = self.cut(&file);
            return Err(failed(error));
        }
        self.end += line.len() as u64;
        Ok(())
    }

    fn cut(&self, file: &File) -> io::Result<()> {
        file.set_len(self.end)?;
        file.sync_all()
    }
}

/// Removes a log; one that is gone is removed already.
pub(crate) fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => sync_name(path),
    }
    .map_err(|error| failed("remove", path, error))
}

/// Makes a name durable, or that it is gone: syncing what it names does not.
pub(crate) fn sync_name(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

fn line(text: &str) -> String {
    format!("{:08x} {text}\n", crc32fast::hash(text.as_bytes()))
}

/// The text of a line, if it is whole.
fn checked(bytes: &[u8]) -> Option<&str> {
    let line = str::from_utf8(bytes).ok()?.strip_suffix('\n')?;
    let (checksum, text) = line.split_once(' ')?;
    (u32::from_str_radix(checksum, 16) == Ok(crc32fast::hash(text.as_bytes()))).then_some(text)
}

/// A failure of the disk; `doing` completes "could not", before the path.
pub(crate) fn failed(doing: &str, path: &Path, error: io::Error) -> StoreError {
    let kind = match error.kind() {
        io::ErrorKind::NotFound => StoreErrorKind::NotInstalled,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreErrorKind::Full,
        _ => UNAVAILABLE,
    };
    StoreError::new(kind, format!("could not {doing} {}: {error}", path.display())).with_source(error)
}

const UNAVAILABLE: StoreErrorKind = StoreErrorKind::Unavailable { retry_after: Duration::from_secs(1) };

pub(crate) fn unavailable(why: &str) -> StoreError {
    StoreError::new(UNAVAILABLE, why)
}
