//! File systems with a fault: small ones, and ones that cannot be written to. Only root may mount.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A mount, gone when this is dropped.
pub(super) struct Mount {
    at: PathBuf,
}

impl Mount {
    /// A file system in memory of so many bytes.
    pub(super) fn small(at: &Path, bytes: u64) -> Option<Self> {
        Self::mount(at, &["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs"])
    }

    /// What is there already, but not to be changed.
    pub(super) fn read_only(at: &Path) -> Option<Self> {
        let from = at.to_str().expect("a path in UTF-8");
        let mount = Self::mount(at, &["--bind", from])?;
        assert!(
            run(Command::new("mount").args(["-o", "remount,ro,bind"]).arg(at)),
            "mounted, and not read-only"
        );
        Some(mount)
    }

    /// `None`, and loudly so, where nobody may mount; CI has to.
    fn mount(at: &Path, arguments: &[&str]) -> Option<Self> {
        if run(Command::new("mount").args(arguments).arg(at)) {
            return Some(Self { at: at.to_owned() });
        }
        assert!(std::env::var_os("CI").is_none(), "mounting must work in CI: it takes root");
        eprintln!(
            "SKIPPED, not tested: mounting a file system with a fault takes root and the command mount"
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
