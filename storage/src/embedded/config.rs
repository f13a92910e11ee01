//! [`EmbeddedConfig`]: where the files are, and how many are open.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

/// Settings of an [`EmbeddedStore`](crate::EmbeddedStore).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EmbeddedConfig {
    /// The data folder; the store has `tenants` and `journal` in it to itself.
    pub data_dir: PathBuf,
    /// How many files may be open. One that is needed beyond that closes the one that was not used for longest, as soon
    /// as nothing uses it. Each takes up to three file descriptors and two for each reader. Default 100.
    pub open_files: NonZeroUsize,
    /// How many reads of one file may go on at once, beside one write. Default 2.
    pub readers: NonZeroUsize,
    /// How many threads write, for all files together. More than the cores: one of them usually waits for the disk.
    /// Default 4.
    pub writers: NonZeroUsize,
    /// How many bytes of batches may wait to be written; what comes beyond that is refused as
    /// [`Unavailable`](crate::StoreErrorKind::Unavailable). One file's may take a quarter. Default 64 MiB.
    pub queued_bytes: NonZeroUsize,
    /// About how many bytes of disk the journal may take, in eight segments of at least a MiB; it is cut behind the files.
    /// Where more is written than the files can follow, each syncs by itself for a while. Default 512 MiB.
    pub journal_bytes: NonZeroUsize,
    /// How long a write waits for another process that has the file locked, such as a backup. Default 5 s.
    pub busy_timeout: Duration,
}

impl EmbeddedConfig {
    /// The defaults, for a data folder.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            open_files: const { NonZeroUsize::new(100).expect("100 is not zero") },
            readers: const { NonZeroUsize::new(2).expect("2 is not zero") },
            writers: const { NonZeroUsize::new(4).expect("4 is not zero") },
            queued_bytes: const { NonZeroUsize::new(64 << 20).expect("64 MiB is not zero") },
            journal_bytes: const { NonZeroUsize::new(512 << 20).expect("512 MiB is not zero") },
            busy_timeout: Duration::from_secs(5),
        }
    }
}
