//! Counting documents by value or by time, one document after the other.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::check;
use crate::document::Body;
use crate::error::StoreError;
use crate::histogram;
#[cfg(feature = "embedded")]
use crate::histogram::Spans;
use crate::instant;
use crate::kind::{FieldType, Kind};
#[cfg(feature = "embedded")]
use crate::order::Decoded;
use crate::order::NumberKey;
use crate::path::Path;
use crate::query::{Aggregation, Buckets, Interval, Scalar};

/// A value to count by; ordered by type, then by value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Term {
    Bool(bool),
    Number(NumberKey),
    Text(String),
    Date(Timestamp),
}

/// Counts documents by value or by time, one after the other, in any order.
///
/// It holds a number for each distinct value or bucket that it has met.
#[derive(Debug)]
pub struct Counter {
    path: Path,
    by: By,
}

#[derive(Debug)]
enum By {
    Value { dates: bool, size: usize, counts: BTreeMap<Term, u64> },
    Time { interval: Interval, zone: TimeZone, counts: BTreeMap<Timestamp, u64> },
}

impl Counter {
    /// Nothing is counted yet.
    ///
    /// # Errors
    /// [`Invalid`](crate::StoreErrorKind::Invalid) names what is outside the subset.
    pub fn new(kind: &Kind, aggregation: &Aggregation) -> Result<Self, StoreError> {
        check::aggregation(aggregation)?;
        let (path, by) = match aggregation {
            Aggregation::Terms { path, size } => {
                let dates = kind.field(path).is_some_and(|field| field.field_type == FieldType::Date);
                (path, By::Value { dates, size: *size, counts: BTreeMap::new() })
            }
            Aggregation::Histogram { path, interval, zone } => {
                let zone = check::time_zone(zone)?;
                (path, By::Time { interval: *interval, zone, counts: BTreeMap::new() })
            }
        };
        Ok(Self { path: check::path(path)?, by })
    }

    /// Counts one document that matches, once for each distinct value or bucket.
    pub fn add(&mut self, body: &Body) {
        let values = self.path.values(body);
        match &mut self.by {
            By::Value { dates, counts, .. } => {
                count(counts, values.into_iter().filter_map(|value| Term::new(value, *dates)));
            }
            By::Time { interval, zone, counts } => {
                let instants = values.into_iter().filter_map(|value| instant::parse(value.as_str()?));
                count(counts, instants.map(|instant| histogram::bucket(instant, *interval, zone)));
            }
        }
    }

    /// The declared field whose column has all that is counted by.
    #[cfg(feature = "embedded")]
    pub(crate) fn column(&self, kind: &Kind) -> Option<Column> {
        let position = kind.field_position(&self.path.to_string())?;
        match &self.by {
            By::Value { .. } => Some(Column::Value(position)),
            By::Time { interval, zone, .. } => {
                let holds_dates = kind.fields()[position].field_type == FieldType::Date;
                holds_dates.then(|| Column::Time(position, Spans::new(*interval, zone.clone())))
            }
        }
    }

    /// Counts documents that hold a value.
    #[cfg(feature = "embedded")]
    pub(crate) fn add_value(&mut self, value: Decoded, count: u64) {
        if let By::Value { counts, .. } = &mut self.by
            && count > 0
        {
            *counts.entry(Term::from(value)).or_default() += count;
        }
    }

    /// Counts documents that belong to a bucket.
    #[cfg(any(feature = "embedded", feature = "opensearch"))]
    pub(crate) fn add_bucket(&mut self, bucket: Timestamp, count: u64) {
        if let By::Time { counts, .. } = &mut self.by
            && count > 0
        {
            *counts.entry(bucket).or_default() += count;
        }
    }

    /// What was counted.
    pub fn finish(self) -> Buckets {
        match self.by {
            By::Time { counts, .. } => Buckets::Histogram(counts.into_iter().collect()),
            By::Value { size, counts, .. } => {
                let mut values: Vec<(Term, u64)> = counts.into_iter().collect();
                // Stable: equal counts stay in the order of their values.
                values.sort_by_key(|(_, count)| Reverse(*count));
                let other = values.iter().skip(size).map(|(_, count)| count).sum();
                values.truncate(size);
                let values = values.into_iter().map(|(term, count)| (term.into_scalar(), count)).collect();
                Buckets::Terms { values, other }
            }
        }
    }
}

/// The position of a declared field, and how it is counted by.
#[cfg(feature = "embedded")]
pub(crate) enum Column {
    Value(usize),
    Time(usize, Spans),
}

#[cfg(feature = "embedded")]
impl From<Decoded> for Term {
    fn from(value: Decoded) -> Self {
        match value {
            Decoded::Text(text) => Self::Text(text),
            Decoded::Number(number) => Self::Number(number),
            Decoded::Date(instant) => Self::Date(instant),
        }
    }
}

/// Adds one for each distinct key.
fn count<K: Ord>(counts: &mut BTreeMap<K, u64>, mut keys: impl Iterator<Item = K>) {
    let Some(first) = keys.next() else { return };
    let Some(second) = keys.next() else {
        *counts.entry(first).or_default() += 1;
        return;
    };
    for key in [first, second].into_iter().chain(keys).collect::<BTreeSet<_>>() {
        *counts.entry(key).or_default() += 1;
    }
}

impl Term {
    fn new(value: &Value, dates: bool) -> Option<Self> {
        match value {
            Value::Bool(value) => Some(Self::Bool(*value)),
            Value::Number(number) => Some(Self::Number(NumberKey::of(number))),
            Value::String(text) if dates => instant::parse(text).map(Self::Date),
            Value::String(text) => Some(Self::Text(text.clone())),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }

    fn into_scalar(self) -> Scalar {
        match self {
            Self::Bool(value) => Scalar::Bool(value),
            Self::Number(key) => Scalar::Number(key.to_number()),
            Self::Text(text) => Scalar::Text(text),
            Self::Date(instant) => Scalar::Date(instant),
        }
    }
}
