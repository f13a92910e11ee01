//! [`TmsDirectory`]: the directory of tenants that a TMS keeps, held in memory.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tenant_core::{Cached, Lookup, TenantDirectory, TenantId, TenantKey};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::cache::Cache;
use crate::client::TmsClient;
use crate::error::TmsError;
use crate::keep::{write_snapshot, write_snapshots};
use crate::keeper::{Keeper, Kept};
use crate::replica::Replica;
use crate::settings::{Mode, Settings, TmsDirectoryBuilder};
use crate::status::DirectoryStatus;

/// How often the clock of the hot path is read; `cached` lags by that much.
const TICK: Duration = Duration::from_millis(100);

/// A directory over HTTP that survives outages of its TMS. Cloning it is cheap; clones share everything.
///
/// # Where the TMS has a change feed
/// It is a replica: it reads the list of all tenants, follows the feed from there, and answers from memory. A suspension is
/// acted upon as soon as the feed tells of it. When the feed is connected again after a while, it goes on where it was; if
/// the TMS does not know that place any more (it was restored from a backup), or answers have brought what lies behind it,
/// everything is listed again, and no tenant that is in both is missing for a moment. A name that is not in memory may have been created this instant: it is one
/// call, within a budget, and then unknown for a while, or until the feed brings it.
///
/// # Where it has none, or while it is down
/// It is a cache. A record younger than [`fresh`](TmsDirectoryBuilder::fresh) is answered at once. An older one waits, for a
/// moment, for one refresh that all requests share. Once a refresh failed, the old record serves without waiting while further
/// requests begin further tries, ever more slowly; who was not asked for during all of `fresh` waits once more. So it is until [`stale`](TmsDirectoryBuilder::stale) after the record was last confirmed;
/// then the answer is [`Lookup::Unavailable`]. What the TMS says is acted upon at once, that a tenant is gone included; that
/// it could not be asked is never remembered.
///
/// A name that is not in memory is one call to the TMS however many requests wait for it, for as long as the
/// [client's timeout](crate::TmsClientBuilder::timeout) at most for each of up to three tries.
///
/// # With a folder
/// It survives a restart too: see [`TmsDirectoryBuilder::folder`]. A tenant of the snapshot serves once the feed has gone on
/// from where the snapshot was, or, while the TMS does not answer, until `stale` after its last confirmation by the time of
/// day. That a tenant is suspended or gone is written to a log as soon as it is heard, so that no restart undoes it.
///
/// Its tasks run on the runtime in which it was built, and end when the last clone is dropped.
#[derive(Clone)]
pub struct TmsDirectory {
    cache: Arc<Cache>,
    _alive: Arc<Alive>,
}

/// Dropped with the last handle, which ends the tasks and gives the folder back.
struct Alive {
    _tasks: watch::Sender<()>,
    keeper: Option<Arc<Keeper>>,
}

impl Drop for Alive {
    fn drop(&mut self) {
        if let Some(keeper) = &self.keeper {
            keeper.close();
        }
    }
}

impl fmt::Debug for TmsDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TmsDirectory").finish_non_exhaustive()
    }
}

impl TmsDirectory {
    /// Begins a directory that asks with this client.
    pub fn builder(client: TmsClient) -> TmsDirectoryBuilder {
        TmsDirectoryBuilder::new(client)
    }

    pub(crate) fn start(client: TmsClient, settings: Settings) -> Result<Self, TmsError> {
        let runtime = Handle::try_current()
            .map_err(|error| TmsError::config("a directory needs a tokio runtime").with_source(error))?;
        let (keeper, kept) = match &settings.folder {
            Some(folder) => {
                let (keeper, kept) = Keeper::open(folder, client.base_url(), &settings.clock)?;
                (Some(Arc::new(keeper)), kept)
            }
            None => (None, Kept::default()),
        };
        let (alive, tasks) = watch::channel(());
        let (mode, delay) = (settings.mode, settings.snapshot_delay);
        let replica = |cache: &Arc<Cache>| Replica::new(cache, client.clone(), &cache.settings);
        let cache = Arc::new(Cache::new(client.clone(), settings, keeper.clone(), runtime.clone(), tasks));
        let cursor = kept.cursor.filter(|_| mode != Mode::Cache);
        if cursor.is_some() {
            cache.condition.replica();
        }
        cache.records.restore(kept.entries, cursor);
        runtime.spawn(tick(Arc::downgrade(&cache), alive.subscribe()));
        if mode != Mode::Cache {
            runtime.spawn(replica(&cache).run(alive.subscribe()));
        }
        if let Some(keeper) = &keeper {
            let cache = Arc::downgrade(&cache);
            runtime.spawn(write_snapshots(cache, Arc::clone(keeper), delay, alive.subscribe()));
        }
        Ok(Self { cache, _alive: Arc::new(Alive { _tasks: alive, keeper }) })
    }

    /// Takes back all that is known of a tenant, and that it was unknown: the next question goes to the TMS, and nothing
    /// older serves if that fails. An answer that is on its way is not remembered. For one who has just changed the tenant
    /// there.
    pub fn invalidate(&self, id: &TenantId) {
        self.cache.revoke(id);
    }

    /// How it stands. Takes locks for a moment; not for every request.
    pub fn status(&self) -> DirectoryStatus {
        let (cache, now) = (&self.cache, self.cache.now());
        let followed = cache.records.freshness.followed().and_then(|at| u64::try_from(at).ok());
        DirectoryStatus {
            mode: cache.condition.mode(),
            feed: cache.condition.feed(now),
            confirmed_ago: followed.map(|at| now.saturating_sub(Duration::from_millis(at))),
            tenants: cache.records.len(),
            last_error: cache.condition.last_error(),
            snapshot: cache.keeper.as_ref().map(|keeper| keeper.status()),
        }
    }

    /// Writes the snapshot now, with the latest confirmation in it. For a process that is about to end; what fails is told by
    /// [`TmsDirectory::status`]. Without a folder there is nothing to do.
    pub async fn flush(&self) {
        if let Some(keeper) = &self.cache.keeper {
            // A failure is logged, and told by the status.
            let _ = write_snapshot(&Arc::downgrade(&self.cache), keeper).await;
        }
    }
}

impl TenantDirectory for TmsDirectory {
    #[inline]
    fn cached(&self, key: &TenantKey<'_>) -> Cached {
        self.cache.cached(key)
    }

    async fn find(&self, key: &TenantKey<'_>) -> Lookup {
        self.cache.find(key).await
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
                Some(cache) => {
                    cache.tick();
                    cache.counts.flush(cache.records.len(), cache.condition.is_current());
                }
                None => return,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn its_tasks_end_with_the_last_handle() {
        let client = TmsClient::builder("http://tms", "key".into()).build().expect("a client");
        let directory = TmsDirectory::builder(client).build().expect("a directory");
        let (clone, cache) = (directory.clone(), Arc::downgrade(&directory.cache));
        drop(directory);
        assert!(cache.upgrade().is_some());
        drop(clone);
        assert!(cache.upgrade().is_none());
    }
}
