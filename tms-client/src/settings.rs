//! [`TmsDirectoryBuilder`]: what a directory goes by. All checks happen in `build`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tenant_core::{Clock, SystemClock};

use crate::client::TmsClient;
use crate::directory::TmsDirectory;
use crate::error::TmsError;

/// How a directory comes by its tenants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// A replica where the TMS has a change feed, a cache where it has none. Which of them shows with its first answer, and
    /// is looked at anew [now and then](TmsDirectoryBuilder::probe_every) where there is none. A feed that was there is given up
    /// after 20 failures in a row.
    #[default]
    Auto,
    /// Reads the list of all tenants and follows the change feed. While the feed is down it works like a cache.
    Replica,
    /// Asks for a tenant when it is needed, and remembers the answer. For a TMS without a feed, or with more tenants than
    /// memory should hold.
    Cache,
}

/// What a directory goes by; described at the methods of [`TmsDirectoryBuilder`].
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) mode: Mode,
    pub(crate) fresh: Duration,
    pub(crate) stale: Duration,
    pub(crate) refresh_wait: Duration,
    pub(crate) unknown_ttl: Duration,
    pub(crate) unknown_budget: u32,
    pub(crate) max_tenants: u64,
    pub(crate) max_unknown: usize,
    pub(crate) feed_silence: Duration,
    pub(crate) reconnect_max: Duration,
    pub(crate) probe_every: Duration,
    pub(crate) folder: Option<PathBuf>,
    pub(crate) snapshot_delay: Duration,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mode: Mode::Auto,
            fresh: Duration::from_secs(60),
            stale: Duration::from_secs(3600),
            refresh_wait: Duration::from_secs(1),
            unknown_ttl: Duration::from_secs(5),
            unknown_budget: 100,
            max_tenants: 100_000,
            max_unknown: 10_000,
            feed_silence: Duration::from_secs(4),
            reconnect_max: Duration::from_secs(5),
            probe_every: Duration::from_secs(300),
            folder: None,
            snapshot_delay: Duration::from_millis(500),
            clock: Arc::new(SystemClock::default()),
        }
    }
}

impl Settings {
    /// # Errors
    /// `Config` if they cannot work together.
    pub(crate) fn check(&self) -> Result<(), TmsError> {
        if self.fresh.is_zero() || self.stale < self.fresh {
            return Err(TmsError::config("the fresh time must be above zero and at most the stale time"));
        }
        if self.unknown_budget == 0 || self.max_tenants == 0 || self.max_unknown == 0 {
            return Err(TmsError::config("the limits of a directory must be above zero"));
        }
        if [self.feed_silence, self.reconnect_max, self.probe_every].iter().any(Duration::is_zero) {
            return Err(TmsError::config("the times of the change feed must be above zero"));
        }
        Ok(())
    }

    /// How long a snapshot may tell of an older confirmation than there was: so much earlier it stops serving.
    pub(crate) fn confirm_every(&self) -> Duration {
        self.fresh.max(self.stale / 20)
    }
}

/// Settings of a [`TmsDirectory`]; see each method for its default.
#[derive(Debug)]
#[must_use]
pub struct TmsDirectoryBuilder {
    client: TmsClient,
    settings: Settings,
}

impl TmsDirectoryBuilder {
    pub(crate) fn new(client: TmsClient) -> Self {
        Self { client, settings: Settings::default() }
    }

    /// Whether it follows the change feed. Default [`Mode::Auto`].
    pub fn mode(mut self, mode: Mode) -> Self {
        self.settings.mode = mode;
        self
    }

    /// How long a record serves without being confirmed, counted from when the TMS was asked, or from the last heartbeat of
    /// the feed: a suspension is seen after that at the latest while the TMS answers. Default 60 s.
    pub fn fresh(mut self, fresh: Duration) -> Self {
        self.settings.fresh = fresh;
        self
    }

    /// How long a record serves while the TMS cannot be asked, counted from when it was last confirmed. Default 1 h.
    pub fn stale(mut self, stale: Duration) -> Self {
        self.settings.stale = stale;
        self
    }

    /// How long requests wait for the first refresh of a record before the old one serves. Default 1 s.
    pub fn refresh_wait(mut self, wait: Duration) -> Self {
        self.settings.refresh_wait = wait;
        self
    }

    /// How long a name stays unknown: a tenant that is created meanwhile is seen after that, or when the feed tells of it,
    /// or after [`TmsDirectory::invalidate`]. Default 5 s.
    pub fn unknown_ttl(mut self, ttl: Duration) -> Self {
        self.settings.unknown_ttl = ttl;
        self
    }

    /// How many calls a second names may cause that are not in memory; beyond it the answer is
    /// [`Lookup::Unavailable`](tenant_core::Lookup::Unavailable) for one second. A name that turns out to be a tenant's
    /// gives its call back. What is in memory, however old, never waits for this. Default 100.
    pub fn unknown_budget(mut self, calls_per_second: u32) -> Self {
        self.settings.unknown_budget = calls_per_second;
        self
    }

    /// How many tenants are held where there is no feed; beyond it those confirmed longest ago are dropped. A replica holds
    /// all that there are: [`max_list`](crate::TmsClientBuilder::max_list) bounds it. Default 100 000.
    pub fn max_tenants(mut self, tenants: u64) -> Self {
        self.settings.max_tenants = tenants;
        self
    }

    /// How many unknown names are held; beyond it the oldest are dropped. Default 10 000.
    pub fn max_unknown(mut self, names: usize) -> Self {
        self.settings.max_unknown = names;
        self
    }

    /// After how long without a byte the feed counts as down, and is connected to anew. The TMS sends a heartbeat every 2 s.
    /// Default 4 s: two of them are missing.
    pub fn feed_silence(mut self, silence: Duration) -> Self {
        self.settings.feed_silence = silence;
        self
    }

    /// The longest pause between two attempts to list or to connect to the feed. The first one is 100 ms, each further one
    /// twice as long, and a part of each is random. Default 5 s.
    pub fn reconnect_max(mut self, pause: Duration) -> Self {
        self.settings.reconnect_max = pause;
        self
    }

    /// How often [`Mode::Auto`] looks whether a TMS that had no feed has one by now. Default 5 min.
    pub fn probe_every(mut self, pause: Duration) -> Self {
        self.settings.probe_every = pause;
        self
    }

    /// The folder in which the directory keeps what it knows, so that it survives a restart while the TMS is down; it is made
    /// if it is missing, for this user alone (mode 0700). One process uses it at a time. Default none: a restart forgets
    /// everything.
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.settings.folder = Some(folder.into());
        self
    }

    /// How long changes are gathered before the snapshot is written. Where writing takes long, the pause after it is nine
    /// times as long. Default 500 ms.
    pub fn snapshot_delay(mut self, delay: Duration) -> Self {
        self.settings.snapshot_delay = delay;
        self
    }

    /// The clock that ages are told by, and the times in the snapshot. Default the machine's. How long a call or the feed
    /// may be silent goes by the clock of tokio.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.settings.clock = clock;
        self
    }

    /// The directory. No call is made. Its tasks are spawned on the current tokio runtime.
    ///
    /// With a [`folder`](Self::folder), the snapshot is read here, which blocks for as long as that takes: some 100 ms for
    /// 100 000 tenants. A snapshot that cannot be trusted is reported and ignored. If another process has the folder, it is
    /// waited for, for a second: it may be ending.
    ///
    /// # Errors
    /// `Config` outside of a runtime, if a record would be stale before it stops being fresh, if a limit is zero, if the
    /// folder cannot be used, or if another process uses it (the message names it).
    pub fn build(self) -> Result<TmsDirectory, TmsError> {
        self.settings.check()?;
        TmsDirectory::start(self.client, self.settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn builder() -> TmsDirectoryBuilder {
        TmsDirectory::builder(TmsClient::builder("http://tms", "key".into()).build().expect("a client"))
    }

    #[tokio::test]
    async fn settings_are_checked_when_it_is_built() {
        let second = Duration::from_secs(1);
        assert!(builder().build().is_ok());
        for wrong in [
            builder().fresh(Duration::ZERO),
            builder().fresh(2 * second).stale(second),
            builder().unknown_budget(0),
            builder().max_tenants(0),
            builder().max_unknown(0),
            builder().feed_silence(Duration::ZERO),
            builder().reconnect_max(Duration::ZERO),
            builder().probe_every(Duration::ZERO),
        ] {
            assert_eq!(wrong.build().expect_err("refused").kind(), &crate::TmsErrorKind::Config);
        }
    }

    #[test]
    fn a_directory_needs_a_runtime() {
        assert!(builder().build().is_err());
    }
}
