//! The query subset over documents in this process: for backends of one's own that look at documents themselves.
//!
//! A [`Matcher`] says which documents a filter finds; a [`Pager`] makes a page of them, a [`Counter`] buckets. Each refuses,
//! when it is made, what is outside the subset. [`MemoryStore`](crate::MemoryStore) is built of them; a backend that knows
//! a shorter way to some of the documents gives them these alone. What is to be written is checked by
//! [`Schema::check`](crate::Schema::check).
//!
//! ```
//! use storage::evaluate::{Counter, Matcher, Pager};
//! use storage::{Aggregation, Buckets, Document, Filter, Kind, Page, Query, StoreError};
//!
//! fn search(kind: &Kind, query: &Query, documents: &[Document]) -> Result<Page, StoreError> {
//!     let (matcher, mut pager) = (Matcher::new(kind, &query.filter)?, Pager::new(kind, query)?);
//!     for document in documents.iter().filter(|document| matcher.matches(&document.body)) {
//!         pager.add(document.clone());
//!     }
//!     Ok(pager.finish())
//! }
//!
//! fn aggregate(
//!     kind: &Kind, filter: &Filter, aggregation: &Aggregation, documents: &[Document],
//! ) -> Result<Buckets, StoreError> {
//!     let (matcher, mut counter) = (Matcher::new(kind, filter)?, Counter::new(kind, aggregation)?);
//!     documents.iter().filter(|document| matcher.matches(&document.body)).for_each(|document| counter.add(&document.body));
//!     Ok(counter.finish())
//! }
//! ```

use std::cmp::Ordering;

pub use crate::aggregate::Counter;

use crate::check;
use crate::document::{Body, Document};
use crate::error::StoreError;
use crate::kind::{FieldType, Kind};
use crate::matching;
use crate::order::encode_value;
use crate::path::{Found, Path};
use crate::query::{Filter, Order, Page, Query};

/// A filter made ready for many documents of a kind.
#[derive(Debug, Clone)]
pub struct Matcher(matching::Matcher);

impl Matcher {
    /// Texts become dates where the kind declares dates.
    ///
    /// # Errors
    /// [`Invalid`](crate::StoreErrorKind::Invalid) names what is outside the subset.
    pub fn new(kind: &Kind, filter: &Filter) -> Result<Self, StoreError> {
        check::filter(kind, filter).map(|filter| Self(matching::Matcher::new(&filter)))
    }

    /// Whether the filter finds a document with this body.
    pub fn matches(&self, body: &Body) -> bool {
        self.0.matches(body)
    }
}

/// Makes a page of the documents that match, one after the other, in any order.
///
/// Whatever their number, it holds no more than twice `offset + limit` of them.
#[derive(Debug)]
pub struct Pager {
    sort: Vec<(Path, FieldType, Order)>,
    offset: usize,
    limit: usize,
    count_up_to: u64,
    found: u64,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    /// What it is sorted by; `None` where it has no value.
    keys: Vec<Option<Vec<u8>>>,
    document: Document,
}

impl Pager {
    /// The query's filter is left to a [`Matcher`].
    ///
    /// # Errors
    /// [`Invalid`](crate::StoreErrorKind::Invalid) names what is outside the subset.
    pub fn new(kind: &Kind, query: &Query) -> Result<Self, StoreError> {
        check::page(kind, query)?;
        let sort = query.sort.iter().filter_map(|sort| Some((kind.field(&sort.path)?, sort.order)));
        let sort = sort.map(|(field, order)| Ok((field.way()?.clone(), field.field_type, order)));
        Ok(Self {
            sort: sort.collect::<Result<_, StoreError>>()?,
            offset: query.offset,
            limit: query.limit,
            count_up_to: query.count_up_to,
            found: 0,
            rows: Vec::new(),
        })
    }

    /// Takes a document that matches.
    pub fn add(&mut self, document: Document) {
        self.found += 1;
        let keys = self.sort.iter().map(|(path, field_type, _)| match path.found(&document.body) {
            Found::One(value) => encode_value(*field_type, value),
            Found::Nothing | Found::Several => None,
        });
        let row = Row { keys: keys.collect(), document };
        self.rows.push(row);
        if self.rows.len() >= 2 * self.end() {
            self.cut();
        }
    }

    /// The page, and the total as far as the query says to count.
    pub fn finish(mut self) -> Page {
        self.cut();
        let documents = self.rows.into_iter().map(|row| row.document).skip(self.offset);
        Page { total: self.count_up_to.min(self.found), documents: documents.collect() }
    }

    /// Where the page ends: at most [`MAX_WINDOW`](crate::MAX_WINDOW).
    fn end(&self) -> usize {
        self.offset + self.limit
    }

    /// Leaves no more, in order, than what the page can come from.
    fn cut(&mut self) {
        let Self { sort, rows, .. } = self;
        rows.sort_by(|left, right| left.compare(right, sort));
        self.rows.truncate(self.end());
    }
}

impl Row {
    /// Ties go by id.
    fn compare(&self, other: &Self, sort: &[(Path, FieldType, Order)]) -> Ordering {
        let keys = self.keys.iter().zip(&other.keys).zip(sort);
        keys.map(|((left, right), (_, _, order))| compare(left.as_ref(), right.as_ref(), *order))
            .find(|ordering| ordering.is_ne())
            .unwrap_or_else(|| self.document.id.cmp(&other.document.id))
    }
}

/// What has no value comes last in either direction.
fn compare(left: Option<&Vec<u8>>, right: Option<&Vec<u8>>, order: Order) -> Ordering {
    match (left, right, order) {
        (Some(left), Some(right), Order::Ascending) => left.cmp(right),
        (Some(left), Some(right), Order::Descending) => right.cmp(left),
        (left, right, _) => right.is_some().cmp(&left.is_some()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::document::{DocumentId, Version};
    use crate::kind::FieldType;
    use crate::query::Sort;

    fn kind() -> Kind {
        Kind::new("event").with_field("rank", FieldType::Number).with_field("time", FieldType::Date)
    }

    /// Ranks 0 to 9 and none, each several times, in an order that is neither theirs nor that of the ids.
    fn documents() -> Vec<Document> {
        let document = |number: usize| {
            let rank = number * 7 % 11;
            let body = if rank < 10 { json!({"rank": rank}) } else { json!({}) };
            let id = DocumentId::new(format!("{:03}", number * 37 % 1000)).expect("an id");
            Document { id, version: Version::from_raw(1), body: body.as_object().expect("an object").clone() }
        };
        (0..1000).map(document).collect()
    }

    #[test]
    fn a_page_is_cut_from_all_in_order_and_little_is_held() {
        for order in [Order::Ascending, Order::Descending] {
            let mut expected = documents();
            let rank = |document: &Document| document.body.get("rank").and_then(serde_json::Value::as_i64);
            expected.sort_by_key(|document| {
                let rank = rank(document).map(|rank| if order == Order::Ascending { rank } else { -rank });
                (rank.is_none(), rank, document.id.clone())
            });
            for (offset, limit) in [(0, 0), (0, 1), (0, 20), (90, 20), (995, 20), (5000, 5000)] {
                let sort = vec![Sort { path: "rank".into(), order }];
                let query = Query { sort, offset, limit, ..Query::default() };
                let mut pager = Pager::new(&kind(), &query).expect("a pager");
                for document in documents() {
                    pager.add(document);
                    assert!(pager.rows.len() <= 2 * (offset + limit), "{} are held", pager.rows.len());
                }
                let expected: Vec<_> = expected.iter().skip(offset).take(limit).cloned().collect();
                assert_eq!(pager.finish(), Page { total: 1000, documents: expected });
            }
        }
    }

    #[test]
    fn what_is_outside_the_subset_makes_neither_matcher_nor_pager() {
        assert!(Matcher::new(&kind(), &Filter::equals("time", "yesterday")).is_err());
        let sort = vec![Sort { path: "undeclared".into(), order: Order::Ascending }];
        assert!(Pager::new(&kind(), &Query { sort, ..Query::default() }).is_err());
        assert!(Pager::new(&kind(), &Query { offset: 9_999, limit: 2, ..Query::default() }).is_err());
    }

    #[test]
    fn a_matcher_reads_texts_as_dates_where_the_kind_declares_dates() {
        let matcher = Matcher::new(&kind(), &Filter::equals("time", "2026-01-01T00:00:00Z")).expect("a date");
        let body = json!({"time": "2026-01-01T01:00:00+01:00"});
        assert!(matcher.matches(body.as_object().expect("an object")));
    }
}
