//! Reading: by id, by query, by scan. Every question names the space and the kind, and every answer is compared with them.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::document::{Document, DocumentId};
use crate::error::StoreError;
use crate::evaluate::{Matcher, Pager};
use crate::kind::Kind;
use crate::opensearch::engine::Engine;
use crate::opensearch::hosts::Request;
use crate::opensearch::layout::sort_field;
use crate::opensearch::plan::Plan;
use crate::opensearch::spaces::Space;
use crate::opensearch::stored::{Hit, engine_id};
use crate::query::{Filter, Order, Page, Query};

/// How many documents are read at once where all that may match are looked at, and by a scan.
const PAGE: usize = 1000;
/// Numbers up to there are counted without counting all.
const MAX_TRACKED: u64 = i32::MAX as u64;

/// The documents of one kind in one space: all that a read can ask for.
pub(super) struct Documents<'e> {
    pub(super) engine: &'e Engine,
    pub(super) space: Space,
    pub(super) kind: &'e Kind,
}

#[derive(Deserialize)]
struct Found {
    hits: Hits,
}

#[derive(Deserialize)]
struct Hits {
    total: Option<Total>,
    hits: Vec<Hit>,
}

#[derive(Deserialize)]
struct Total {
    value: u64,
}

#[derive(Deserialize)]
struct Gotten {
    docs: Vec<Value>,
}

impl Documents<'_> {
    /// A request for a search, with nothing but this space and kind in it.
    pub(super) fn search_request(&self, query: &Value, mut body: Value) -> Request {
        body["query"] = json!({"bool": {"filter": [
            {"term": {"space": self.space}},
            {"term": {"kind": self.kind.name()}},
            query,
        ]}});
        let path = format!("{}/_search", self.index());
        Request::read(path, &body).query(&[("allow_partial_search_results", "false")]).routed(&self.space)
    }

    fn index(&self) -> String {
        self.engine.layout.of_kind(self.kind)
    }

    fn documents(&self, hits: Vec<Hit>) -> Result<Vec<Document>, StoreError> {
        hits.into_iter().map(|hit| hit.into_document(&self.space, self.kind)).collect()
    }

    pub(super) async fn get(&self, id: &DocumentId) -> Result<Option<Document>, StoreError> {
        let body = json!({"docs": [{"_id": engine_id(&self.space, self.kind, id), "routing": self.space}]});
        let request = Request::read(format!("{}/_mget", self.index()), &body);
        let gotten: Gotten = self.engine.hosts.ask(request).await?;
        let Some(answer) = gotten.docs.into_iter().next() else {
            return Err(StoreError::new(
                crate::error::StoreErrorKind::Backend,
                "the engine did not answer for a document",
            ));
        };
        if let Some(error) = answer.get("error") {
            let kind = crate::error::StoreErrorKind::Unavailable { retry_after: super::failure::RETRY_AFTER };
            return Err(StoreError::new(kind, format!("the engine cannot read a document: {error}")));
        }
        if answer["found"] != true {
            return Ok(None);
        }
        let hit: Hit = serde_json::from_value(answer).map_err(super::failure::unexpected)?;
        let document = hit.into_document(&self.space, self.kind)?;
        Ok(Some(document).filter(|document| document.id == *id))
    }

    pub(super) async fn search(&self, query: &Query) -> Result<Page, StoreError> {
        let plan = Plan::new(self.kind, &query.filter);
        if !plan.is_exact {
            let mut pager = Pager::new(self.kind, query)?;
            self.each(&plan, &query.filter, |document| pager.add(document)).await?;
            return Ok(pager.finish());
        }
        let tracked = match query.count_up_to {
            0 => json!(false),
            most if most <= MAX_TRACKED => json!(most),
            _ => json!(true),
        };
        let mut sort: Vec<Value> = query.sort.iter().map(|sort| {
            let order = match sort.order {
                Order::Ascending => "asc",
                Order::Descending => "desc",
            };
            json!({sort_field(&sort.path): {"order": order, "missing": "_last", "unmapped_type": "keyword"}})
        }).collect();
        sort.push(json!({"id": "asc"}));
        let body = json!({
            "from": query.offset,
            "size": query.limit,
            "sort": sort,
            "track_total_hits": tracked,
            "seq_no_primary_term": true,
        });
        let found: Found = self.engine.hosts.ask(self.search_request(&plan.query, body)).await?;
        let total = found.hits.total.map_or(0, |total| total.value).min(query.count_up_to);
        Ok(Page { total, documents: self.documents(found.hits.hits)? })
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
        self.engine.refresh(&self.index()).await?;
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

    /// Documents in the order of their ids.
    async fn page(
        &self,
        query: &Value,
        after: Option<&DocumentId>,
        size: usize,
    ) -> Result<Vec<Document>, StoreError> {
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
        self.documents(found.hits.hits)
    }
}
