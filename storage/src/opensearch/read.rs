//! Reading: by id, by query, by scan. Every question names the space and the kind, and every answer is compared with them.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::document::{Document, DocumentId};
use crate::error::{StoreError, StoreErrorKind};
use crate::evaluate::Matcher;
use crate::kind::Kind;
use crate::opensearch::engine::Engine;
use crate::opensearch::failure::RETRY_AFTER;
use crate::opensearch::gets::Gotten;
use crate::opensearch::home::{Home, Place};
use crate::opensearch::plan::Plan;
use crate::opensearch::request::Request;
use crate::opensearch::stored::{Hit, State, Write, engine_id};
use crate::query::Filter;

/// How many documents are read at once where all that may match are looked at, and by a scan.
const PAGE: usize = 1000;

/// The documents of one kind in one namespace: all that a read can ask for.
pub(super) struct Documents<'e> {
    pub(super) engine: &'e Engine,
    pub(super) home: Home,
    pub(super) kind: &'e Kind,
}

/// Where a document is, and its state there.
#[derive(Debug)]
pub(super) struct Spot {
    pub(super) index: String,
    pub(super) state: State,
    pub(super) write: Write,
}

impl Spot {
    fn of(hit: &Hit) -> Self {
        Self { index: hit.index.clone(), state: hit.state(), write: hit.write() }
    }
}

/// What a search finds.
#[derive(Deserialize)]
pub(super) struct Found {
    pub(super) hits: Hits,
}

#[derive(Deserialize)]
pub(super) struct Hits {
    pub(super) total: Option<Total>,
    pub(super) hits: Vec<Hit>,
}

#[derive(Deserialize)]
pub(super) struct Total {
    pub(super) value: u64,
}

impl Documents<'_> {
    /// A request for a search, with nothing but this space and kind in it.
    pub(super) fn search_request(&self, query: &Value, mut body: Value) -> Request {
        body["query"] = json!({"bool": {"filter": [
            {"term": {"space": self.home.space}},
            {"term": {"kind": self.kind.name()}},
            query,
        ]}});
        let request = Request::read(format!("{}/_search", self.alias()), &body);
        let request = request.query(&[("allow_partial_search_results", "false")]);
        if self.own_alias().is_some() { request } else { request.routed(&self.home.space) }
    }

    /// The alias that is read.
    pub(super) fn alias(&self) -> String {
        self.own_alias().unwrap_or_else(|| self.engine.layout.of_kind(self.kind))
    }

    /// The same, if the documents are in indices of the tenant's own.
    pub(super) fn own_alias(&self) -> Option<String> {
        let Place::Dedicated(owner) = self.home.place else { return None };
        let layout = &self.engine.layout;
        let is_own = layout.own_kinds().any(|own| own == self.kind.name());
        is_own.then(|| owner.alias(layout.version(), self.kind.name()))
    }

    pub(super) fn documents(&self, hits: Vec<Hit>) -> Result<Vec<Document>, StoreError> {
        let is_own = self.own_alias().is_some();
        hits.into_iter().map(|hit| hit.into_document(&self.home.space, self.kind, is_own)).collect()
    }

    pub(super) async fn get(&self, id: &DocumentId) -> Result<Option<Document>, StoreError> {
        Ok(self.find(&[id]).await?.pop().flatten().map(|(_, document)| document))
    }

    /// The documents of ids, as they are, seen by searches or not; and where each of them is.
    pub(super) async fn find(
        &self,
        ids: &[&DocumentId],
    ) -> Result<Vec<Option<(Spot, Document)>>, StoreError> {
        let indices = match self.own_alias() {
            Some(alias) => self.engine.dedicated.partitions(&alias, self.kind.name()).await?,
            None => vec![self.alias()],
        };
        self.find_in(&indices, ids).await
    }

    /// The same, in some of the indices where they may be.
    pub(super) async fn find_in(
        &self,
        indices: &[String],
        ids: &[&DocumentId],
    ) -> Result<Vec<Option<(Spot, Document)>>, StoreError> {
        let is_own = self.own_alias().is_some();
        let asked = ids.iter().flat_map(|id| {
            let id = engine_id(&self.home.space, self.kind, id);
            indices.iter().map(move |index| match is_own {
                true => json!({"_index": index, "_id": id}),
                false => json!({"_index": index, "_id": id, "routing": self.home.space}),
            })
        });
        let mut answers = self.engine.gets.get(asked.collect()).await?.into_iter();
        let of = |id: &&DocumentId| {
            let mut found = None;
            for answer in answers.by_ref().take(indices.len()) {
                found = found.or(self.one(answer, id, is_own)?);
            }
            Ok(found)
        };
        ids.iter().map(of).collect()
    }

    /// One answer for a document; a partition may not have been made yet.
    fn one(
        &self,
        answer: Gotten,
        id: &DocumentId,
        is_own: bool,
    ) -> Result<Option<(Spot, Document)>, StoreError> {
        if let Some(error) = &answer.error {
            if error["type"] != "index_not_found_exception" {
                let kind = StoreErrorKind::Unavailable { retry_after: RETRY_AFTER };
                return Err(StoreError::new(kind, format!("the engine cannot read a document: {error}")));
            }
            return match is_own {
                true => Ok(None),
                false => Err(StoreError::new(StoreErrorKind::NotInstalled, "the engine has no index for it")),
            };
        }
        let Some(hit) = Hit::of(answer)? else { return Ok(None) };
        let spot = Spot::of(&hit);
        let document = hit.into_document(&self.home.space, self.kind, is_own)?;
        Ok((document.id == *id).then_some((spot, document)))
    }

    pub(super) async fn count(&self, filter: &Filter) -> Result<u64, StoreError> {
        let plan = Plan::new(self.kind, filter);
        if !plan.is_exact {
            let mut count = 0;
            self.each(&plan, filter, |_| count += 1).await?;
            return Ok(count);
        }
        let body = json!({"size": 0, "track_total_hits": true});
        let found: Found = self.engine.hosts.ask(self.search_request(&plan.query, body)).await?;
        Ok(found.hits.total.map_or(0, |total| total.value))
    }

    /// Visits each document that a filter finds, of all that the engine finds for its plan.
    pub(super) async fn each(
        &self,
        plan: &Plan,
        filter: &Filter,
        mut visit: impl FnMut(Document) + Send,
    ) -> Result<(), StoreError> {
        let matcher = Matcher::new(self.kind, filter)?;
        let mut after = None;
        loop {
            let page = self.page(&plan.query, after.as_ref(), PAGE).await?;
            let is_last = page.len() < PAGE;
            after = page.last().map(|document| document.id.clone());
            page.into_iter().filter(|document| matcher.matches(&document.body)).for_each(&mut visit);
            if is_last {
                return Ok(());
            }
        }
    }

    pub(super) async fn scan(
        &self,
        after: Option<&DocumentId>,
        limit: usize,
    ) -> Result<Vec<Document>, StoreError> {
        self.engine.hosts.refresh(&self.alias()).await?;
        let (all, mut documents) = (json!({"match_all": {}}), Vec::new());
        let mut after = after.cloned();
        while documents.len() < limit {
            let size = PAGE.min(limit - documents.len());
            let page = self.page(&all, after.as_ref(), size).await?;
            let is_last = page.len() < size;
            documents.extend(page);
            if is_last {
                break;
            }
            after = documents.last().map(|document| document.id.clone());
        }
        Ok(documents)
    }

    /// Some documents in the order of their ids, and where each of them is.
    pub(super) async fn spots(
        &self,
        after: Option<&DocumentId>,
    ) -> Result<Vec<(Spot, Document)>, StoreError> {
        let hits = self.hits(&json!({"match_all": {}}), after, PAGE).await?;
        let is_own = self.own_alias().is_some();
        let of = |hit: Hit| {
            let spot = Spot::of(&hit);
            Ok((spot, hit.into_document(&self.home.space, self.kind, is_own)?))
        };
        hits.into_iter().map(of).collect()
    }

    /// Documents in the order of their ids.
    async fn page(
        &self,
        query: &Value,
        after: Option<&DocumentId>,
        size: usize,
    ) -> Result<Vec<Document>, StoreError> {
        self.documents(self.hits(query, after, size).await?)
    }

    async fn hits(
        &self,
        query: &Value,
        after: Option<&DocumentId>,
        size: usize,
    ) -> Result<Vec<Hit>, StoreError> {
        let mut body = json!({
            "size": size,
            "sort": [{"id": "asc"}],
            "track_total_hits": false,
            "seq_no_primary_term": true,
        });
        if let Some(after) = after {
            body["search_after"] = json!([after.as_str()]);
        }
        let found: Found = self.engine.hosts.ask(self.search_request(query, body)).await?;
        Ok(found.hits.hits)
    }
}
