//! What the figures were measured on.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;
use std::time::Instant;

use crate::{Result, Samples};

/// A file system on which a sync costs nothing, so that nothing is shown by one.
const IN_MEMORY: [&str; 2] = ["tmpfs", "ramfs"];

/// What the figures were measured on.
#[derive(Debug, Clone)]
pub struct Machine {
    cores: usize,
    memory_gib: f64,
    kernel: String,
    file_system: String,
    sync: Samples,
    optimised: &'static str,
}

impl Machine {
    /// Looks at the machine, and at the disk below a folder.
    ///
    /// # Errors
    /// If the folder cannot be written to.
    pub fn look(folder: &Path) -> Result<Self> {
        Ok(Self {
            cores: available_parallelism()?.get(),
            memory_gib: kibibytes("/proc/meminfo", "MemTotal:") / (1024.0 * 1024.0),
            kernel: read("/proc/sys/kernel/osrelease"),
            file_system: file_system(folder),
            sync: sync_latency(folder)?,
            optimised: if cfg!(debug_assertions) { "without optimisation" } else { "with optimisation" },
        })
    }

    /// Whether syncs reach a disk at all, as far as the name of the file system tells.
    pub fn has_disk(&self) -> bool {
        !IN_MEMORY.contains(&self.file_system.as_str())
    }
}

impl std::fmt::Display for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { cores, memory_gib, kernel, file_system, sync, optimised } = self;
        write!(
            f,
            "{cores} cores, {memory_gib:.0} GiB, Linux {kernel}, {file_system}, append of 4 KiB and fdatasync \
             {:.0} µs ({:.0}-{:.0}), built {optimised}",
            sync.median(),
            sync.least(),
            sync.greatest()
        )
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(path).map_or_else(|_| "unknown".into(), |text| text.trim().into())
}

/// The figure behind a word in a file of `/proc`, 0 without.
fn kibibytes(path: &str, word: &str) -> f64 {
    let text = read(path);
    let line = text.lines().find_map(|line| line.strip_prefix(word));
    line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0.0)
}

/// The type of the file system that a folder is on.
fn file_system(folder: &Path) -> String {
    let Ok(folder) = folder.canonicalize() else { return "unknown".into() };
    let mounts = read("/proc/self/mounts");
    let mounts = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        Some((PathBuf::from(words.next()?), words.next()?.to_owned()))
    });
    // The later one of the same place hides the earlier one.
    let below = mounts.filter(|(place, _)| folder.starts_with(place));
    below
        .max_by_key(|(place, _)| place.components().count())
        .map_or_else(|| "unknown".into(), |(_, name)| name)
}

/// Microseconds of the median append and sync, in five rounds.
fn sync_latency(folder: &Path) -> Result<Samples> {
    let path = folder.join("sync");
    let mut file = OpenOptions::new().append(true).create_new(true).open(&path)?;
    let mut rounds = Vec::new();
    for _ in 0..5 {
        let mut round = Vec::new();
        for _ in 0..50 {
            let began = Instant::now();
            file.write_all(&[0x55; 4096])?;
            file.sync_data()?;
            round.push(began.elapsed().as_secs_f64() * 1e6);
        }
        rounds.push(Samples::new(round).median());
    }
    fs::remove_file(path)?;
    Ok(Samples::new(rounds))
}

/// What of this process is in memory, in MiB.
pub fn resident_mebibytes() -> f64 {
    kibibytes("/proc/self/status", "VmRSS:") / 1024.0
}

/// How many file descriptors this process has open.
///
/// # Errors
/// If `/proc` is not there.
pub fn open_descriptors() -> Result<usize> {
    // One of them reads the folder.
    Ok(fs::read_dir("/proc/self/fd")?.count().saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_told_from_a_disk() {
        assert_eq!(file_system(Path::new("/proc/self")), "proc");
        assert!(resident_mebibytes() > 0.5);
    }
}
