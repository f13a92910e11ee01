//! How the process's limit of open files is shared between the files of tenants and connections, so that neither can leave
//! nothing to the other.

use std::num::NonZeroUsize;

use rlimit::Resource;
use tracing::{info, warn};

/// What the process itself has open: the runtime, listeners, the journal, connections to the management service; and what
/// is open for a moment, such as a file that is being installed.
const RESERVED: usize = 40;
/// What an open file of a tenant takes, by the storage's own account.
const PER_FILE: usize = 7;
/// The most files that are open at once, whatever the limit: SQLite may keep 2 MiB of each in memory for the writer and
/// for each reader, 3 GiB in all.
const MOST_FILES: usize = 500;
/// The most connections of a listener at once, whatever the limit.
const MOST_CONNECTIONS: usize = 10_000;

/// Who may have how much open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shares {
    /// Files of tenants.
    pub(crate) files: NonZeroUsize,
    /// Connections of the public listener.
    pub(crate) public: usize,
    /// Connections of the private listener.
    pub(crate) private: usize,
    /// Connections of the operator's listener.
    pub(crate) ops: usize,
}

/// Raises the process's soft limit to the hard one, where the system allows it; the soft one is often low for the sake of
/// programs that this is none of.
pub(crate) fn raise_limit() {
    if let Err(fault) = rlimit::increase_nofile_limit(u64::MAX) {
        warn!(%fault, "the limit of open files could not be raised");
    }
}

impl Shares {
    /// What the process's limit allows.
    pub(crate) fn of_process() -> Self {
        let limit = Resource::NOFILE.get_soft().unwrap_or_else(|fault| {
            warn!(%fault, "the limit of open files is not known");
            1024
        });
        let shares = Self::of(limit);
        let Self { files, public, private, ops } = shares;
        info!(
            limit,
            files,
            public,
            private,
            ops,
            "of {limit} descriptors: {files} files of tenants may be open, and {public} public, {private} private and {ops} \
             operators' connections"
        );
        shares
    }

    /// Half of what is left goes to files. Of the rest, half goes to the public listener, a quarter to the private one, an
    /// eighth to the operator's; an eighth is for calls to the management service.
    fn of(limit: u64) -> Self {
        let left = usize::try_from(limit).unwrap_or(usize::MAX).saturating_sub(RESERVED);
        let files = NonZeroUsize::new((left / 2 / PER_FILE).min(MOST_FILES)).unwrap_or(NonZeroUsize::MIN);
        let rest = left.saturating_sub(files.get() * PER_FILE);
        let connections = |part: usize| (rest / part).clamp(2, MOST_CONNECTIONS);
        Self { files, public: connections(2), private: connections(4), ops: connections(8) }
    }
}

#[cfg(test)]
mod tests {
    use storage::EmbeddedConfig;

    use super::*;

    #[test]
    fn a_file_takes_what_the_storage_says() {
        assert_eq!(EmbeddedConfig::new("data").descriptors_per_file(), PER_FILE);
    }

    #[test]
    fn neither_files_nor_connections_get_all_of_a_limit() {
        for limit in (0..4096).chain([20_000, 1 << 20, u64::MAX]) {
            let Shares { files, public, private, ops } = Shares::of(limit);
            assert!(files.get() <= MOST_FILES && public <= MOST_CONNECTIONS);
            assert!(public >= 2 && private >= 2 && ops >= 2, "{limit}");
            if let Ok(limit) = usize::try_from(limit)
                && limit >= 64
            {
                assert!(RESERVED + files.get() * PER_FILE + public + private + ops <= limit, "{limit}");
            }
        }
    }

    #[test]
    fn the_usual_limits() {
        let files = |limit| Shares::of(limit).files.get();
        assert_eq!([64, 256, 1024, 4096, 1 << 20].map(files), [1, 15, 70, 289, 500]);
        assert_eq!(Shares::of(1 << 20).public, 10_000);
    }
}
