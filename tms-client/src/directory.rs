//! [`TmsDirectory`]: the directory of tenants that a TMS keeps, held in memory.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tenant_core::{Cached, Clock, Lookup, SystemClock, TenantDirectory, TenantId, TenantKey};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::cache::Cache;
use crate::client::TmsClient;
use crate::error::TmsError;

/// How often the clock of the hot path is read; `cached` lags by that much.
const TICK: Duration = Duration::from_millis(100);

/// A directory over HTTP that survives outages of its TMS. Cloning it is cheap; clones share everything.
///
/// A record younger than [`fresh`](TmsDirectoryBuilder::fresh) is answered at once. An older one waits, for a moment, for
/// one refresh that all requests share. Once a refresh failed, the old record serves without waiting while the directory
/// tries on, ever more slowly, until [`stale`](TmsDirectoryBuilder::stale) after the record was last confirmed; then the
/// answer is [`Lookup::Unavailable`]. What the TMS says is acted upon at once, that a tenant is gone included; that it
/// could not be asked is never remembered.
///
/// A name that is not in memory is one call to the TMS however many requests wait for it, for as long as the
/// [client's timeout](crate::TmsClientBuilder::timeout) at most for each of up to three tries.
///
/// Its tasks run on the runtime in which it was built, and end when the last clone is dropped.
#[derive(Clone)]
pub struct TmsDirectory {
    cache: Arc<Cache>,
    /// Dropped with the last handle, which ends the tasks.
    _alive: Arc<watch::Sender<()>>,
}

impl fmt::Debug for TmsDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TmsDirectory").finish_non_exhaustive()
    }
}

impl TmsDirectory {
    /// Begins a directory that asks with this client.
    pub fn builder(client: TmsClient) -> TmsDirectoryBuilder {
        TmsDirectoryBuilder { client, settings: Settings::default() }
    }

    /// Forgets a tenant, and that it was unknown: the next question goes to the TMS. An answer that is on its way is not
    /// remembered. For one who has just changed the tenant there.
    pub fn invalidate(&self, id: &TenantId) {
        self.cache.forget(id);
    }
}

impl TenantDirectory for TmsDirectory {
    fn cached(&self, key: &TenantKey<'_>) -> Cached {
        self.cache.cached(key)
    }

    async fn find(&self, key: &TenantKey<'_>) -> Lookup {
        self.cache.find(key).await
    }
}

/// What a directory goes by; described at the methods of [`TmsDirectoryBuilder`].
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) fresh: Duration,
    pub(crate) stale: Duration,
    pub(crate) refresh_wait: Duration,
    pub(crate) unknown_ttl: Duration,
    pub(crate) unknown_budget: u32,
    pub(crate) max_tenants: u64,
    pub(crate) max_unknown: usize,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            fresh: Duration::from_secs(60),
            stale: Duration::from_secs(3600),
            refresh_wait: Duration::from_secs(1),
            unknown_ttl: Duration::from_secs(5),
            unknown_budget: 100,
            max_tenants: 100_000,
            max_unknown: 10_000,
            clock: Arc::new(SystemClock::default()),
        }
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
    /// How long a record serves without being confirmed, counted from when the TMS was asked: a suspension is seen after
    /// that at the latest while the TMS answers. Default 60 s.
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

    /// How long a name stays unknown: a tenant that is created meanwhile is seen after that, or after
    /// [`TmsDirectory::invalidate`]. Default 5 s.
    pub fn unknown_ttl(mut self, ttl: Duration) -> Self {
        self.settings.unknown_ttl = ttl;
        self
    }

    /// How many calls a second names may cause that the TMS does not know; beyond it the answer is
    /// [`Lookup::Unavailable`] for one second. A name that turns out to be a tenant's gives its call back. Default 100.
    pub fn unknown_budget(mut self, calls_per_second: u32) -> Self {
        self.settings.unknown_budget = calls_per_second;
        self
    }

    /// How many tenants are held; beyond it those confirmed longest ago are dropped. Default 100 000.
    pub fn max_tenants(mut self, tenants: u64) -> Self {
        self.settings.max_tenants = tenants;
        self
    }

    /// How many unknown names are held; beyond it the oldest are dropped. Default 10 000.
    pub fn max_unknown(mut self, names: usize) -> Self {
        self.settings.max_unknown = names;
        self
    }

    /// The clock that ages are measured with. Default the machine's.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.settings.clock = clock;
        self
    }

    /// The directory, empty. No call is made. Its tasks are spawned on the current tokio runtime.
    ///
    /// # Errors
    /// `Config` outside of a runtime, if a record would be stale before it stops being fresh, or if a limit is zero.
    pub fn build(self) -> Result<TmsDirectory, TmsError> {
        self.settings.check()?;
        let runtime = Handle::try_current()
            .map_err(|error| TmsError::config("a directory needs a tokio runtime").with_source(error))?;
        let (alive, tasks) = watch::channel(());
        let cache = Arc::new(Cache::new(self.client, self.settings, runtime.clone(), tasks));
        runtime.spawn(tick(Arc::downgrade(&cache), alive.subscribe()));
        Ok(TmsDirectory { cache, _alive: Arc::new(alive) })
    }
}

impl Settings {
    fn check(&self) -> Result<(), TmsError> {
        if self.fresh.is_zero() || self.stale < self.fresh {
            return Err(TmsError::config("the fresh time must be above zero and at most the stale time"));
        }
        if self.unknown_budget == 0 || self.max_tenants == 0 || self.max_unknown == 0 {
            return Err(TmsError::config("the limits of a directory must be above zero"));
        }
        Ok(())
    }
}

/// Reads the clock for the hot path, until the directory is gone.
async fn tick(cache: Weak<Cache>, mut alive: watch::Receiver<()>) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            // Nothing is ever sent: it ends with the last handle.
            _ = alive.changed() => return,
            _ = ticks.tick() => match cache.upgrade() {
                Some(cache) => cache.tick(),
                None => return,
            },
        }
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
        ] {
            assert_eq!(wrong.build().expect_err("refused").kind(), &crate::TmsErrorKind::Config);
        }
    }

    #[test]
    fn a_directory_needs_a_runtime() {
        assert!(builder().build().is_err());
    }

    #[tokio::test]
    async fn its_tasks_end_with_the_last_handle() {
        let directory = builder().build().expect("a directory");
        let (clone, cache) = (directory.clone(), Arc::downgrade(&directory.cache));
        drop(directory);
        assert!(cache.upgrade().is_some());
        drop(clone);
        assert!(cache.upgrade().is_none());
    }
}
