//! What a query and a document must be before a backend sees them.

use jiff::tz::TimeZone;
use serde_json::Value;

use crate::document::{Batch, Body, Change};
use crate::error::StoreError;
use crate::instant;
use crate::kind::{FieldType, Kind, Schema};
use crate::order::encode_value;
use crate::path::{Found, Path};
use crate::query::{Aggregation, Bound, Filter, MAX_WINDOW, Query, Scalar, TimeUnit};

/// How deep filters may nest: what reads them back from JSON stops at 128 levels, of which each takes two.
const MAX_FILTER_DEPTH: usize = 32;

/// How deep bodies may nest, for the same reason: what cannot be read back is not written.
const MAX_BODY_DEPTH: usize = 100;

/// A filter inside the subset, texts read as dates where the kind says that the field holds dates.
pub(crate) fn filter(kind: &Kind, filter: &Filter) -> Result<Filter, StoreError> {
    filter_at(kind, filter, 0)
}

fn filter_at(kind: &Kind, filter: &Filter, depth: usize) -> Result<Filter, StoreError> {
    if depth > MAX_FILTER_DEPTH {
        return Err(StoreError::invalid(format!("a filter nests at most {MAX_FILTER_DEPTH} levels deep")));
    }
    if let Some(text) = path_of(filter) {
        path(text)?;
    }
    let each = |filters: &[Filter]| {
        filters.iter().map(|filter| filter_at(kind, filter, depth + 1)).collect::<Result<_, _>>()
    };
    Ok(match filter {
        Filter::All => Filter::All,
        Filter::And(filters) => Filter::And(each(filters)?),
        Filter::Or(filters) => Filter::Or(each(filters)?),
        Filter::Not(filter) => Filter::Not(Box::new(filter_at(kind, filter, depth + 1)?)),
        Filter::Equals { path, value } => {
            Filter::Equals { path: path.clone(), value: scalar(kind, path, value)? }
        }
        Filter::In { path, values } => {
            let values = values.iter().map(|value| scalar(kind, path, value)).collect::<Result<_, _>>()?;
            Filter::In { path: path.clone(), values }
        }
        Filter::Range { path, from, to } => {
            if from.is_none() && to.is_none() {
                return Err(StoreError::invalid(format!("the range of `{path}` has no end")));
            }
            let (from, to) = (end(kind, path, from.as_ref())?, end(kind, path, to.as_ref())?);
            Filter::Range { path: path.clone(), from, to }
        }
        Filter::Exists { path } => Filter::Exists { path: path.clone() },
        Filter::Prefix { path, text } => Filter::Prefix { path: path.clone(), text: text.clone() },
    })
}

fn path_of(filter: &Filter) -> Option<&str> {
    match filter {
        Filter::All | Filter::And(_) | Filter::Or(_) | Filter::Not(_) => None,
        Filter::Equals { path, .. }
        | Filter::In { path, .. }
        | Filter::Range { path, .. }
        | Filter::Exists { path }
        | Filter::Prefix { path, .. } => Some(path),
    }
}

/// A path of a query or a declaration.
pub(crate) fn path(path: &str) -> Result<Path, StoreError> {
    Path::parse(path).ok_or_else(|| no_path(path))
}

pub(crate) fn no_path(text: &str) -> StoreError {
    StoreError::invalid(format!("`{text}` is no path"))
}

fn scalar(kind: &Kind, path: &str, value: &Scalar) -> Result<Scalar, StoreError> {
    match (kind.field(path).map(|field| field.field_type), value) {
        (Some(FieldType::Date), Scalar::Text(text)) => {
            instant::parse(text).map(Scalar::Date).ok_or_else(|| {
                StoreError::invalid(format!("`{path}` holds dates, and `{text}` is none (RFC 3339)"))
            })
        }
        _ => Ok(value.clone()),
    }
}

fn end(kind: &Kind, path: &str, bound: Option<&Bound>) -> Result<Option<Bound>, StoreError> {
    let Some(bound) = bound else { return Ok(None) };
    if matches!(bound.value, Scalar::Bool(_)) {
        return Err(StoreError::invalid(format!(
            "the range of `{path}` ends in a boolean, which has no order"
        )));
    }
    Ok(Some(Bound { value: scalar(kind, path, &bound.value)?, inclusive: bound.inclusive }))
}

/// A query inside the subset, its filter as [`filter`] gives it.
#[cfg(any(feature = "embedded", feature = "opensearch"))]
pub(crate) fn query(kind: &Kind, query: &Query) -> Result<Query, StoreError> {
    page(kind, query)?;
    Ok(Query { filter: filter(kind, &query.filter)?, ..query.clone() })
}

/// Whether the order and the part that a query asks for are inside the subset.
pub(crate) fn page(kind: &Kind, query: &Query) -> Result<(), StoreError> {
    if query.offset.checked_add(query.limit).is_none_or(|end| end > MAX_WINDOW) {
        return Err(StoreError::invalid(format!("offset and limit reach beyond {MAX_WINDOW} documents")));
    }
    if let Some(sort) = query.sort.iter().find(|sort| kind.field(&sort.path).is_none()) {
        return Err(StoreError::invalid(format!("`{}` cannot be sorted by `{}`", kind.name(), sort.path)));
    }
    Ok(())
}

/// Whether an aggregation is inside the subset.
pub(crate) fn aggregation(aggregation: &Aggregation) -> Result<(), StoreError> {
    match aggregation {
        Aggregation::Terms { path, size } => {
            self::path(path)?;
            if *size > MAX_WINDOW {
                return Err(StoreError::invalid(format!("terms gives at most {MAX_WINDOW} values")));
            }
        }
        Aggregation::Histogram { path, interval, zone } => {
            self::path(path)?;
            time_zone(zone)?;
            if interval.count == 0 {
                return Err(StoreError::invalid("an interval has at least one unit"));
            }
            if interval.count > 1 && matches!(interval.unit, TimeUnit::Month | TimeUnit::Year) {
                return Err(StoreError::invalid("an interval is one month or one year, not several"));
            }
        }
    }
    Ok(())
}

/// An IANA time zone by its name.
pub(crate) fn time_zone(name: &str) -> Result<TimeZone, StoreError> {
    TimeZone::get(name).map_err(|_| StoreError::invalid(format!("no time zone is called `{name}`")))
}

/// Whether all the documents of a batch are what their kinds say.
pub(crate) fn batch(schema: &Schema, batch: &Batch) -> Result<(), StoreError> {
    let changes = batch.guarded.iter().map(|(change, _)| change).chain(&batch.appended);
    for change in changes {
        let kind = schema.kind(change.kind())?;
        if let Change::Put { body, .. } = change {
            fields(kind, body)?;
        }
    }
    Ok(())
}

/// The declared fields of a body in the order of their declaration, as bytes that sort like them.
///
/// # Errors
/// [`Invalid`](crate::StoreErrorKind::Invalid) names the field that holds something else than one value of its type.
pub(crate) fn fields(kind: &Kind, body: &Body) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
    if !body.values().all(|value| is_at_most(value, MAX_BODY_DEPTH)) {
        let message = format!("a `{}` nests at most {MAX_BODY_DEPTH} levels deep", kind.name());
        return Err(StoreError::invalid(message));
    }
    kind.fields()
        .iter()
        .map(|field| {
            let encoded = match field.found(body)? {
                Found::Nothing => return Ok(None),
                Found::One(value) => encode_value(field.field_type, value),
                Found::Several => None,
            };
            encoded.map(Some).ok_or_else(|| {
                let (kind, path, what) = (kind.name(), &field.path, holds(field.field_type));
                StoreError::invalid(format!("`{path}` of a `{kind}` holds {what}, or nothing"))
            })
        })
        .collect()
}

fn holds(field_type: FieldType) -> &'static str {
    match field_type {
        FieldType::Text => "one text",
        FieldType::Number => "one number",
        FieldType::Date => "one date (RFC 3339)",
    }
}

fn is_at_most(value: &Value, depth: usize) -> bool {
    let Some(below) = depth.checked_sub(1) else { return false };
    match value {
        Value::Array(elements) => elements.iter().all(|element| is_at_most(element, below)),
        Value::Object(fields) => fields.values().all(|value| is_at_most(value, below)),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::error::StoreErrorKind;

    fn kind() -> Kind {
        Kind::new("event")
            .with_field("time", FieldType::Date)
            .with_field("a.n", FieldType::Number)
            .with_field("text", FieldType::Text)
    }

    fn refused(body: Value) -> Option<String> {
        let error = fields(&kind(), body.as_object().expect("an object")).err()?;
        assert_eq!(error.kind(), StoreErrorKind::Invalid);
        Some(error.to_string())
    }

    #[test]
    fn a_declared_field_holds_one_value_of_its_type_or_nothing() {
        for body in [
            json!({}),
            json!({"time": null, "a": 7, "text": []}),
            json!({"time": "2026-01-01T00:00:00Z", "a": {"n": 1.5}, "text": ""}),
            json!({"a": [{"n": 1}, {"m": 2}]}),
        ] {
            assert_eq!(refused(body.clone()), None, "{body}");
        }
        for (body, named) in [
            (json!({"time": "2026-01-01"}), "`time`"),
            (json!({"time": 5}), "`time`"),
            (json!({"a": {"n": "1"}}), "`a.n`"),
            (json!({"a": [{"n": 1}, {"n": 2}]}), "`a.n`"),
            (json!({"text": ["a", "b"]}), "`text`"),
            (json!({"text": {}}), "`text`"),
        ] {
            let message = refused(body.clone()).unwrap_or_else(|| panic!("{body} was accepted"));
            assert!(message.contains(named), "{message}");
        }
    }

    #[test]
    fn what_nests_too_deep_to_be_read_back_is_refused() {
        let nested = |levels| (1..levels).fold(json!(1), |value, _| json!([value]));
        assert_eq!(refused(json!({"deep": nested(MAX_BODY_DEPTH)})), None);
        let message = refused(json!({"deep": nested(MAX_BODY_DEPTH + 1)})).expect("refused");
        assert!(message.contains("nests"), "{message}");

        let deep = (0..=MAX_FILTER_DEPTH).fold(Filter::All, |filter, _| Filter::Not(Box::new(filter)));
        assert!(filter(&kind(), &deep).is_err());
        let allowed = (0..MAX_FILTER_DEPTH).fold(Filter::All, |filter, _| Filter::And(vec![filter]));
        let text = serde_json::to_string(&filter(&kind(), &allowed).expect("allowed")).expect("JSON");
        assert!(serde_json::from_str::<Filter>(&text).is_ok(), "what is allowed is read back");
    }

    #[test]
    fn texts_become_dates_where_dates_are_declared() {
        let checked = filter(&kind(), &Filter::equals("time", "2026-01-01T00:00:00Z")).expect("a date");
        assert!(matches!(checked, Filter::Equals { value: Scalar::Date(_), .. }));
        assert!(filter(&kind(), &Filter::equals("time", "yesterday")).is_err());
        assert!(filter(&kind(), &Filter::equals("other", "yesterday")).is_ok());
        assert!(filter(&kind(), &Filter::equals("a..b", "x")).is_err());
    }
}
