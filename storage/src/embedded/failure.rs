//! What went wrong below, as a [`StoreError`].

use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::{ErrorCode, ffi};

use crate::error::{StoreError, StoreErrorKind};

const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A failure of SQLite; `doing` completes "could not".
pub(super) fn sqlite(doing: &str, error: rusqlite::Error) -> StoreError {
    let kind = match error.sqlite_error_code() {
        _ if wants_room(&error) => StoreErrorKind::Full,
        Some(ErrorCode::DiskFull) => StoreErrorKind::Full,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreErrorKind::Corrupt,
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::OutOfMemory,
        ) => StoreErrorKind::Unavailable { retry_after: RETRY_AFTER },
        Some(ErrorCode::TooBig) => StoreErrorKind::Invalid,
        _ => StoreErrorKind::Backend,
    };
    StoreError::new(kind, format!("could not {doing}: {error}")).with_source(error)
}

/// Whether SQLite found no room for the memory that connections share, which is a file too.
fn wants_room(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| error.extended_code == ffi::SQLITE_IOERR_SHMSIZE)
}

/// A failure of the file system; `doing` completes "could not", before the path.
pub(super) fn io(doing: &str, path: &Path, error: io::Error) -> StoreError {
    let kind = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreErrorKind::Full,
        _ => StoreErrorKind::Backend,
    };
    StoreError::new(kind, format!("could not {doing} {}: {error}", path.display())).with_source(error)
}

/// What is stored cannot be read back.
pub(super) fn corrupt(what: impl Into<String>) -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, what)
}

/// The outcome is unknown, or the store is too busy: the same call may be sent again.
pub(super) fn unavailable(what: impl Into<String>) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable { retry_after: RETRY_AFTER }, what)
}

/// The same failure for another one who waited for the same thing.
pub(super) fn again(error: &StoreError) -> StoreError {
    StoreError::new(error.kind(), error.to_string())
}

pub(super) fn not_installed(why: impl Into<String>) -> StoreError {
    StoreError::new(StoreErrorKind::NotInstalled, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(code: i32) -> StoreErrorKind {
        let error = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
        sqlite("write", error).kind()
    }

    #[test]
    fn each_failure_has_its_kind() {
        assert_eq!(kind(ffi::SQLITE_FULL), StoreErrorKind::Full);
        assert_eq!(kind(ffi::SQLITE_IOERR_SHMSIZE), StoreErrorKind::Full);
        assert_eq!(kind(ffi::SQLITE_CORRUPT_INDEX), StoreErrorKind::Corrupt);
        assert_eq!(kind(ffi::SQLITE_NOTADB), StoreErrorKind::Corrupt);
        assert!(matches!(kind(ffi::SQLITE_BUSY), StoreErrorKind::Unavailable { .. }));
        assert!(matches!(kind(ffi::SQLITE_IOERR_FSYNC), StoreErrorKind::Unavailable { .. }));
        assert_eq!(kind(ffi::SQLITE_READONLY), StoreErrorKind::Backend);
        let full = io("create", Path::new("x"), io::ErrorKind::StorageFull.into());
        assert_eq!(full.kind(), StoreErrorKind::Full);
    }
}
