//! What answers, the list and the feed do to the memory of a directory, and to what is kept of it on disk.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tenant_core::{Incarnation, TenantId};

use crate::cache::Cache;
use crate::cursor::Cursor;
use crate::entry::Entry;
use crate::error::TmsError;
use crate::found::Found;
use crate::history::Origin;
use crate::keeper::Keeper;
use crate::records::Put;
use crate::refusals::Refusal;
use crate::snapshot::{Image, wall_millis};

/// So many rows of a list are put before others have their turn.
const ROWS: usize = 256;

impl Cache {
    /// Numbers what is asked for now, or heard.
    pub(crate) fn number(&self) -> u64 {
        self.calls().number()
    }

    /// Keeps what was said of a tenant: where it serves the tenant less than before, on disk, and in memory.
    pub(crate) fn remember(&self, entry: Entry, origin: Origin) -> Put {
        self.refuse(std::slice::from_ref(&entry), origin);
        self.put(entry, origin)
    }

    /// Sees to it that what these entries refuse is on its way to the disk before they are [`put`](Self::put).
    pub(crate) fn refuse(&self, entries: &[Entry], origin: Origin) {
        let Some(keeper) = &self.keeper else { return };
        let refusal = |entry: &Entry| {
            let before = self.records.replaced(entry, origin).ok()?;
            let before = before.as_ref().map(|before| &*before.tenant);
            Some((entry.tenant.id(), Refusal::of(before, &entry.tenant, entry.revision)?))
        };
        keeper.refuse(entries.iter().filter_map(refusal).collect());
    }

    /// Keeps what was said of a tenant in memory.
    pub(crate) fn put(&self, entry: Entry, origin: Origin) -> Put {
        let (tenant, revision) = (entry.tenant.get(), entry.revision);
        let put = self.records.put(entry, origin);
        if let (Put::Done(before), Some(keeper)) = (&put, &self.keeper) {
            let is_same = |before: &Entry| before.revision == revision && *before.tenant == *tenant;
            if !before.as_deref().is_some_and(is_same) {
                keeper.changed.notify_one();
            } else if origin == Origin::Answer {
                keeper.confirmed(self.now(), self.settings.confirm_every());
            }
        }
        put
    }

    /// Forgets tenants that are no more.
    pub(crate) fn forget(&self, gone: &[Arc<Entry>]) {
        let ids = gone.iter().map(|entry| entry.tenant.id());
        if let Some(keeper) = &self.keeper {
            keeper.refuse(ids.clone().map(|id| (id, Refusal::gone(&id))).collect());
        }
        ids.for_each(|id| self.records.remove(&id));
    }

    /// Puts the list in the place of memory, row by row, so that a tenant which is in both is never missing; and then
    /// removes what the list does not hold. `list` is its number, from when it was asked for.
    pub(crate) async fn swap(&self, list: u64, asked: Duration, rows: Vec<Found>, cursor: Cursor) {
        {
            let _turn = self.calls();
            self.records.begin(list, &cursor);
        }
        let listed: HashSet<TenantId> = rows.iter().map(|found| found.tenant.id()).collect();
        let fresh = self.settings.fresh;
        self.put_all(rows, |found| Entry::followed(found, list, asked, fresh), Origin::Feed).await;
        for ids in self.records.unlisted(&listed).chunks(ROWS) {
            {
                let _turn = self.calls();
                self.forget(&ids.iter().filter_map(|id| self.records.dropped(id)).collect::<Vec<_>>());
            }
            tokio::task::yield_now().await;
        }
        {
            let _turn = self.calls();
            self.records.reach(cursor);
        }
        self.changed();
    }

    /// Remembers the list of a TMS without a feed.
    pub(crate) async fn remember_all(&self, list: u64, asked: Duration, rows: Vec<Found>) {
        let fresh = self.settings.fresh;
        self.put_all(rows, |found| Entry::answered(found, list, asked, fresh), Origin::Answer).await;
    }

    async fn put_all(&self, rows: Vec<Found>, entry: impl Fn(Found) -> Entry, origin: Origin) {
        let mut rows = rows.into_iter();
        while rows.len() > 0 {
            {
                let _turn = self.calls();
                let entries: Vec<_> = rows.by_ref().take(ROWS).map(&entry).collect();
                self.refuse(&entries, origin);
                for entry in entries {
                    self.put(entry, origin);
                }
            }
            tokio::task::yield_now().await;
        }
    }

    /// The feed says how a tenant is, or was at that time.
    pub(crate) fn hear(&self, found: Found, at: Duration) {
        let mut calls = self.calls();
        let entry = Entry::followed(found, calls.number(), at, self.settings.fresh);
        self.remember(entry, Origin::Feed);
    }

    /// The feed says that a life of a tenant is over.
    pub(crate) fn hear_of_end(&self, id: &TenantId, incarnation: Incarnation, at: Option<&Cursor>) {
        let mut calls = self.calls();
        // An answer on its way may be older.
        calls.strike(id);
        self.forget(self.records.ended(id, incarnation, at.and_then(Cursor::number)).as_slice());
    }

    /// All that the feed said up to there is in memory.
    pub(crate) fn reach(&self, at: Cursor) {
        let _turn = self.calls();
        self.records.reach(at);
    }

    /// The feed was connected at that time, and memory held all that it had said.
    pub(crate) fn confirm(&self, at: Duration) {
        self.records.freshness.confirm(at);
        self.confirmed.notify_waiters();
        if self.condition.current() {
            tracing::info!(tenants = self.records.len(), "the change feed is connected");
        }
        if let Some(keeper) = &self.keeper {
            keeper.confirmed(at, self.settings.confirm_every());
        }
    }

    /// The feed or the list failed, so often in a row.
    pub(crate) fn lost(&self, error: &TmsError, failures: u32) {
        self.condition.failed(error.kind());
        self.condition.down(self.now());
        let text = error.chain();
        // The first one may be no more than an access token that has expired.
        match failures {
            2 if error.is_retryable() => tracing::warn!("the change feed is down: {text}"),
            2 => tracing::error!("the change feed is down: {text}"),
            _ => tracing::debug!("the change feed is down: {text}"),
        }
    }

    /// There is no feed: memory is a cache.
    pub(crate) fn unfollow(&self) {
        {
            let _turn = self.calls();
            self.records.unfollow();
        }
        self.condition.cache();
        self.changed();
    }

    fn changed(&self) {
        if let Some(keeper) = &self.keeper {
            keeper.changed.notify_one();
        }
    }

    /// What the snapshot is to hold. What is read first may be older than what is read later, never newer.
    pub(crate) fn image(&self, keeper: &Keeper) -> Image {
        let refusals = {
            let _turn = self.calls();
            keeper.last_refusal()
        };
        let confirmed = self.records.freshness.followed();
        let cursor = self.records.cursor();
        let entries = self.records.all();
        let now = wall_millis(self.clock.wall());
        let monotonic = i64::try_from(self.now().as_millis()).unwrap_or(i64::MAX);
        Image { cursor, refusals, confirmed, entries, offset: now - monotonic, now }
    }
}
