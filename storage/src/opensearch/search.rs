//! A page of documents, in the engine's order.

use serde_json::{Value, json};

use crate::error::StoreError;
use crate::evaluate::Pager;
use crate::kind::FieldType;
use crate::opensearch::layout::sort_field;
use crate::opensearch::plan::Plan;
use crate::opensearch::read::{Documents, Found};
use crate::query::{MAX_WINDOW, Order, Page, Query};

/// Numbers up to there are counted without counting all.
const MAX_TRACKED: u64 = i32::MAX as u64;

/// Some documents in the order of a query.
#[derive(Debug, Clone, Copy)]
struct Window {
    from: usize,
    size: usize,
    /// Whether documents that are alike for the query are in the order of their ids.
    ties: bool,
}

impl Documents<'_> {
    pub(super) async fn search(&self, query: &Query) -> Result<Page, StoreError> {
        let plan = Plan::new(self.kind, &query.filter);
        if !plan.is_exact {
            let mut pager = Pager::new(self.kind, query)?;
            self.each(&plan, &query.filter, |document| pager.add(document)).await?;
            return Ok(pager.finish());
        }
        if self.is_by_time(query)
            && let Some(page) = self.untied(&plan, query).await?
        {
            return Ok(page);
        }
        let window = Window { from: query.offset, size: query.limit, ties: true };
        let found = self.window(&plan, query, window).await?;
        Ok(Page { total: found.total(query), documents: self.documents(found.hits.hits)? })
    }

    /// Whether hardly any two documents are alike for the order, and there is room for a neighbour at the end.
    fn is_by_time(&self, query: &Query) -> bool {
        let [sort] = query.sort.as_slice() else { return false };
        let is_date = self.kind.field(&sort.path).is_some_and(|field| field.field_type == FieldType::Date);
        is_date && query.limit > 0 && query.offset + query.limit < MAX_WINDOW
    }

    /// The page without asking for the order of ids, which takes the engine ten times as long where the latest documents are
    /// asked for: it looks up the id of each one that is, for a moment, among the first. `None` if a document of the page ties
    /// with one outside of it: then only the ids tell which of them it is.
    async fn untied(&self, plan: &Plan, query: &Query) -> Result<Option<Page>, StoreError> {
        let before = usize::from(query.offset > 0);
        let window = Window { from: query.offset - before, size: before + query.limit + 1, ties: false };
        let mut found = self.window(plan, query, window).await?;
        let hits = &mut found.hits.hits;
        let page = before.min(hits.len())..(before + query.limit).min(hits.len());
        let is_tie = |at: usize| at > 0 && at < hits.len() && hits[at - 1].sort == hits[at].sort;
        if !page.is_empty() && (is_tie(page.start) || is_tie(page.end)) {
            return Ok(None);
        }
        hits.truncate(page.end);
        hits.drain(..page.start);
        hits.chunk_by_mut(|one, next| one.sort == next.sort)
            .for_each(|alike| alike.sort_unstable_by(|one, other| one.id().cmp(other.id())));
        let total = found.total(query);
        Ok(Some(Page { total, documents: self.documents(found.hits.hits)? }))
    }

    async fn window(&self, plan: &Plan, query: &Query, window: Window) -> Result<Found, StoreError> {
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
        if window.ties {
            sort.push(json!({"id": "asc"}));
        }
        let body = json!({
            "from": window.from,
            "size": window.size,
            "sort": sort,
            "track_total_hits": tracked,
            "seq_no_primary_term": true,
        });
        self.engine.hosts.ask(self.search_request(&plan.query, body)).await
    }
}

impl Found {
    /// As far as the query says to count.
    fn total(&self, query: &Query) -> u64 {
        self.hits.total.as_ref().map_or(0, |total| total.value).min(query.count_up_to)
    }
}
