//! Small file systems. Only root may mount.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A mount, gone when this is dropped.
pub(super) struct Mount {
    at: PathBuf,
}

impl Mount {
    /// A file system in memory of so many bytes. `None`, and loudly so, where nobody may mount; CI has to.
    pub(super) fn small(at: &Path, bytes: u64) -> Option<Self> {
        let arguments = ["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs"];
        if run(Command::new("mount").args(arguments).arg(at)) {
            return Some(Self { at: at.to_owned() });
        }
        assert!(std::env::var_os("CI").is_none(), "mounting must work in CI: it takes root");
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED, not tested: mounting a small file system takes root and the command mount"
        );
        None
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily, so that a test that has failed with a file open leaves nothing behind either.
        run(Command::new("umount").arg("--lazy").arg(&self.at));
    }
}

fn run(command: &mut Command) -> bool {
    command.status().is_ok_and(|status| status.success())
}

/// A file that takes up all the room but for so many bytes; gone when this is dropped.
pub(super) struct Filler(PathBuf);

impl Filler {
    pub(super) fn new(path: PathBuf, left: u64) -> Self {
        let mut file = File::create(&path).expect("a file");
        let mut size = 0;
        while file.write_all(&[0; 4096]).is_ok() {
            size += 4096;
        }
        file.set_len(size - left.min(size)).expect("shorter");
        Self(path)
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        // It may be gone with its mount.
        let _ = std::fs::remove_file(&self.0);
    }
}
