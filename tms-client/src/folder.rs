//! [`Folder`]: where a directory keeps what it knows; one process has it at a time.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::error::TmsError;

/// How long one who is ending may keep the lock.
const HANDOVER: Duration = Duration::from_secs(1);

/// A folder that is locked against others until it is closed.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    door: Arc<Mutex<Door>>,
}

/// Who is in the folder.
#[derive(Debug)]
struct Door {
    /// The lock; given back when it is dropped. `None` once nobody is in any more.
    lock: Option<File>,
    /// How many are at work in there.
    at_work: usize,
    /// Nobody comes in any more.
    is_closed: bool,
}

/// Somebody is at work in the folder: it is not given back before this is dropped.
#[derive(Debug)]
pub(crate) struct Work(Arc<Mutex<Door>>);

impl Door {
    fn give_back(&mut self) {
        if self.is_closed && self.at_work == 0 {
            self.lock = None;
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let mut door = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        door.at_work -= 1;
        door.give_back();
    }
}

impl Folder {
    /// Makes the folder if it is missing, and takes it.
    ///
    /// # Errors
    /// `Config` if it cannot be made or locked, or if another process has it.
    pub(crate) fn take(path: &Path) -> Result<Self, TmsError> {
        let failed = |error: io::Error| {
            TmsError::config(format!("the folder {} cannot be used", path.display())).with_source(error)
        };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
        let mut file = options().read(true).open(path.join("lock")).map_err(failed)?;
        match lock_after_a_predecessor(&file) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                let pid = file.read_to_string(&mut pid).map_or("unknown", |_| pid.trim());
                let message = format!("the folder {} is in use by the process {pid}", path.display());
                return Err(TmsError::config(message));
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        // Always as long, so that it takes no room that a full disk does not have.
        let pid = format!("{:<10}\n", std::process::id());
        if let Err(error) = file.write_all_at(pid.as_bytes(), 0) {
            tracing::warn!("the lock in {} does not say whose it is: {error}", path.display());
        }
        let door = Door { lock: Some(file), at_work: 0, is_closed: false };
        Ok(Self { path: path.to_owned(), door: Arc::new(Mutex::new(door)) })
    }

    /// Begins to work in the folder; `None` if it is closed.
    pub(crate) fn work(&self) -> Option<Work> {
        let mut door = self.door.lock().unwrap_or_else(PoisonError::into_inner);
        if door.is_closed {
            return None;
        }
        door.at_work += 1;
        Some(Work(Arc::clone(&self.door)))
    }

    /// Lets nobody in any more. The folder is another's as soon as those who are at work have ended.
    pub(crate) fn close(&self) {
        let mut door = self.door.lock().unwrap_or_else(PoisonError::into_inner);
        door.is_closed = true;
        door.give_back();
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The bytes of a file; `None` if there is none.
    pub(crate) fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.file(name)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Replaces a file in one step: whoever opens it finds the old bytes or the new ones, also after a power cut.
    pub(crate) fn replace(
        &self,
        name: &str,
        write: impl FnOnce(&mut File) -> io::Result<()>,
    ) -> io::Result<()> {
        let fresh = self.file(&format!("{name}.new"));
        let mut file = options().truncate(true).open(&fresh)?;
        let written = write(&mut file).and_then(|()| file.sync_all());
        if written.is_err() {
            // Room for others; the next attempt begins anew.
            let _ = fs::remove_file(&fresh);
        }
        written?;
        fs::rename(&fresh, self.file(name))?;
        self.sync()
    }

    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.file(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => self.sync(),
        }
    }

    /// Makes the names in the folder durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}

/// For a file of this user alone, which may have to be made.
pub(crate) fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true).mode(0o600);
    options
}

fn lock_after_a_predecessor(file: &File) -> Result<(), TryLockError> {
    let deadline = Instant::now() + HANDOVER;
    loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => sleep(Duration::from_millis(20)),
            outcome => return outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_folder_is_private_and_ones_own() {
        let parent = tempfile::tempdir().expect("a folder");
        let path = parent.path().join("data/directory");
        let folder = Folder::take(&path).expect("free");
        folder.replace("a", |file| file.write_all(b"x")).expect("written");
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&path.join("a")), mode(&path.join("lock"))), (0o700, 0o600, 0o600));

        let refused = Folder::take(&path).expect_err("in use").to_string();
        assert!(refused.ends_with(&format!("in use by the process {}", std::process::id())), "{refused}");
        let work = folder.work().expect("open");
        folder.close();
        assert!(folder.work().is_none());
        Folder::take(&path).expect_err("somebody is at work still");
        drop(work);
        Folder::take(&path).expect("free again");
    }

    #[test]
    fn a_file_is_replaced_wholly_or_not_at_all() {
        let parent = tempfile::tempdir().expect("a folder");
        let folder = Folder::take(parent.path()).expect("free");
        assert_eq!(folder.read("a").expect("readable"), None);
        folder.replace("a", |file| file.write_all(b"old")).expect("written");
        let failed = folder.replace("a", |file| {
            file.write_all(b"half")?;
            Err(io::Error::other("full"))
        });
        assert!(failed.is_err());
        assert_eq!(folder.read("a").expect("readable").as_deref(), Some(&b"old"[..]));
        assert_eq!(fs::read_dir(parent.path()).expect("readable").count(), 2, "the file and the lock");
        folder.remove("a").and_then(|()| folder.remove("a")).expect("removed");
        assert_eq!(folder.read("a").expect("readable"), None);
    }
}
