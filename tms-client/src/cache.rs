//! [`Cache`]: answers from memory while a record is fresh; asks once, however many wait, where it is not. How what was
//! said gets into memory is in `follow.rs`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tenant_core::{Cached, Clock, CoarseClock, Lookup, Tenant, TenantId, TenantKey};
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore, watch};

use crate::calls::Calls;
use crate::client::TmsClient;
use crate::counts::{Counts, How};
use crate::entry::{Entry, Freshness};
use crate::error::TmsError;
use crate::flight::{Flight, Landing};
use crate::found::Found;
use crate::history::Origin;
use crate::keeper::Keeper;
use crate::key::LookupKey;
use crate::records::{Put, Records};
use crate::report::Report;
use crate::retry::{Backoff, Retry};
use crate::settings::Settings;
use crate::status::Condition;
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
    pub(crate) settings: Settings,
    pub(crate) clock: Arc<dyn Clock>,
    coarse: CoarseClock,
    pub(crate) records: Records,
    budget: Budget,
    /// Also the lock around every change of `records`.
    calls: Mutex<Calls>,
    refreshes: Semaphore,
    /// Told whenever the feed confirms what is in memory.
    pub(crate) confirmed: Notify,
    pub(crate) condition: Condition,
    pub(crate) counts: Counts,
    report: Report,
    pub(crate) keeper: Option<Arc<Keeper>>,
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
        keeper: Option<Arc<Keeper>>,
        runtime: Handle,
        alive: watch::Receiver<()>,
    ) -> Self {
        let clock = Arc::clone(&settings.clock);
        let now = clock.monotonic();
        let unknown = UnknownNames::new(settings.unknown_ttl, settings.max_unknown);
        let freshness = Freshness::new(settings.fresh, settings.stale);
        Self {
            client,
            coarse: CoarseClock::new(Arc::clone(&clock)),
            records: Records::new(settings.max_tenants, unknown, freshness),
            budget: Budget::new(settings.unknown_budget, now),
            calls: Mutex::default(),
            refreshes: Semaphore::new(MAX_REFRESHES),
            confirmed: Notify::new(),
            condition: Condition::new(settings.mode, now),
            counts: Counts::default(),
            report: Report::default(),
            keeper,
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

    #[inline]
    pub(crate) fn cached(&self, key: &TenantKey<'_>) -> Cached {
        let cached = self.records.cached_at(key, self.coarse.millis());
        match cached {
            Cached::Known(_) => self.counts.hit(),
            Cached::Unknown => self.counts.unknown(),
            // Whoever gets these asks further, and is counted then.
            Cached::RefreshDue(_) | Cached::Miss => {}
        }
        cached
    }

    pub(crate) async fn find(self: &Arc<Self>, key: &TenantKey<'_>) -> Lookup {
        self.tick();
        let (how, lookup) = match self.records.cached(key, self.now()) {
            Cached::Known(tenant) => (How::AtOnce, Lookup::Known(tenant)),
            Cached::Unknown => (How::AtOnce, Lookup::Unknown),
            Cached::Miss => (How::Asked, self.ask(key).await),
            Cached::RefreshDue(_) => match self.records.entry(key) {
                Some(entry) => (How::Refreshed, self.refresh(key, &entry).await),
                None => (How::Asked, self.ask(key).await),
            },
        };
        self.counts.looked_up(how, &lookup);
        lookup
    }

    /// What was known of a tenant does not count any more.
    pub(crate) fn revoke(&self, id: &TenantId) {
        let mut calls = self.calls();
        calls.strike(id);
        self.records.revoke(id);
        drop(calls);
        if let Some(keeper) = &self.keeper {
            keeper.changed.notify_one();
        }
    }

    pub(crate) fn now(&self) -> Duration {
        self.clock.monotonic()
    }

    async fn ask(self: &Arc<Self>, key: &TenantKey<'_>) -> Lookup {
        let mut flight = {
            let mut calls = self.calls();
            // Whoever held the lock before may have brought the answer.
            match self.records.cached(key, self.now()) {
                Cached::Known(tenant) => return Lookup::Known(tenant),
                Cached::Unknown => return Lookup::Unknown,
                Cached::Miss | Cached::RefreshDue(_) => {}
            }
            let key = LookupKey::from(key);
            match calls.under_way(&key) {
                Some(flight) => flight,
                None if self.budget.take(self.now()) => self.start(&mut calls, key, Purpose::Ask),
                None => return Lookup::Unavailable { retry_after: RETRY_AFTER },
            }
        };
        tokio::select! {
            // Without an outcome, the task was dropped with its runtime.
            outcome = flight.outcome() => outcome.unwrap_or(Lookup::Unavailable { retry_after: RETRY_AFTER }),
            // The feed may be sooner: it tells of a tenant that is new.
            lookup = self.known_by_the_feed(key) => lookup,
        }
    }

    /// What becomes of a record that is not fresh any more.
    async fn refresh(self: &Arc<Self>, key: &TenantKey<'_>, entry: &Entry) -> Lookup {
        let mut flight = {
            let mut calls = self.calls();
            if let Cached::Known(tenant) = self.records.cached(key, self.now()) {
                return Lookup::Known(tenant);
            }
            let id = LookupKey::Id(entry.tenant.id());
            match calls.under_way(&id) {
                Some(flight) => flight,
                None => self.start(&mut calls, id, Purpose::Refresh),
            }
        };
        let failures = self.records.freshness.failures(entry, self.now());
        if failures > 0 && self.is_open(entry) {
            // This request started the next try, or found it under way; until the pause is over, no other gets here.
            self.keep(entry, failures);
            return Lookup::Known(entry.tenant.get());
        }
        let outcome = tokio::select! {
            outcome = flight.outcome_within(self.settings.refresh_wait) => outcome,
            // The feed may be sooner: after a start, or when it is connected again.
            lookup = self.known_by_the_feed(key) => return lookup,
        };
        match outcome {
            Some(Lookup::Known(tenant)) if of_key(key, &tenant) => Lookup::Known(tenant),
            Some(Lookup::Known(_) | Lookup::Unknown) => self.ask_for_domain(key).await,
            Some(Lookup::Unavailable { retry_after }) => self.serve_old(key, retry_after),
            None => {
                self.keep_after_a_failure(entry);
                self.serve_old(key, RETRY_AFTER)
            }
        }
    }

    /// Waits until the feed has confirmed the tenant of a key.
    async fn known_by_the_feed(&self, key: &TenantKey<'_>) -> Lookup {
        loop {
            let confirmed = self.confirmed.notified();
            if let Cached::Known(tenant) = self.records.cached(key, self.now()) {
                return Lookup::Known(tenant);
            }
            confirmed.await;
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
            Some(entry) => Lookup::Known(entry.tenant.get()),
            None => Lookup::Unavailable { retry_after },
        }
    }

    /// Whether the record may still serve, though it could not be confirmed.
    fn is_open(&self, entry: &Entry) -> bool {
        self.records.freshness.is_open(entry, self.now())
    }

    fn keep_after_a_failure(&self, entry: &Entry) {
        self.keep(entry, self.records.freshness.count_failure(entry, self.now()));
    }

    /// Serves an old record without a question until the next try is due, never beyond the stale limit.
    fn keep(&self, entry: &Entry, failures: u32) {
        self.records.freshness.keep_for(entry, REFRESH.pause(failures), self.now());
    }

    pub(crate) fn calls(&self) -> MutexGuard<'_, Calls> {
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
            Purpose::Ask => (self.now(), self.call_within_budget(&call.key).await),
            Purpose::Refresh => {
                // Never closed, so this is only the wait for one's turn.
                let _turn = self.refreshes.acquire().await;
                (self.now(), self.client.look_up(&call.key.as_key()).await)
            }
        };
        self.end(call, asked, found);
    }

    /// The budget counts calls: each further try takes one too, and a tenant that exists gives all of them back.
    async fn call_within_budget(&self, key: &LookupKey) -> Result<Option<Found>, TmsError> {
        let mut taken: u32 = 0;
        let found = ASK
            .run(|| {
                let allowed = taken == 0 || self.budget.take(self.now());
                taken += u32::from(allowed);
                async move {
                    if allowed {
                        return self.client.look_up(&key.as_key()).await;
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

    fn end(&self, call: Call, asked: Duration, found: Result<Option<Found>, TmsError>) {
        match &found {
            Ok(_) => {
                self.report.answered();
                self.condition.answered();
            }
            Err(error) => {
                self.report.failed(&call.key, error, self.now());
                self.condition.failed(error.kind());
            }
        }
        let mut calls = self.calls();
        let counts = calls.end(&call.key, call.number);
        let lookup = match found {
            Ok(Some(found)) if counts => self.put_answer(found, call.number, asked),
            Ok(None) if counts => self.put_nobody(call.key, call.number, asked),
            Ok(Some(found)) => Lookup::Known(found.tenant.into()),
            Ok(None) => Lookup::Unknown,
            Err(error) => {
                if let Some(entry) = self.records.entry(&call.key.as_key()).filter(|_| counts) {
                    self.keep_after_a_failure(&entry);
                }
                Lookup::Unavailable { retry_after: error.retry_after() }
            }
        };
        drop(calls);
        call.landing.land(lookup);
    }

    /// To be called while `calls` is locked, as all that changes `records`.
    fn put_answer(&self, found: Found, number: u64, asked: Duration) -> Lookup {
        let entry = Entry::answered(found, number, asked, self.settings.fresh);
        let tenant = entry.tenant.get();
        match self.remember(entry, Origin::Answer) {
            Put::Done(_) => Lookup::Known(tenant),
            Put::Older(newer) => self.serve_newer(&newer),
            Put::Past if self.records.is_complete_since(number) => Lookup::Unknown,
            // That memory does not hold it says nothing: what the TMS says is an answer, and not remembered.
            Put::Past => Lookup::Known(tenant),
        }
    }

    fn put_nobody(&self, key: LookupKey, number: u64, asked: Duration) -> Lookup {
        match self.records.refuted(&key, number) {
            Ok(before) => {
                self.forget(before.as_slice());
                self.records.put_unknown(key, asked);
                Lookup::Unknown
            }
            Err(Put::Older(newer)) => self.serve_newer(&newer),
            Err(_) => Lookup::Unknown,
        }
    }

    /// An answer was older than what memory holds. Where that is due all the same, the TMS contradicts itself, and has
    /// confirmed nothing.
    fn serve_newer(&self, newer: &Entry) -> Lookup {
        if !self.records.freshness.is_known(newer, self.now()) {
            let id = newer.tenant.id();
            tracing::warn!(tenant.id = %id, "the TMS answered an older record of {id} than it gave before");
            self.keep_after_a_failure(newer);
            if !self.is_open(newer) {
                return Lookup::Unavailable { retry_after: RETRY_AFTER };
            }
        }
        Lookup::Known(newer.tenant.get())
    }
}

/// Whether the record answers the key. Which spelling of its id the client used is for the caller to check.
fn of_key(key: &TenantKey<'_>, tenant: &Tenant) -> bool {
    matches!(key, TenantKey::Label { .. }) || key.names(tenant)
}
