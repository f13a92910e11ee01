//! [`Folder`]: where the logs are, and that one process has them.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use storage::{Namespace, StoreError};

use crate::log::{failed, sync_name};

/// A folder that is locked while this lives: two processes that append to one log would each break what the other promised.
pub(crate) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Takes a folder, creating it in the one above if it is missing.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let path = std::path::absolute(path).map_err(|error| failed("find", path, error))?;
        let created = match fs::create_dir(&path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            // Where it exists, too: who made it may have been killed before this.
            _ => sync_name(&path),
        };
        created.map_err(|error| failed("create", &path, error))?;
        let lock = path.join("lock");
        let file = File::create(&lock).map_err(|error| failed("create", &lock, error))?;
        lock_after_a_predecessor(&file).map_err(|error| failed("lock", &lock, error.into()))?;
        Ok(Self { path, _lock: file })
    }

    /// A namespace's log. Its text is injective and has no dot, so no two have the same.
    pub(crate) fn log(&self, namespace: &Namespace) -> PathBuf {
        self.path.join(namespace.to_string().replace('/', ".") + "log")
    }
}

/// One who is ending may have it a moment longer, as may a program that it starts, until that runs.
fn lock_after_a_predecessor(file: &File) -> Result<(), TryLockError> {
    let deadline = Instant::now() + Duration::from_secs(1);
    loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => sleep(Duration::from_millis(20)),
            outcome => return outcome,
        }
    }
}
