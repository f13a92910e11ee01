//! [`Collector`]: a tracker payload becomes one batch of documents.

use std::hash::{DefaultHasher, Hash, Hasher};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use storage::{Batch, Body, DocumentId, NamespacedStore, StoreError};
use tokio::sync::{Mutex, MutexGuard};
use uuid::Uuid;

use crate::error::DataError;
use crate::event::{self, Shared};
use crate::identity::{FreshIds, ProfilePart, SessionPart, profile_of, session_of};
use crate::kinds::{EVENT, PROFILE, SESSION};
use crate::payload::TrackerPayload;
use crate::source::{self, EventSource};
use crate::{json, profile, session};

/// How often a request is tried when others change the same session or profile at the same moment.
const ATTEMPTS: usize = 16;
/// How many bytes of context, request and headers the events of one request may repeat: each event holds a copy.
const MAX_REPEATED: usize = 32 << 20;
/// How many sessions can be worked on at once without waiting for an unrelated one.
const LANES: usize = 512;

/// One request to the collector.
#[derive(Debug)]
pub struct Hit {
    /// What the client sent.
    pub payload: TrackerPayload,
    /// The type that the endpoint wants of the source, such as `rest`.
    pub endpoint: &'static str,
    /// Whether no profile is made or read (rule 8).
    pub profile_less: bool,
    /// The request's headers, without those that carry secrets; stored with the events.
    pub headers: Map<String, Value>,
    /// The client's address.
    pub ip: Option<String>,
    /// What makes a request that is sent again the same request.
    pub idempotency_key: Option<String>,
    /// When it arrived.
    pub now: Timestamp,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collected {
    /// The id of this piece of work.
    pub task: Uuid,
    /// The visitor, where it was saved or known.
    pub profile: Option<String>,
    /// The visit, where it was saved.
    pub session: Option<String>,
}

/// Turns requests into documents: source check, identity, session, profile, events; one batch a request.
///
/// Requests of one session take turns here, so that they do not fail each other's guards; across processes the guards
/// alone decide, and the loser tries again.
pub struct Collector {
    lanes: Vec<Mutex<()>>,
}

impl Default for Collector {
    fn default() -> Self {
        Self { lanes: (0..LANES).map(|_| Mutex::default()).collect() }
    }
}

impl Collector {
    /// Stores what a request brings; when it returns, all of it is on disk. `None` if it brought no event, and then
    /// nothing is stored.
    ///
    /// # Cancellation
    /// Dropping the future leaves the outcome unknown, never half a request.
    ///
    /// # Errors
    /// A refused source leaves no trace. [`DataError::Contended`] and a retryable storage failure may be sent again.
    pub async fn collect(&self, store: &NamespacedStore, hit: Hit) -> Result<Option<Collected>, DataError> {
        if hit.payload.events.is_empty() {
            source::admit(store, &hit.payload.source, hit.endpoint).await?;
            return Ok(None);
        }
        let fresh = FreshIds::random();
        let (source, mut session, _turn) = self.opened(store, &hit, &fresh).await?;
        let plan = Plan::new(store, &source, fresh, hit);
        if plan.repeated() > MAX_REPEATED {
            return Err(DataError::TooLarge);
        }
        for _ in 0..ATTEMPTS {
            let profile = plan.profile(&session).await?;
            let (batch, collected) = plan.documents(session, profile);
            if batch.is_empty() {
                return Ok(Some(collected));
            }
            match store.write(batch).await {
                Ok(_) => return Ok(Some(collected)),
                Err(failure) if failure.is_conflict() => {}
                Err(failure) => return Err(failure.into()),
            }
            session = session_of(store, &plan.hit.payload, &plan.fresh).await?;
        }
        Err(DataError::Contended)
    }

    /// The source, which may send, and the session as it is in this request's turn.
    async fn opened(
        &self,
        store: &NamespacedStore,
        hit: &Hit,
        fresh: &FreshIds,
    ) -> Result<(EventSource, SessionPart, Option<MutexGuard<'_, ()>>), DataError> {
        let source = source::admit(store, &hit.payload.source, hit.endpoint);
        let session = session_of(store, &hit.payload, fresh);
        let Some(lane) = self.lane(store, hit.payload.session.as_ref()) else {
            return Ok((source.await?, session.await?, None));
        };
        if let Ok(turn) = lane.try_lock() {
            // Where reading is asking another machine, together takes half of the time.
            let (source, session) = tokio::join!(source, session);
            return Ok((source?, session?, Some(turn)));
        }
        // Who has to wait is refused before that: while nothing can be read, many would wait for each other's failures.
        let source = source.await?;
        let turn = lane.lock().await;
        Ok((source, session.await?, Some(turn)))
    }

    /// Where requests of a session take turns.
    fn lane(&self, store: &NamespacedStore, session: Option<&DocumentId>) -> Option<&Mutex<()>> {
        let mut hasher = DefaultHasher::new();
        (store.namespace(), session?).hash(&mut hasher);
        let lane = usize::try_from(hasher.finish() % LANES as u64).ok()?;
        self.lanes.get(lane)
    }
}

/// Everything about a request that is the same in each attempt.
struct Plan<'a> {
    store: &'a NamespacedStore,
    source: &'a EventSource,
    hit: Hit,
    task: Uuid,
    fresh: FreshIds,
    event_ids: Vec<DocumentId>,
    request: Map<String, Value>,
    save_session: bool,
    save_events: bool,
}

impl<'a> Plan<'a> {
    fn new(store: &'a NamespacedStore, source: &'a EventSource, fresh: FreshIds, mut hit: Hit) -> Self {
        let key = hit.idempotency_key.as_deref();
        let id = |(at, sent)| event::id_of(sent, at, store.namespace(), &source.id, key);
        let event_ids = hit.payload.events.iter().enumerate().map(id).collect();
        let mut request = std::mem::take(&mut hit.payload.request);
        request.insert("headers".to_owned(), Value::Object(std::mem::take(&mut hit.headers)));
        let options = hit.payload.options;
        Self {
            store,
            source,
            task: Uuid::new_v4(),
            fresh,
            event_ids,
            request,
            save_session: options.session && !source.transitional,
            save_events: options.events && !source.transitional,
            hit,
        }
    }

    /// Whom it belongs to: nobody, if the client says so (rule 8).
    async fn profile(&self, session: &SessionPart) -> Result<ProfilePart, StoreError> {
        if self.hit.profile_less {
            return Ok(ProfilePart::Nobody);
        }
        profile_of(self.store, &self.hit.payload, session, &self.fresh).await
    }

    /// The bytes that the events of the request have in common, once for each of them.
    fn repeated(&self) -> usize {
        let size =
            |map: &Map<String, Value>| serde_json::to_vec(map).map_or(usize::MAX / 4, |text| text.len());
        (size(&self.hit.payload.context) + size(&self.request)).saturating_mul(self.event_ids.len())
    }

    /// The batch of one attempt, and what the client is told when it is written.
    fn documents(&self, session: SessionPart, profile: ProfilePart) -> (Batch, Collected) {
        let mut batch = Batch::default();
        let new_profile = matches!(profile, ProfilePart::New(_));
        let profile_id = profile.id().filter(|_| self.hit.payload.options.profile || !new_profile).cloned();
        let session_id = session.id().clone();
        // A made-up session is kept only for the sake of the profile that it brought.
        let keep_session = match &session {
            SessionPart::Artificial(_) => self.save_session && new_profile && profile_id.is_some(),
            SessionPart::New(_) | SessionPart::Known(_) => self.save_session,
        };
        let first_hit = matches!(session, SessionPart::New(_));
        if keep_session {
            self.put_session(&mut batch, session, profile_id.as_ref());
        }
        if self.hit.payload.options.profile {
            self.put_profile(&mut batch, profile, first_hit);
        }
        if self.save_events {
            let created = profile_id.as_ref().filter(|_| new_profile);
            self.put_events(&mut batch, &session_id, profile_id.as_ref(), first_hit, created);
        }
        let told = profile_id.filter(|_| self.hit.payload.options.profile);
        let session = keep_session.then(|| session_id.to_string());
        (batch, Collected { task: self.task, profile: told.map(|id| id.to_string()), session })
    }

    fn put_session(&self, batch: &mut Batch, session: SessionPart, profile: Option<&DocumentId>) {
        let enrich =
            |body: &mut Body| session::enrich(body, &self.hit.payload.context, &self.hit.payload.properties);
        match session {
            SessionPart::Artificial(id) | SessionPart::New(id) => {
                let mut body = session::new(&id, profile, &self.source.channel, self.hit.now);
                enrich(&mut body);
                batch.create(SESSION, id, body);
            }
            SessionPart::Known(mut known) => {
                if !self.hit.profile_less {
                    session::relink(&mut known.body, profile);
                }
                session::touch(&mut known.body, self.hit.now);
                enrich(&mut known.body);
                batch.replace(SESSION, known.id, known.body, known.version);
            }
        }
    }

    fn put_profile(&self, batch: &mut Batch, profile: ProfilePart, first_hit: bool) {
        match profile {
            ProfilePart::New(id) => {
                let body = profile::new(&id, self.hit.now);
                batch.create(PROFILE, id, body);
            }
            ProfilePart::Known(mut known) if first_hit => {
                profile::begin_visit(&mut known.body, self.hit.now);
                batch.replace(PROFILE, known.id, known.body, known.version);
            }
            ProfilePart::Known(_) | ProfilePart::Nobody => {}
        }
    }

    /// The system events of a first hit, then the client's. Each is a microsecond later than the one before, so that
    /// they sort as they came.
    fn put_events(
        &self,
        batch: &mut Batch,
        session: &DocumentId,
        profile: Option<&DocumentId>,
        first_hit: bool,
        created_profile: Option<&DocumentId>,
    ) {
        let shared = Shared {
            source: &self.source.id,
            channel: &self.source.channel,
            session: Some(session),
            profile,
            profile_less: self.hit.profile_less,
            context: &self.hit.payload.context,
            request: &self.request,
            ip: self.hit.ip.as_deref(),
        };
        let mut at = self.hit.now;
        let mut append = |id: &DocumentId, body: &dyn Fn(Timestamp) -> Body| {
            batch.put(EVENT, id.clone(), body(at));
            at = at.saturating_add(SignedDuration::from_micros(1)).unwrap_or(at);
        };
        for (event_type, about) in self.system_events(session, first_hit, created_profile) {
            let id = event::system_id(self.store.namespace(), about, event_type);
            append(&id, &|now| shared.system_event(&id, event_type, now));
        }
        for (id, sent) in self.event_ids.iter().zip(&self.hit.payload.events) {
            append(id, &|now| shared.client_event(id, sent, now));
        }
    }

    fn system_events<'b>(
        &self,
        session: &'b DocumentId,
        first_hit: bool,
        created_profile: Option<&'b DocumentId>,
    ) -> Vec<(&'static str, &'b DocumentId)> {
        if self.hit.payload.events.iter().any(|sent| sent.event_type == "visit-ended") {
            return Vec::new();
        }
        let mut events = Vec::new();
        if first_hit {
            events.extend([("visit-started", session), ("session-opened", session)]);
        }
        events.extend(created_profile.map(|profile| ("profile-created", profile)));
        events
    }
}

/// The headers of a request as they may be stored: those that carry secrets are left out.
pub fn storable_headers<'a>(headers: impl Iterator<Item = (&'a str, &'a str)>) -> Map<String, Value> {
    const SECRET: [&str; 4] = ["authorization", "cookie", "proxy-authorization", "x-api-key"];
    let kept = headers.filter(|(name, _)| !SECRET.iter().any(|secret| name.eq_ignore_ascii_case(secret)));
    let mut map = Map::new();
    for (name, value) in kept {
        json::merge(&mut map, &Map::from_iter([(name.to_lowercase(), Value::from(value))]));
    }
    map
}
