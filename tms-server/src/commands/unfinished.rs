//! [`Unfinished`]: a file under another name until it is whole.

use std::fs::{self, File, OpenOptions};
use std::future::Future;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use super::tell;

/// How often somebody who waits is told how far it is.
const TOLD_EVERY: Duration = Duration::from_secs(1);

/// An empty file (0600) beside the one that it becomes; removed when dropped before that.
#[derive(Debug)]
pub(crate) struct Unfinished {
    path: PathBuf,
    target: PathBuf,
}

impl Unfinished {
    /// Makes the file.
    pub(crate) fn beside(target: &Path) -> io::Result<Self> {
        let mut path = target.to_owned().into_os_string();
        path.push(format!(".unfinished-{}", std::process::id()));
        let path = PathBuf::from(path);
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        Ok(Self { path, target: target.to_owned() })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Does what fills the file, and tells now and then how far it is.
    pub(crate) async fn filled_by<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                () = tokio::time::sleep(TOLD_EVERY) => tell(format!("  {} so far", size(&self.path))),
            }
        }
    }

    /// Puts the file, synced, in its target's place: a reader sees the earlier one or all of this.
    pub(crate) fn replace(self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()?;
        fs::rename(&self.path, &self.target)?;
        sync_folder(&self.target)
    }

    /// Gives the file, synced, its target's name; an error where something has that already.
    pub(crate) fn create(self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()?;
        // Unlike a rename, a link never replaces.
        fs::hard_link(&self.path, &self.target)?;
        fs::remove_file(&self.path)?;
        sync_folder(&self.target)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // It is gone where it became its target.
        let _ = fs::remove_file(&self.path);
    }
}

/// Makes names in the folder of a file survive a power cut.
pub(crate) fn sync_folder(file: &Path) -> io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// How large a file is, for people.
pub(crate) fn size(path: &Path) -> String {
    let bytes = fs::metadata(path).map_or(0, |metadata| metadata.len());
    if bytes < 1 << 20 { format!("{} KiB", bytes.div_ceil(1 << 10)) } else { format!("{} MiB", bytes >> 20) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn it_becomes_its_target_or_goes() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = folder.path().join("copy");
        let names = || fs::read_dir(folder.path()).expect("there").count();
        drop(Unfinished::beside(&target).expect("made"));
        assert_eq!(names(), 0);

        Unfinished::beside(&target).expect("made").create().expect("new");
        assert_eq!(target.metadata().expect("there").permissions().mode() & 0o777, 0o600);
        fs::write(&target, "earlier").expect("written");
        let taken = Unfinished::beside(&target).expect("made").create().expect_err("taken");
        assert_eq!(taken.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&target).expect("there"), b"earlier");
        Unfinished::beside(&target).expect("made").replace().expect("replaced");
        assert_eq!(fs::read(&target).expect("there"), b"");
        assert_eq!(names(), 1);
    }
}
