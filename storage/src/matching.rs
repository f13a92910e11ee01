//! Whether a document matches a filter: the one evaluator of every backend that runs in this process.

use std::cmp::Ordering;

use jiff::Timestamp;
use serde_json::Value;

use crate::document::Body;
use crate::instant;
use crate::order::NumberKey;
use crate::path::{self, Path};
use crate::query::{Bound, Filter, Scalar};

/// A filter made ready for many documents.
#[derive(Debug, Clone)]
pub(crate) enum Matcher {
    All,
    And(Vec<Matcher>),
    Or(Vec<Matcher>),
    Not(Box<Matcher>),
    In(Path, Vec<Wanted>),
    Range(Path, Option<(Wanted, bool)>, Option<(Wanted, bool)>),
    Exists(Path),
    Prefix(Path, String),
    /// A path that is none leads nowhere. Checked filters have no such path.
    Nothing,
}

/// A value to compare with.
#[derive(Debug, Clone)]
pub(crate) enum Wanted {
    Bool(bool),
    Number(NumberKey),
    Text(String),
    Date(Timestamp),
}

impl Matcher {
    pub(crate) fn new(filter: &Filter) -> Self {
        match filter {
            Filter::All => Self::All,
            Filter::And(filters) => Self::And(filters.iter().map(Self::new).collect()),
            Filter::Or(filters) => Self::Or(filters.iter().map(Self::new).collect()),
            Filter::Not(filter) => Self::Not(Box::new(Self::new(filter))),
            Filter::Equals { path, value } => Self::at(path, |path| Self::In(path, vec![Wanted::new(value)])),
            Filter::In { path, values } => {
                Self::at(path, |path| Self::In(path, values.iter().map(Wanted::new).collect()))
            }
            Filter::Range { path, from, to } => {
                let end = |bound: &Bound| (Wanted::new(&bound.value), bound.inclusive);
                Self::at(path, |path| Self::Range(path, from.as_ref().map(end), to.as_ref().map(end)))
            }
            Filter::Exists { path } => Self::at(path, Self::Exists),
            Filter::Prefix { path, text } => Self::at(path, |path| Self::Prefix(path, text.clone())),
        }
    }

    fn at(path: &str, with: impl FnOnce(Path) -> Self) -> Self {
        Path::parse(path).map_or(Self::Nothing, with)
    }

    pub(crate) fn matches(&self, body: &Body) -> bool {
        match self {
            Self::All => true,
            Self::Nothing => false,
            Self::And(matchers) => matchers.iter().all(|matcher| matcher.matches(body)),
            Self::Or(matchers) => matchers.iter().any(|matcher| matcher.matches(body)),
            Self::Not(matcher) => !matcher.matches(body),
            Self::In(path, wanted) => path.any(body, |value| {
                wanted.iter().any(|wanted| wanted.compare(value) == Some(Ordering::Equal))
            }),
            Self::Range(path, from, to) => path.any(body, |value| {
                from.as_ref().is_none_or(|end| within(end, value, Ordering::Greater))
                    && to.as_ref().is_none_or(|end| within(end, value, Ordering::Less))
            }),
            Self::Exists(path) => path.any(body, path::holds_something),
            Self::Prefix(path, prefix) => {
                path.any(body, |value| value.as_str().is_some_and(|text| text.starts_with(prefix.as_str())))
            }
        }
    }
}

fn within((end, inclusive): &(Wanted, bool), value: &Value, side: Ordering) -> bool {
    match end {
        Wanted::Bool(_) => false,
        _ => end.compare(value).is_some_and(|order| order == side || (*inclusive && order.is_eq())),
    }
}

impl Wanted {
    fn new(scalar: &Scalar) -> Self {
        match scalar {
            Scalar::Bool(value) => Self::Bool(*value),
            Scalar::Number(number) => Self::Number(NumberKey::of(number)),
            Scalar::Text(text) => Self::Text(text.clone()),
            Scalar::Date(instant) => Self::Date(*instant),
        }
    }

    /// How a value stands to this one; `None` if it is of another type.
    fn compare(&self, value: &Value) -> Option<Ordering> {
        match (value, self) {
            (Value::Bool(value), Self::Bool(wanted)) => Some(value.cmp(wanted)),
            (Value::Number(number), Self::Number(wanted)) => Some(NumberKey::of(number).cmp(wanted)),
            (Value::String(text), Self::Text(wanted)) => Some(text.as_bytes().cmp(wanted.as_bytes())),
            (Value::String(text), Self::Date(wanted)) => {
                instant::parse(text).map(|instant| instant.cmp(wanted))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn matches(filter: Filter, body: Value) -> bool {
        Matcher::new(&filter).matches(body.as_object().expect("an object"))
    }

    fn from(value: impl Into<Scalar>, inclusive: bool) -> Filter {
        Filter::Range { path: "a".into(), from: Some(Bound { value: value.into(), inclusive }), to: None }
    }

    #[test]
    fn a_value_equals_only_its_own_type() {
        for (value, body, expected) in [
            (Scalar::from("1"), json!({"a": 1}), false),
            (Scalar::from(1), json!({"a": "1"}), false),
            (Scalar::from(1), json!({"a": true}), false),
            (Scalar::from(1), json!({"a": 1.0}), true),
            (Scalar::from(true), json!({"a": true}), true),
            (Scalar::from("true"), json!({"a": true}), false),
            (Scalar::from("x"), json!({"a": ["y", ["x"]]}), true),
            (Scalar::from("x"), json!({"a": {"x": "x"}}), false),
            (Scalar::from("x"), json!({"a": null}), false),
        ] {
            assert_eq!(
                matches(Filter::equals("a", value.clone()), body.clone()),
                expected,
                "{value:?} in {body}"
            );
        }
    }

    #[test]
    fn a_date_matches_instants_by_time_and_a_text_by_its_bytes() {
        let date: Timestamp = "2026-01-01T00:00:00Z".parse().expect("an instant");
        let body = json!({"a": "2026-01-01T01:00:00+01:00"});
        assert!(matches(Filter::equals("a", date), body.clone()));
        assert!(!matches(Filter::equals("a", "2026-01-01T00:00:00Z"), body));
        assert!(!matches(Filter::equals("a", date), json!({"a": "2026-01-01"})));
    }

    #[test]
    fn one_value_must_lie_between_both_ends() {
        let both = Filter::Range {
            path: "a".into(),
            from: Some(Bound { value: 2.into(), inclusive: true }),
            to: Some(Bound { value: 4.into(), inclusive: false }),
        };
        assert!(matches(both.clone(), json!({"a": [1, 2]})));
        assert!(!matches(both.clone(), json!({"a": [1, 4]})), "no single element is between");
        assert!(!matches(both, json!({"a": "3"})));
        assert!(matches(from(2, true), json!({"a": 2})));
        assert!(!matches(from(2, false), json!({"a": 2})));
        assert!(!matches(from(false, true), json!({"a": true})), "booleans have no order");
    }

    #[test]
    fn absent_null_and_empty_are_not_something() {
        let exists = || Filter::Exists { path: "a.b".into() };
        for body in
            [json!({}), json!({"a": 1}), json!({"a": {"b": null}}), json!({"a": {"b": [null, {"c": null}]}})]
        {
            assert!(!matches(exists(), body.clone()), "{body}");
            assert!(matches(Filter::Not(Box::new(exists())), body));
        }
        for body in
            [json!({"a": {"b": false}}), json!({"a": [{"b": {"c": 0}}]}), json!({"a": {"b": [null, ""]}})]
        {
            assert!(matches(exists(), body.clone()), "{body}");
        }
    }

    #[test]
    fn and_of_nothing_is_everything_and_or_of_nothing_is_nothing() {
        assert!(matches(Filter::And(vec![]), json!({})));
        assert!(!matches(Filter::Or(vec![]), json!({})));
    }
}
