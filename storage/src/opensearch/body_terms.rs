//! [`BodyTerms`]: all the terms that a document is found by.

use std::ops::Range;

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::document::Body;
use crate::instant;
use crate::opensearch::terms::{
    BOOL, DATE, EXISTS, FIELDS, NUMBER, OTHER, TEXT, field_number, path_key, value_fields, write_text,
    write_value,
};
use crate::path;
use crate::query::Scalar;

/// The terms of a document, behind one another in one text.
#[derive(Debug)]
pub(super) struct BodyTerms {
    text: String,
    /// Where in it those of each field are, by its number.
    fields: [Vec<Range<usize>>; FIELDS.len()],
    /// Whether a path may lead to several values, and so twice to one.
    has_arrays: bool,
}

impl BodyTerms {
    /// Each of them once.
    pub(super) fn of(body: &Body) -> Self {
        let mut terms =
            Self { text: String::new(), fields: [const { Vec::new() }; FIELDS.len()], has_arrays: false };
        let mut path = String::new();
        terms.add_fields(&mut path, body);
        if terms.has_arrays {
            terms.drop_repeated();
        }
        terms
    }

    fn drop_repeated(&mut self) {
        let text = &self.text;
        for field in &mut self.fields {
            field.sort_unstable_by(|one, other| text[one.clone()].cmp(&text[other.clone()]));
            field.dedup_by(|one, other| text[one.clone()] == text[other.clone()]);
        }
    }

    fn add_fields(&mut self, path: &mut String, fields: &Body) {
        for (field, value) in fields.iter().filter(|(field, _)| is_part(field)) {
            let length = path.len();
            if length > 0 {
                path.push('.');
            }
            path.push_str(field);
            self.add(path, value);
            path.truncate(length);
        }
    }

    fn add(&mut self, path: &mut String, value: &Value) {
        if !path::holds_something(value) {
            return;
        }
        let key = path_key(path);
        self.push(&key, EXISTS, |_| {});
        self.add_values(&key, value);
        self.add_below(path, value);
    }

    /// What the path itself leads to: through arrays, not into objects.
    fn add_values(&mut self, key: &str, value: &Value) {
        match value {
            Value::Null | Value::Object(_) => {}
            Value::Array(elements) => elements.iter().for_each(|element| self.add_values(key, element)),
            Value::Bool(value) => self.push(key, BOOL, |out| write_value(out, &Scalar::Bool(*value))),
            Value::Number(number) => {
                self.push(key, NUMBER, |out| write_value(out, &Scalar::Number(number.clone())));
            }
            Value::String(text) => {
                if let Some(instant) = instant::parse(text) {
                    self.push(key, DATE, |out| write_value(out, &Scalar::Date(instant)));
                }
                self.push(key, TEXT, |out| write_text(out, text));
            }
        }
    }

    fn push(&mut self, key: &str, letter: char, write: impl FnOnce(&mut String)) {
        let start = self.text.len();
        self.text.push_str(key);
        self.text.push(letter);
        write(&mut self.text);
        self.fields[field_number(key, letter)].push(start..self.text.len());
    }

    /// What longer paths lead to.
    fn add_below(&mut self, path: &mut String, value: &Value) {
        match value {
            Value::Array(elements) => {
                self.has_arrays = true;
                elements.iter().for_each(|element| self.add_below(path, element));
            }
            Value::Object(fields) => self.add_fields(path, fields),
            _ => {}
        }
    }
}

/// Whether a path can lead through a field: it is split at dots, and has no empty part.
fn is_part(field: &str) -> bool {
    !field.is_empty() && !field.contains('.')
}

/// The terms of one field, as the engine takes them.
#[derive(Debug)]
pub(super) struct OfField<'t> {
    terms: &'t BodyTerms,
    number: usize,
}

/// The terms of all fields with values, by the names below which they are.
#[derive(Debug)]
pub(super) struct OfValues<'t>(&'t BodyTerms);

impl BodyTerms {
    /// Those of what is not counted by.
    pub(super) fn others(&self) -> OfField<'_> {
        OfField { terms: self, number: OTHER }
    }

    /// Those of values.
    pub(super) fn values(&self) -> OfValues<'_> {
        OfValues(self)
    }
}

impl Serialize for OfField<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let ranges = &self.terms.fields[self.number];
        serializer.collect_seq(ranges.iter().map(|at| &self.terms.text[at.clone()]))
    }
}

impl Serialize for OfValues<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let filled = value_fields().enumerate().filter(|(number, _)| !self.0.fields[*number].is_empty());
        serializer.collect_map(filled.map(|(number, name)| (name, OfField { terms: self.0, number })))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::opensearch::terms::{KEY, decode, of_scalar};

    fn terms(value: Value) -> Vec<String> {
        let Value::Object(body) = value else { panic!("{value} is no object") };
        let terms = BodyTerms::of(&body);
        terms.fields.iter().flatten().map(|at| terms.text[at.clone()].to_owned()).collect()
    }

    fn has(value: Value, path: &str, scalar: &Scalar) -> bool {
        terms(value).contains(&of_scalar(&path_key(path), scalar))
    }

    #[test]
    fn a_path_leads_through_arrays_and_objects() {
        let body = json!({"a": [{"b": [1, "x", [true]]}, {"b": null}], "c": {"d": {}}});
        for scalar in [Scalar::from(1), Scalar::from("x"), Scalar::from(true)] {
            assert!(has(body.clone(), "a.b", &scalar), "{scalar:?}");
            assert!(!has(body.clone(), "a", &scalar) && !has(body.clone(), "b", &scalar));
        }
        let exists = |path: &str| terms(body.clone()).contains(&format!("{}{EXISTS}", path_key(path)));
        assert!(exists("a") && exists("a.b") && !exists("c") && !exists("c.d"));
    }

    #[test]
    fn fields_that_no_path_leads_to_have_no_terms_and_still_are_something() {
        let body = json!({"": 1, "a.b": 2, "c": {"": 3, "x.y": 4}});
        assert_eq!(terms(body), [format!("{}{EXISTS}", path_key("c"))]);
    }

    #[test]
    fn a_value_has_the_term_of_its_type_alone() {
        assert!(
            has(json!({"a": 1.0}), "a", &Scalar::from(1)) && !has(json!({"a": "1"}), "a", &Scalar::from(1))
        );
        let text = "2026-01-01T00:00:00+00:00";
        let instant = "2026-01-01T00:00:00Z".parse().map(Scalar::Date).expect("an instant");
        assert!(has(json!({"a": text}), "a", &instant) && has(json!({"a": text}), "a", &text.into()));
    }

    #[test]
    fn what_is_decoded_is_what_was_encoded() {
        for value in
            [json!(true), json!(-1.5), json!(u64::MAX), json!("é\0"), json!("2026-01-01T00:00:00.5Z")]
        {
            let found: Vec<_> = terms(json!({"a": value}))
                .into_iter()
                .filter_map(|term| {
                    let (letter, rest) = term[KEY..].split_at(1);
                    decode(letter.chars().next()?, rest)
                })
                .collect();
            assert!(!found.is_empty(), "{value}");
            for scalar in found {
                assert!(has(json!({"a": value}), "a", &scalar), "{scalar:?}");
            }
        }
    }
}
