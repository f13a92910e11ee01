//! [`Spaces`]: which namespaces are installed, and the space that each one's documents are in.
//!
//! A space has a random name that is part of every document, of every document's id and of every question. What was removed
//! and is installed again gets another one: whatever a process that has not heard of the removal still writes is in the space
//! that is gone.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use opensearch::http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tracing::{info, warn};
use uuid::Uuid;

use crate::error::{StoreError, StoreErrorKind};
use crate::lifecycle::Created;
use crate::namespace::Namespace;
use crate::opensearch::hosts::{Failed, Hosts, Request};
use crate::opensearch::layout::Layout;

/// For so long a process goes by what it has read. What another one removes meanwhile may still be written to, and is
/// cleared once more when it is older than a few times that.
const REMEMBERED: Duration = Duration::from_secs(5);
const SETTLED: Duration = Duration::from_secs(60);

/// How often documents are deleted until none are left.
const ROUNDS: usize = 10;

/// Where the documents of a namespace are, from its install to its removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Space(#[serde(with = "uuid::serde::simple")] Uuid);

impl Space {
    fn new() -> Self {
        Self(Uuid::new_v4())
    }
}

impl fmt::Display for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.simple().fmt(f)
    }
}

/// What the engine keeps of a namespace.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Marker {
    namespace: String,
    state: State,
    space: Space,
    schema: u32,
    /// Milliseconds since 1970.
    at: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Installed,
    /// Its documents are being deleted.
    Removing,
    /// They were; the marker is kept under the space's name until the last process has heard of it.
    Removed,
}

/// A marker as it was read.
#[derive(Debug)]
struct Read {
    marker: Marker,
    number: u64,
    term: u64,
}

/// The namespaces.
#[derive(Debug)]
pub(super) struct Spaces {
    hosts: Arc<Hosts>,
    layout: Arc<Layout>,
    known: Mutex<Known>,
}

/// What this process has read.
#[derive(Debug, Default)]
struct Known {
    spaces: HashMap<Namespace, (Space, Instant)>,
    /// How many removals this process has begun: what was read before one of them is not kept.
    removals: u64,
}

#[derive(Deserialize)]
struct Answers {
    docs: Vec<Answer>,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "_source")]
    source: Option<Marker>,
    #[serde(rename = "_seq_no", default)]
    number: u64,
    #[serde(rename = "_primary_term", default)]
    term: u64,
    error: Option<Value>,
}

impl Spaces {
    pub(super) fn new(hosts: Arc<Hosts>, layout: Arc<Layout>) -> Self {
        Self { hosts, layout, known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The space of a namespace that is installed.
    pub(super) async fn of(&self, namespace: &Namespace) -> Result<Space, StoreError> {
        let began = Instant::now();
        let removals = {
            let known = self.known();
            if let Some((space, read)) = known.spaces.get(namespace)
                && read.elapsed() < REMEMBERED
            {
                return Ok(*space);
            }
            known.removals
        };
        let read = self.read(&namespace.to_string()).await?;
        let mut known = self.known();
        match read {
            Some(Read { marker: Marker { state: State::Installed, space, .. }, .. }) => {
                if known.removals == removals {
                    known.spaces.insert(*namespace, (space, began));
                }
                Ok(space)
            }
            _ => {
                known.spaces.remove(namespace);
                Err(StoreError::new(StoreErrorKind::NotInstalled, format!("{namespace} is not installed")))
            }
        }
    }

    fn forget(&self, namespace: &Namespace) {
        let mut known = self.known();
        known.removals += 1;
        known.spaces.remove(namespace);
    }

    pub(super) async fn install(&self, namespace: &Namespace) -> Result<Created, StoreError> {
        let name = namespace.to_string();
        for _ in 0..ROUNDS {
            let before = self.read(&name).await?;
            match &before {
                Some(Read { marker, .. }) if marker.state == State::Installed => {
                    return Ok(Created::default());
                }
                Some(Read { marker, .. }) => self.clear(&marker.space).await?,
                None => {}
            }
            let marker = Marker {
                namespace: name.clone(),
                state: State::Installed,
                space: Space::new(),
                schema: self.layout.schema().version(),
                at: now(),
            };
            if self.write(&name, &marker, before.as_ref()).await? {
                let indices = vec![format!("{}/{name}", self.layout.spaces())];
                return Ok(Created { indices, ..Created::default() });
            }
        }
        Err(contended(&name))
    }

    /// Deletes a namespace's documents, and shows by reading that none are left.
    pub(super) async fn remove(&self, namespace: &Namespace) -> Result<(), StoreError> {
        let name = namespace.to_string();
        for _ in 0..ROUNDS {
            let Some(before) = self.read(&name).await? else { return Ok(()) };
            if before.marker.state == State::Installed {
                let removing = Marker { state: State::Removing, at: now(), ..before.marker.clone() };
                let written = self.write(&name, &removing, Some(&before)).await;
                // Whatever became of it: who asks now reads it.
                self.forget(namespace);
                written?;
                continue;
            }
            self.clear(&before.marker.space).await?;
            let removed = Marker { state: State::Removed, at: now(), ..before.marker.clone() };
            self.write(&removed.space.to_string(), &removed, None).await?;
            if self.delete(&name, &before).await? {
                info!(%namespace, "removed: no document is left");
                self.sweep().await?;
                return Ok(());
            }
        }
        Err(contended(&name))
    }

    /// Clears once more the spaces that were removed a while ago: a process that had not heard of it may have written there.
    pub(super) async fn sweep(&self) -> Result<(), StoreError> {
        #[derive(Deserialize)]
        struct Found {
            hits: Hits,
        }
        #[derive(Deserialize)]
        struct Hits {
            hits: Vec<Hit>,
        }
        #[derive(Deserialize)]
        struct Hit {
            #[serde(rename = "_source")]
            marker: Marker,
        }
        let before = now() - i64::try_from(SETTLED.as_millis()).unwrap_or(0);
        let query = json!({"size": 10, "query": {"bool": {"filter": [
            {"term": {"state": "removed"}}, {"range": {"at": {"lt": before}}}
        ]}}});
        let request = Request::read(format!("{}/_search", self.layout.spaces()), &query);
        let found: Found = self.hosts.ask(request).await?;
        for Hit { marker } in found.hits.hits {
            self.clear(&marker.space).await?;
            if let Some(read) = self.read(&marker.space.to_string()).await? {
                self.delete(&marker.space.to_string(), &read).await?;
            }
        }
        Ok(())
    }

    /// Deletes all documents of a space, until a search finds none.
    async fn clear(&self, space: &Space) -> Result<(), StoreError> {
        #[derive(Deserialize)]
        struct Deleted {
            total: u64,
        }
        let query = json!({"query": {"term": {"space": space}}});
        for index in self.layout.of_documents() {
            for round in 0.. {
                self.hosts.send(&Request::write(Method::Post, format!("{index}/_refresh"), None)).await?;
                let request = Request::write(Method::Post, format!("{index}/_delete_by_query"), Some(&query))
                    .query(&[("conflicts", "proceed"), ("refresh", "true")])
                    .routed(space);
                let deleted: Deleted = self.hosts.ask(request).await?;
                if deleted.total == 0 {
                    break;
                }
                if round == ROUNDS {
                    warn!(%space, index, "documents come while they are deleted");
                    return Err(contended(&space.to_string()));
                }
            }
        }
        Ok(())
    }

    async fn read(&self, id: &str) -> Result<Option<Read>, StoreError> {
        let path = format!("{}/_mget", self.layout.spaces());
        let answers: Answers = self.hosts.ask(Request::read(path, &json!({"ids": [id]}))).await?;
        let Some(Answer { source, number, term, error }) = answers.docs.into_iter().next() else {
            return Err(StoreError::new(
                StoreErrorKind::Backend,
                "the engine did not answer for a namespace",
            ));
        };
        if let Some(error) = error {
            let message = format!("the engine cannot read whether {id} is installed: {error}");
            let kind = StoreErrorKind::Unavailable { retry_after: super::failure::RETRY_AFTER };
            return Err(StoreError::new(kind, message));
        }
        Ok(source.map(|marker| Read { marker, number, term }))
    }

    /// Whether it was written: it was not if the marker is not as it was read.
    async fn write(&self, id: &str, marker: &Marker, before: Option<&Read>) -> Result<bool, StoreError> {
        let body = serde_json::to_value(marker).map_err(super::failure::unexpected)?;
        let path = match before {
            None => format!("{}/_create/{}?require_alias=true", self.layout.spaces(), encoded(id)),
            Some(Read { number, term, .. }) => format!(
                "{}/_doc/{}?if_seq_no={number}&if_primary_term={term}",
                self.layout.spaces(),
                encoded(id)
            ),
        };
        self.applied(Request::write(Method::Put, path, Some(&body))).await
    }

    async fn delete(&self, id: &str, before: &Read) -> Result<bool, StoreError> {
        let (number, term) = (before.number, before.term);
        let path = format!(
            "{}/_doc/{}?if_seq_no={number}&if_primary_term={term}",
            self.layout.spaces(),
            encoded(id)
        );
        self.applied(Request::write(Method::Delete, path, None)).await
    }

    async fn applied(&self, request: Request) -> Result<bool, StoreError> {
        match self.hosts.send(&request).await {
            Ok(_) => Ok(true),
            Err(Failed::Refused(refused)) if refused.is_conflict() => Ok(false),
            Err(failed) => Err(failed.into()),
        }
    }
}

fn contended(name: &str) -> StoreError {
    let kind = StoreErrorKind::Unavailable { retry_after: super::failure::RETRY_AFTER };
    StoreError::new(kind, format!("{name} is being installed or removed by others"))
}

/// An id in a path. Namespaces and spaces have letters, digits, hyphens and slashes alone.
fn encoded(id: &str) -> String {
    id.replace('/', "%2F")
}

fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
