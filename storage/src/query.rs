//! [`Query`], [`Filter`] and [`Aggregation`]: the subset that every backend honours, with the same answers.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Number;

use crate::document::Document;

/// The greatest `offset + limit` of a [`Query`]; [`scan`](crate::Store::scan) has no such limit.
pub const MAX_WINDOW: usize = 10_000;

/// Which documents a query is about. Paths are dotted (`metadata.time.insert`).
///
/// - A value matches only a query value of its own JSON type; an array matches if any of its elements does, and a path
///   leads through arrays of objects. `null` is absent.
/// - Numbers compare exactly over i64, u64 and f64; strings by their UTF-8 bytes.
/// - A [`Scalar::Date`] matches strings that are RFC 3339 instants, by time. In a field declared as a date, a
///   [`Scalar::Text`] is read as a date too.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum Filter {
    /// Every document.
    #[default]
    All,
    /// All of these hold; with none, every document.
    And(Vec<Filter>),
    /// Any of these holds; with none, no document.
    Or(Vec<Filter>),
    /// This does not hold.
    Not(Box<Filter>),
    /// The path holds this value.
    Equals {
        /// The path.
        path: Cow<'static, str>,
        /// The value.
        value: Scalar,
    },
    /// The path holds one of these values.
    In {
        /// The path.
        path: Cow<'static, str>,
        /// The values.
        values: Vec<Scalar>,
    },
    /// The path holds a value between these; booleans have no order.
    Range {
        /// The path.
        path: Cow<'static, str>,
        /// Where it begins.
        from: Option<Bound>,
        /// Where it ends.
        to: Option<Bound>,
    },
    /// The path holds something.
    Exists {
        /// The path.
        path: Cow<'static, str>,
    },
    /// The path holds a string that begins with this text.
    Prefix {
        /// The path.
        path: Cow<'static, str>,
        /// The beginning.
        text: String,
    },
}

impl Filter {
    /// The path holds this value.
    pub fn equals(path: impl Into<Cow<'static, str>>, value: impl Into<Scalar>) -> Self {
        Self::Equals { path: path.into(), value: value.into() }
    }
}

/// A value to compare with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Scalar {
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A text.
    Text(String),
    /// An instant.
    Date(Timestamp),
}

impl From<&str> for Scalar {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Scalar {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Scalar {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Scalar {
    fn from(value: i64) -> Self {
        Self::Number(value.into())
    }
}

impl From<Timestamp> for Scalar {
    fn from(value: Timestamp) -> Self {
        Self::Date(value)
    }
}

/// One end of a range.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bound {
    /// The value.
    pub value: Scalar,
    /// Whether the value itself belongs to the range.
    pub inclusive: bool,
}

/// What to find, in which order, and which part of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// Which documents.
    pub filter: Filter,
    /// By which declared fields, the most significant first. Ties, and no sort at all, go by id, ascending; documents
    /// without the field come last in either direction.
    pub sort: Vec<Sort>,
    /// How many to skip.
    pub offset: usize,
    /// How many to give; with `offset` at most [`MAX_WINDOW`].
    pub limit: usize,
    /// How far [`Page::total`] is counted: what there is beyond it is not looked at, so the latest of a million documents
    /// cost no more than those of a hundred. `0`: it is not counted at all. Default [`u64::MAX`]: exactly.
    pub count_up_to: u64,
}

impl Default for Query {
    /// The first twenty, by id, and how many there are exactly.
    fn default() -> Self {
        Self { filter: Filter::All, sort: Vec::new(), offset: 0, limit: 20, count_up_to: u64::MAX }
    }
}

/// One criterion of order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sort {
    /// A declared field.
    pub path: Cow<'static, str>,
    /// The direction.
    pub order: Order,
}

/// A direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The least first.
    Ascending,
    /// The greatest first.
    Descending,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// How many documents match in all, or [`Query::count_up_to`] if there are more.
    pub total: u64,
    /// The part that was asked for.
    pub documents: Vec<Document>,
}

/// What to count documents by.
#[derive(Debug, Clone, PartialEq)]
pub enum Aggregation {
    /// By the values at a path. A document counts once for each distinct value of an array.
    Terms {
        /// The path.
        path: Cow<'static, str>,
        /// How many values to give, the most frequent first, ties by value.
        size: usize,
    },
    /// By time.
    Histogram {
        /// A path that holds RFC 3339 instants.
        path: Cow<'static, str>,
        /// How wide a bucket is.
        interval: Interval,
        /// An IANA time zone, such as `Europe/Warsaw`: where days and longer begin.
        zone: String,
    },
}

/// How wide a bucket of a histogram is. Second, minute and hour are fixed lengths of time and begin at multiples of
/// them since 1970-01-01T00:00 of the zone's standard offset at that moment; days and longer follow the zone's calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    /// How many units, at least 1; 1 for units longer than a day.
    pub count: u32,
    /// The unit.
    pub unit: TimeUnit,
}

/// A unit of an [`Interval`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeUnit {
    /// 1 s.
    Second,
    /// 60 s.
    Minute,
    /// 3600 s.
    Hour,
    /// A calendar day of the zone: 23 to 25 hours.
    Day,
    /// A calendar month of the zone.
    Month,
    /// A calendar year of the zone.
    Year,
}

/// The answer to an [`Aggregation`].
#[derive(Debug, Clone, PartialEq)]
pub enum Buckets {
    /// Of [`Aggregation::Terms`].
    Terms {
        /// The values and how many documents hold them.
        values: Vec<(Scalar, u64)>,
        /// How many (document, value) pairs are beyond those.
        other: u64,
    },
    /// Of [`Aggregation::Histogram`]: where a bucket begins and how many documents are in it, in order of time; empty
    /// buckets are left out.
    Histogram(Vec<(Timestamp, u64)>),
}
