//! A disk that can be filled. Only root may mount one.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file system of its own; gone with this value.
pub(crate) struct Disk(PathBuf);

impl Disk {
    /// `None` where this machine lets nobody mount one, which is said loudly; where `CI` is set it has to be possible.
    pub(crate) fn mount(at: &Path) -> Option<Self> {
        std::fs::create_dir_all(at).expect("a folder");
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", "size=4m,mode=0700", "tmpfs"]).arg(at);
        let why = match command.output() {
            Ok(output) if output.status.success() => return Some(Self(at.to_owned())),
            Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            Err(fault) => fault.to_string(),
        };
        assert!(std::env::var_os("CI").is_none(), "a full disk cannot be tested here: {why}");
        // Not a macro of the test harness: it would be shown only if the test failed.
        let skipped = "SKIPPED: a suspension while the disk is full. It takes root to mount a small disk";
        writeln!(io::stderr(), "\n*** {skipped}: {why} ***\n").expect("said");
        None
    }

    /// Fills it to the last byte.
    pub(crate) fn fill(&self) {
        let mut filler = File::create(self.0.join("filler")).expect("a file");
        for size in [1 << 16, 1] {
            while filler.write_all(&vec![0; size]).is_ok() {}
        }
    }

    /// There is room again.
    pub(crate) fn clear(&self) {
        std::fs::remove_file(self.0.join("filler")).expect("removed");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily, so that a test that has failed with a file open leaves nothing behind either.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}
