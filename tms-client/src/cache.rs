//! [`Cache`]: answers from memory while a record is fresh; asks once, however many wait, where it is not.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tenant_core::{Cached, Clock, CoarseClock, Lookup, Tenant, TenantId, TenantKey, TenantRef};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};

use crate::calls::Calls;
use crate::client::TmsClient;
use crate::directory::Settings;
use crate::error::TmsError;
use crate::flight::{Flight, Landing};
use crate::hot::Entry;
use crate::key::LookupKey;
use crate::records::Records;
use crate::report::Report;
use crate::retry::{Backoff, Retry};
use crate::unknown::{Budget, UnknownNames};

/// A name that is in no memory is asked for up to three times, the last time within a second of the first: nothing else
/// can answer for it. Known tenants are served from memory meanwhile, so a failed refresh has the [`REFRESH`] pauses.
const ASK: Retry = Retry {
    attempts: 3,
    backoff: Backoff { first: Duration::from_millis(100), max: Duration::from_millis(400) },
    deadline: Duration::from_millis(900),
};
/// Pauses between refreshes of one tenant that fail; none is longer than a record is fresh.
const REFRESH: Backoff = Backoff { first: Duration::from_secs(1), max: Duration::from_secs(30) };
/// Refreshes under way at once; the others queue. Bounds connections while the TMS hangs.
const MAX_REFRESHES: usize = 64;
/// When to come back where the TMS said nothing: after the budget was used up, or while a call goes on.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The state that all handles of a directory share with its tasks.
#[derive(Debug)]
pub(crate) struct Cache {
    client: TmsClient,
    settings: Settings,
    clock: Arc<dyn Clock>,
    coarse: CoarseClock,
    records: Records,
    budget: Budget,
    /// Also the lock around every change of `records`.
    calls: Mutex<Calls>,
    refreshes: Semaphore,
    report: Report,
    runtime: Handle,
    /// Closed when the last handle is dropped.
    alive: watch::Receiver<()>,
}

#[derive(Debug, Clone, Copy)]
enum Purpose {
    /// For a name of which nothing is known.
    Ask,
    /// For a tenant in memory.
    Refresh,
}

/// One call and the way to end it.
struct Call {
    key: LookupKey,
    number: u64,
    purpose: Purpose,
    landing: Landing<Lookup>,
}

impl Cache {
    pub(crate) fn new(
        client: TmsClient,
        settings: Settings,
        runtime: Handle,
        alive: watch::Receiver<()>,
    ) -> Self {
        let clock = Arc::clone(&settings.clock);
        let unknown = UnknownNames::new(settings.unknown_ttl, settings.max_unknown);
        Self {
            client,
            coarse: CoarseClock::new(Arc::clone(&clock)),
            records: Records::new(settings.max_tenants, unknown),
            budget: Budget::new(settings.unknown_budget, clock.monotonic()),
            calls: Mutex::default(),
            refreshes: Semaphore::new(MAX_REFRESHES),
            report: Report::default(),
            clock,
            settings,
            runtime,
            alive,
        }
    }

    /// Renews the reading that [`Cache::cached`] goes by.
    pub(crate) fn tick(&self) {
        self.coarse.tick();
    }

    pub(crate) fn cached(&self, key: &TenantKey<'_>) -> Cached {
        self.records.cached(key, self.coarse.monotonic())
    }

    pub(crate) async fn find(self: &Arc<Self>, key: &TenantKey<'_>) -> Lookup {
        self.tick();
        match self.records.cached(key, self.clock.monotonic()) {
            Cached::Known(tenant) => Lookup::Known(tenant),
            Cached::Unknown => Lookup::Unknown,
            Cached::Miss => self.ask(key).await,
            Cached::RefreshDue(_) => match self.records.entry(key) {
                Some(entry) => self.refresh(key, &entry).await,
                None => self.ask(key).await,
            },
        }
    }

    pub(crate) fn forget(&self, id: &TenantId) {
        let mut calls = self.calls();
        calls.strike(id);
        self.records.forget(id);
    }

    async fn ask(self: &Arc<Self>, key: &TenantKey<'_>) -> Lookup {
        let mut flight = {
            let mut calls = self.calls();
            // Whoever held the lock before may have brought the answer.
            match self.records.cached(key, self.clock.monotonic()) {
                Cached::Known(tenant) => return Lookup::Known(tenant),
                Cached::Unknown => return Lookup::Unknown,
                Cached::Miss | Cached::RefreshDue(_) => {}
            }
            let key = LookupKey::from(key);
            match calls.under_way(&key) {
                Some(flight) => flight,
                None if self.budget.take(self.clock.monotonic()) => self.start(&mut calls, key, Purpose::Ask),
                None => return Lookup::Unavailable { retry_after: RETRY_AFTER },
            }
        };
        // Without an outcome, the task was dropped with its runtime.
        flight.outcome().await.unwrap_or(Lookup::Unavailable { retry_after: RETRY_AFTER })
    }

    /// What becomes of a record that is not fresh any more.
    async fn refresh(self: &Arc<Self>, key: &TenantKey<'_>, entry: &Entry) -> Lookup {
        let mut flight = {
            let mut calls = self.calls();
            if let Cached::Known(tenant) = self.records.cached(key, self.clock.monotonic()) {
                return Lookup::Known(tenant);
            }
            let id = LookupKey::Id(entry.tenant.id());
            match calls.under_way(&id) {
                Some(flight) => flight,
                None => self.start(&mut calls, id, Purpose::Refresh),
            }
        };
        if entry.failures() > 0 && self.is_open(entry) {
            // This request started the next try, or found it under way; until the pause is over, no other gets here.
            self.keep(entry, entry.failures());
            return Lookup::Known(entry.tenant.clone());
        }
        match flight.outcome_within(self.settings.refresh_wait).await {
            Some(Lookup::Known(tenant)) if of_key(key, &tenant) => Lookup::Known(tenant),
            Some(Lookup::Known(_) | Lookup::Unknown) => self.ask_for_domain(key).await,
            Some(Lookup::Unavailable { retry_after }) => self.serve_old(key, retry_after),
            None => {
                self.keep(entry, entry.count_failure());
                self.serve_old(key, RETRY_AFTER)
            }
        }
    }

    /// A tenant that is gone was asked for by its id; a domain may have moved to another tenant.
    async fn ask_for_domain(self: &Arc<Self>, key: &TenantKey<'_>) -> Lookup {
        match key {
            TenantKey::Label { .. } => Lookup::Unknown,
            TenantKey::Domain(_) => self.ask(key).await,
        }
    }

    fn serve_old(&self, key: &TenantKey<'_>, retry_after: Duration) -> Lookup {
        match self.records.entry(key).filter(|entry| self.is_open(entry)) {
            Some(entry) => Lookup::Known(entry.tenant.clone()),
            None => Lookup::Unavailable { retry_after },
        }
    }

    /// Whether the record may still serve, though it could not be confirmed.
    fn is_open(&self, entry: &Entry) -> bool {
        self.clock.monotonic() < self.closes(entry)
    }

    fn closes(&self, entry: &Entry) -> Duration {
        entry.confirmed.saturating_add(self.settings.stale)
    }

    /// Serves an old record without a question until the next try is due, never beyond the stale limit.
    fn keep(&self, entry: &Entry, failures: u32) {
        let pause = REFRESH.pause(failures).min(self.settings.fresh);
        entry.keep_until((self.clock.monotonic() + pause).min(self.closes(entry)));
    }

    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a call in a task of its own.
    fn start(self: &Arc<Self>, calls: &mut Calls, key: LookupKey, purpose: Purpose) -> Flight<Lookup> {
        let (number, flight, landing) = calls.begin(key.clone());
        let (cache, mut alive) = (Arc::clone(self), self.alive.clone());
        self.runtime.spawn(async move {
            let call = Call { key, number, purpose, landing };
            tokio::select! {
                // Nothing is ever sent: it ends with the last handle.
                _ = alive.changed() => {}
                () = cache.make(call) => {}
            }
        });
        flight
    }

    async fn make(&self, call: Call) {
        let (asked, found) = match call.purpose {
            Purpose::Ask => (self.clock.monotonic(), self.call_within_budget(&call.key).await),
            Purpose::Refresh => {
                // Never closed, so this is only the wait for one's turn.
                let _turn = self.refreshes.acquire().await;
                (self.clock.monotonic(), self.client.find(&call.key.as_key()).await)
            }
        };
        self.end(call, asked, found);
    }

    /// The budget counts calls: each further try takes one too, and a tenant that exists gives all of them back.
    async fn call_within_budget(&self, key: &LookupKey) -> Result<Option<Tenant>, TmsError> {
        let mut taken: u32 = 0;
        let found = ASK
            .run(|| {
                let allowed = taken == 0 || self.budget.take(self.clock.monotonic());
                taken += u32::from(allowed);
                async move {
                    if allowed {
                        return self.client.find(&key.as_key()).await;
                    }
                    Err(TmsError::unavailable("the budget for unknown names is used up")
                        .with_retry_after(Some(RETRY_AFTER)))
                }
            })
            .await;
        if matches!(found, Ok(Some(_))) {
            (0..taken).for_each(|_| self.budget.give_back());
        }
        found
    }

    fn end(&self, call: Call, asked: Duration, found: Result<Option<Tenant>, TmsError>) {
        match &found {
            Ok(_) => self.report.answered(),
            Err(error) => self.report.failed(&call.key, error, self.clock.monotonic()),
        }
        let mut calls = self.calls();
        let counts = calls.end(&call.key, call.number);
        let lookup = match found {
            Ok(Some(tenant)) => Lookup::Known(self.put(tenant.into(), counts.then_some(call.number), asked)),
            Ok(None) if counts => {
                let newer = self.records.put_unknown(call.key, call.number, asked);
                newer.map_or(Lookup::Unknown, Lookup::Known)
            }
            Ok(None) => Lookup::Unknown,
            Err(error) => {
                if let Some(entry) = self.records.entry(&call.key.as_key()).filter(|_| counts) {
                    self.keep(&entry, entry.count_failure());
                }
                Lookup::Unavailable { retry_after: error.retry_after() }
            }
        };
        drop(calls);
        call.landing.land(lookup);
    }

    fn put(&self, tenant: TenantRef, call: Option<u64>, asked: Duration) -> TenantRef {
        match call {
            Some(number) => self.records.put(Entry::new(tenant, number, asked, self.settings.fresh)),
            None => tenant,
        }
    }
}

/// Whether the record answers the key. Which spelling of its id the client used is for the caller to check.
fn of_key(key: &TenantKey<'_>, tenant: &Tenant) -> bool {
    matches!(key, TenantKey::Label { .. }) || key.names(tenant)
}
