//! [`Markers`]: what the engine keeps of each namespace, and the only way to change it: as it was read.

use std::sync::Arc;

use opensearch::http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::{StoreError, StoreErrorKind};
use crate::namespace::Namespace;
use crate::opensearch::engine::Engine;
use crate::opensearch::failure::{RETRY_AFTER, unexpected};
use crate::opensearch::gets::{Gets, Gotten};
use crate::opensearch::home::{EnginePlacement, Space};
use crate::opensearch::hosts::Hosts;
use crate::opensearch::request::{Failed, Request};

/// What the engine keeps of a namespace.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Marker {
    pub(super) namespace: String,
    pub(super) tenant: String,
    pub(super) context: String,
    pub(super) placement: EnginePlacement,
    pub(super) state: State,
    pub(super) space: Space,
    /// The version of the schema that its documents were written by, at least.
    pub(super) schema: u32,
    /// When it became so, in milliseconds since 1970.
    pub(super) at: i64,
}

/// How far a namespace is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// Its indices are being made.
    Installing,
    Installed,
    /// Its documents are being deleted.
    Removing,
    /// They were; the marker is kept under the space's name until the last process has heard of it.
    Removed,
}

impl Marker {
    pub(super) fn new(namespace: &Namespace, placement: EnginePlacement, schema: u32) -> Self {
        Self {
            namespace: namespace.to_string(),
            tenant: namespace.id().to_string(),
            context: namespace.context().to_string(),
            placement,
            state: State::Installing,
            space: Space::random(),
            schema,
            at: now(),
        }
    }

    /// The same, in another state from now on.
    pub(super) fn in_state(&self, state: State) -> Self {
        Self { state, at: now(), ..self.clone() }
    }
}

/// A marker as it was read.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) marker: Marker,
    number: u64,
    term: u64,
}

/// The index of markers.
#[derive(Debug)]
pub(super) struct Markers {
    hosts: Arc<Hosts>,
    gets: Arc<Gets>,
    index: String,
}

impl Markers {
    pub(super) fn new(engine: &Engine) -> Self {
        let (hosts, gets) = (Arc::clone(&engine.hosts), Arc::clone(&engine.gets));
        Self { hosts, gets, index: engine.layout.spaces() }
    }

    /// As it is, seen by searches or not.
    pub(super) async fn read(&self, id: &str) -> Result<Option<Read>, StoreError> {
        let asked = json!({"_index": self.index, "_id": id});
        let Some(answer) = self.gets.get(vec![asked]).await?.pop() else {
            return Err(StoreError::new(
                StoreErrorKind::Backend,
                "the engine did not answer for a namespace",
            ));
        };
        let Gotten { source, number, term, error, .. } = answer;
        if let Some(error) = error {
            let message = format!("the engine cannot read whether {id} is installed: {error}");
            return Err(StoreError::new(StoreErrorKind::Unavailable { retry_after: RETRY_AFTER }, message));
        }
        let Some(source) = source else { return Ok(None) };
        let marker = serde_json::from_str(source.get()).map_err(unexpected)?;
        Ok(Some(Read { marker, number, term }))
    }

    /// Whether it was written: it was not if the marker is not as it was read.
    pub(super) async fn write(
        &self,
        id: &str,
        marker: &Marker,
        before: Option<&Read>,
    ) -> Result<bool, StoreError> {
        let body = serde_json::to_value(marker).map_err(unexpected)?;
        let (index, id) = (&self.index, encoded(id));
        let path = match before {
            None => format!("{index}/_create/{id}?require_alias=true"),
            Some(Read { number, term, .. }) => {
                format!("{index}/_doc/{id}?if_seq_no={number}&if_primary_term={term}")
            }
        };
        self.applied(Request::write(Method::Put, path, Some(&body))).await
    }

    /// Whether it was deleted: it was not if the marker is not as it was read.
    pub(super) async fn delete(&self, id: &str, before: &Read) -> Result<bool, StoreError> {
        let Read { number, term, .. } = before;
        let path = format!("{}/_doc/{}?if_seq_no={number}&if_primary_term={term}", self.index, encoded(id));
        self.applied(Request::write(Method::Delete, path, None)).await
    }

    /// Those that a filter finds, of all that was written before; so many at most.
    pub(super) async fn search(&self, filter: &[Value], most: usize) -> Result<Vec<Marker>, StoreError> {
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
        self.hosts.refresh(&self.index).await?;
        let body =
            json!({"size": most, "query": {"bool": {"filter": filter}}, "sort": [{"namespace": "asc"}]});
        let request = Request::read(format!("{}/_search", self.index), &body);
        let found: Found =
            self.hosts.ask(request.query(&[("allow_partial_search_results", "false")])).await?;
        Ok(found.hits.hits.into_iter().map(|hit| hit.marker).collect())
    }

    async fn applied(&self, request: Request) -> Result<bool, StoreError> {
        match self.hosts.send(&request).await {
            Ok(_) => Ok(true),
            Err(Failed::Refused(refused)) if refused.is_conflict() => Ok(false),
            Err(failed) => Err(failed.into()),
        }
    }
}

/// An id in a path. Namespaces and spaces have letters, digits, hyphens and slashes alone.
fn encoded(id: &str) -> String {
    id.replace('/', "%2F")
}

pub(super) fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
