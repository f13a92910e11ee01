//! Dotted paths: which values of a body a path leads to.

#[cfg(feature = "embedded")]
use std::fmt;

use serde_json::Value;

use crate::document::Body;

/// How many values a path leads to.
pub(crate) enum Found<'b> {
    Nothing,
    One(&'b Value),
    Several,
}

/// A dotted path, split once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path(Box<[Box<str>]>);

impl Path {
    /// `None` if a part of it is empty.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let parts: Box<[Box<str>]> = text.split('.').map(Box::from).collect();
        parts.iter().all(|part| !part.is_empty()).then_some(Self(parts))
    }

    /// Whether `visit` is true for any value that the path leads to. It leads through arrays, and to the elements of an
    /// array at its end; `null` is never visited.
    pub(crate) fn any<'b>(&self, body: &'b Body, mut visit: impl FnMut(&'b Value) -> bool) -> bool {
        let [first, rest @ ..] = &*self.0 else { return false };
        body.get(&**first).is_some_and(|value| any_value(value, rest, &mut visit))
    }

    /// The value that the path leads to, if it is one.
    pub(crate) fn found<'b>(&self, body: &'b Body) -> Found<'b> {
        let mut found = Found::Nothing;
        self.any(body, |value| {
            let is_second = matches!(found, Found::One(_));
            found = if is_second { Found::Several } else { Found::One(value) };
            is_second
        });
        found
    }

    /// Every value that the path leads to.
    pub(crate) fn values<'b>(&self, body: &'b Body) -> Vec<&'b Value> {
        let mut values = Vec::new();
        self.any(body, |value| {
            values.push(value);
            false
        });
        values
    }
}

#[cfg(feature = "embedded")]
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("."))
    }
}

fn any_value<'b>(value: &'b Value, path: &[Box<str>], visit: &mut impl FnMut(&'b Value) -> bool) -> bool {
    match (value, path) {
        (Value::Null, _) => false,
        (Value::Array(elements), _) => elements.iter().any(|element| any_value(element, path, visit)),
        (value, []) => visit(value),
        (Value::Object(fields), [first, rest @ ..]) => {
            fields.get(&**first).is_some_and(|value| any_value(value, rest, visit))
        }
        _ => false,
    }
}

/// Whether a value that a path led to holds anything: an object does if one of its fields does.
pub(crate) fn holds_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(elements) => elements.iter().any(holds_something),
        Value::Object(fields) => fields.values().any(holds_something),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn values(path: &str, body: &Value) -> Vec<Value> {
        let path = Path::parse(path).expect("a path");
        path.values(body.as_object().expect("an object")).into_iter().cloned().collect()
    }

    #[test]
    fn a_path_leads_through_arrays_of_objects_and_to_the_elements_of_arrays() {
        let body = json!({"a": [{"b": 1}, {"b": [2, [3, null]]}, 4, {"c": 5}], "n": null});
        assert_eq!(values("a.b", &body), [json!(1), json!(2), json!(3)]);
        assert_eq!(values("a.c", &body), [json!(5)]);
        assert!(values("n", &body).is_empty());
        assert!(values("a.b.c", &body).is_empty());
    }

    #[test]
    fn an_empty_part_is_no_path() {
        for text in ["", ".", "a.", ".a", "a..b"] {
            assert_eq!(Path::parse(text), None, "{text:?}");
        }
    }
}
