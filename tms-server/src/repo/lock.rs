//! [`FolderLock`]: one process at a time uses a data folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// An advisory lock on a file that names the process that holds it. Released when dropped, and by the kernel when the
/// process ends.
#[derive(Debug)]
pub(crate) struct FolderLock {
    file: File,
}

/// Why a folder is not locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process uses it.
    #[error("{} is in use by process {pid}", .path.display())]
    InUse {
        /// The lock file.
        path: PathBuf,
        /// What the lock file says about who holds it.
        pid: String,
    },
    /// The file cannot be opened, locked or written.
    #[error("cannot lock {}", .path.display())]
    Io {
        /// The lock file.
        path: PathBuf,
        /// What failed.
        source: std::io::Error,
    },
}

impl FolderLock {
    /// Takes the lock without waiting.
    pub(crate) fn take(path: &Path) -> Result<Self, LockError> {
        let failed = |source| LockError::Io { path: path.to_owned(), source };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                file.read_to_string(&mut pid).map_err(failed)?;
                return Err(LockError::InUse { path: path.to_owned(), pid: pid.trim().to_owned() });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        file.set_len(0).and_then(|()| file.rewind()).map_err(failed)?;
        writeln!(file, "{}", std::process::id()).map_err(failed)?;
        Ok(Self { file })
    }

    /// Gives the lock back before the drop.
    pub(crate) fn release(&self) {
        // A lock that cannot be given back ends with the process.
        let _ = self.file.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_refused_and_told_the_pid_until_the_first_lets_go() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("lock");
        let first = FolderLock::take(&path).expect("free");
        let refused = FolderLock::take(&path).expect_err("in use");
        assert!(refused.to_string().ends_with(&format!("process {}", std::process::id())), "{refused}");
        first.release();
        FolderLock::take(&path).expect("free again");
    }
}
