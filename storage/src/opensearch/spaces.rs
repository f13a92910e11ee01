//! [`Spaces`]: which namespaces are installed, and where each one's documents are.
//!
//! What was removed and is installed again gets another space: whatever a process that has not heard of the removal still
//! writes is in the space that is gone.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use opensearch::http::Method;
use serde::Deserialize;
use serde_json::json;
use tracing::{info, warn};

use crate::error::{StoreError, StoreErrorKind};
use crate::lifecycle::Created;
use crate::namespace::Namespace;
use crate::opensearch::engine::Engine;
use crate::opensearch::failure::RETRY_AFTER;
use crate::opensearch::home::{EnginePlacement, Home, Place, Space};
use crate::opensearch::marker::{Marker, Markers, Read, State, now};
use crate::opensearch::request::Request;

/// For so long a process goes by what it has read. What another one removes meanwhile may still be written to, and is
/// cleared once more when it is older than a few times that.
const REMEMBERED: Duration = Duration::from_secs(5);
const SETTLED: Duration = Duration::from_secs(60);

/// How often something is tried that others come between.
const ROUNDS: usize = 10;
/// How many markers are read at once.
const PAGE: usize = 10_000;

/// The namespaces.
#[derive(Debug)]
pub(super) struct Spaces {
    markers: Markers,
    placement: EnginePlacement,
    known: Mutex<Known>,
}

/// What this process has read.
#[derive(Debug, Default)]
struct Known {
    homes: HashMap<Namespace, (Home, Instant)>,
    /// How many removals this process has begun: what was read before one of them is not kept.
    removals: u64,
}

impl Spaces {
    /// New tenants are placed so.
    pub(super) fn new(engine: &Engine, placement: EnginePlacement) -> Self {
        let markers = Markers::new(engine);
        Self { markers, placement, known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the documents are of a namespace that is installed.
    pub(super) async fn of(&self, namespace: &Namespace) -> Result<Home, StoreError> {
        let began = Instant::now();
        let removals = {
            let known = self.known();
            if let Some((home, read)) = known.homes.get(namespace)
                && read.elapsed() < REMEMBERED
            {
                return Ok(*home);
            }
            known.removals
        };
        let read = self.markers.read(&namespace.to_string()).await?;
        let mut known = self.known();
        match read {
            Some(Read { marker: Marker { state: State::Installed, space, placement, .. }, .. }) => {
                let home = Home { space, place: Place::of(namespace, placement) };
                if known.removals == removals {
                    known.homes.insert(*namespace, (home, began));
                }
                Ok(home)
            }
            _ => {
                known.homes.remove(namespace);
                Err(not_installed(namespace))
            }
        }
    }

    fn forget(&self, namespace: &Namespace) {
        let mut known = self.known();
        known.removals += 1;
        known.homes.remove(namespace);
    }

    /// Makes what is missing. The indices are made under a marker, so that a removal finds them, and the marker says that the
    /// namespace is installed only once everything is there.
    pub(super) async fn install(
        &self,
        engine: &Engine,
        namespace: &Namespace,
    ) -> Result<Created, StoreError> {
        let name = namespace.to_string();
        for _ in 0..ROUNDS {
            let before = self.markers.read(&name).await?;
            match &before {
                Some(Read { marker, .. }) if marker.state == State::Installed => {
                    return Ok(Created::default());
                }
                Some(before) if before.marker.state == State::Installing => {
                    let created = match self.make(engine, namespace, &before.marker).await {
                        Ok(created) => created,
                        Err(error) => {
                            // If this fails too, the next install goes on from here.
                            let _ = self.markers.delete(&name, before).await;
                            return Err(error);
                        }
                    };
                    let installed = before.marker.in_state(State::Installed);
                    if self.markers.write(&name, &installed, Some(before)).await? {
                        return Ok(created);
                    }
                }
                _ => {
                    if let Some(Read { marker, .. }) = &before {
                        self.clear(engine, namespace, marker).await?;
                    }
                    let schema = engine.layout.schema().version();
                    let marker = Marker::new(namespace, self.placement, schema);
                    self.markers.write(&name, &marker, before.as_ref()).await?;
                }
            }
        }
        Err(contended(&name))
    }

    async fn make(
        &self,
        engine: &Engine,
        namespace: &Namespace,
        marker: &Marker,
    ) -> Result<Created, StoreError> {
        let mut created = Created::default();
        if let Place::Dedicated(owner) = Place::of(namespace, marker.placement) {
            created = engine.dedicated.install(owner, namespace.incarnation()).await?;
        }
        if created == Created::default() {
            created.indices.push(format!("{}/{namespace}", engine.layout.spaces()));
        }
        Ok(created)
    }

    /// Deletes a namespace's documents, and shows by reading that none are left.
    pub(super) async fn remove(&self, engine: &Engine, namespace: &Namespace) -> Result<(), StoreError> {
        let name = namespace.to_string();
        for _ in 0..ROUNDS {
            let Some(before) = self.markers.read(&name).await? else { return Ok(()) };
            if before.marker.state != State::Removing {
                let removing = before.marker.in_state(State::Removing);
                let written = self.markers.write(&name, &removing, Some(&before)).await;
                // Whatever became of it: who asks now reads it.
                self.forget(namespace);
                written?;
                continue;
            }
            self.clear(engine, namespace, &before.marker).await?;
            let removed = before.marker.in_state(State::Removed);
            self.markers.write(&removed.space.to_string(), &removed, None).await?;
            if self.markers.delete(&name, &before).await? {
                info!(%namespace, "removed: no document is left");
                return self.sweep(engine).await;
            }
        }
        Err(contended(&name))
    }

    /// The markers of what is installed and of an older schema.
    pub(super) async fn outdated(&self, schema: u32) -> Result<Vec<Marker>, StoreError> {
        let (mut all, mut after) = (Vec::new(), String::new());
        loop {
            let filter = [
                json!({"term": {"state": "installed"}}),
                json!({"range": {"schema": {"lt": schema}}}),
                json!({"range": {"namespace": {"gt": after}}}),
            ];
            let page = self.markers.search(&filter, PAGE).await?;
            let is_last = page.len() < PAGE;
            all.extend(page);
            match all.last() {
                Some(last) if !is_last => after.clone_from(&last.namespace),
                _ => return Ok(all),
            }
        }
    }

    /// Where a namespace's documents are, if it is installed and of an older schema.
    pub(super) async fn home_if_older(
        &self,
        namespace: &Namespace,
        schema: u32,
    ) -> Result<Option<Home>, StoreError> {
        match self.markers.read(&namespace.to_string()).await? {
            Some(Read { marker, .. }) if marker.state == State::Installed => {
                let home = Home { space: marker.space, place: Place::of(namespace, marker.placement) };
                Ok((marker.schema < schema).then_some(home))
            }
            _ => Err(not_installed(namespace)),
        }
    }

    /// All of a namespace is of this schema now.
    pub(super) async fn brought_up(&self, namespace: &Namespace, schema: u32) -> Result<(), StoreError> {
        let name = namespace.to_string();
        let read = self.markers.read(&name).await?;
        let Some(before) = read.filter(|read| read.marker.state == State::Installed) else {
            return Err(not_installed(namespace));
        };
        let marker = Marker { schema, ..before.marker.clone() };
        // Another process may have done the same meanwhile.
        self.markers.write(&name, &marker, Some(&before)).await?;
        Ok(())
    }

    /// Clears once more the spaces that were removed a while ago: a process that had not heard of it may have written there.
    pub(super) async fn sweep(&self, engine: &Engine) -> Result<(), StoreError> {
        let before = now() - i64::try_from(SETTLED.as_millis()).unwrap_or(0);
        let filter = [json!({"term": {"state": "removed"}}), json!({"range": {"at": {"lt": before}}})];
        for marker in self.markers.search(&filter, 10).await? {
            clear(engine, &marker.space, Place::Shared).await?;
            let name = marker.space.to_string();
            if let Some(read) = self.markers.read(&name).await? {
                self.markers.delete(&name, &read).await?;
            }
        }
        Ok(())
    }

    /// Deletes all that a namespace has: indices of its own as a whole, if no other life of the tenant is in them.
    async fn clear(&self, engine: &Engine, namespace: &Namespace, marker: &Marker) -> Result<(), StoreError> {
        let place = Place::of(namespace, marker.placement);
        if let Place::Dedicated(owner) = place
            && !self.is_shared_with_another_life(marker).await?
        {
            engine.dedicated.remove(owner, namespace.incarnation(), &self.markers).await?;
        }
        clear(engine, &marker.space, place).await
    }

    async fn is_shared_with_another_life(&self, marker: &Marker) -> Result<bool, StoreError> {
        let filter = [
            json!({"term": {"tenant": marker.tenant}}),
            json!({"term": {"context": marker.context}}),
            json!({"term": {"placement": "dedicated"}}),
            json!({"terms": {"state": ["installing", "installed"]}}),
            json!({"bool": {"must_not": [{"term": {"namespace": marker.namespace}}]}}),
        ];
        Ok(!self.markers.search(&filter, 1).await?.is_empty())
    }
}

/// Deletes all documents of a space, until a search finds none.
async fn clear(engine: &Engine, space: &Space, place: Place) -> Result<(), StoreError> {
    let shared = engine.layout.of_documents();
    for alias in engine.aliases_of(place) {
        let routing = shared.contains(&alias).then_some(space);
        clear_alias(engine, &alias, space, routing).await?;
    }
    Ok(())
}

async fn clear_alias(
    engine: &Engine,
    alias: &str,
    space: &Space,
    routing: Option<&Space>,
) -> Result<(), StoreError> {
    #[derive(Deserialize)]
    struct Deleted {
        total: u64,
    }
    let query = json!({"query": {"term": {"space": space}}});
    for _ in 0..ROUNDS {
        match engine.hosts.refresh(alias).await {
            // An alias of the tenant's own is gone with its indices.
            Err(error) if routing.is_none() && error.kind() == StoreErrorKind::NotInstalled => return Ok(()),
            refreshed => refreshed?,
        }
        let request = Request::write(Method::Post, format!("{alias}/_delete_by_query"), Some(&query))
            .query(&[("conflicts", "proceed"), ("refresh", "true")]);
        let request = if let Some(routing) = routing { request.routed(routing) } else { request };
        let deleted: Deleted = engine.hosts.ask(request).await?;
        if deleted.total == 0 {
            return Ok(());
        }
    }
    warn!(%space, alias, "documents come while they are deleted");
    Err(contended(&space.to_string()))
}

fn not_installed(namespace: &Namespace) -> StoreError {
    StoreError::new(StoreErrorKind::NotInstalled, format!("{namespace} is not installed"))
}

fn contended(name: &str) -> StoreError {
    let kind = StoreErrorKind::Unavailable { retry_after: RETRY_AFTER };
    StoreError::new(kind, format!("{name} is being installed or removed by others"))
}
