//! [`BodyTerms`]: all the terms that a document is found by.

use std::ops::Range;

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::document::Body;
use crate::instant;
use crate::opensearch::terms::{
    BOOL, DATE, EXISTS, NUMBER, OTHER, TEXT, field_number, path_key, value_field, write_number, write_text,
    write_value,
};
use crate::path;
use crate::query::Scalar;

/// The terms of a document, behind one another in one text.
#[derive(Debug, Default)]
pub(super) struct BodyTerms {
    text: String,
    /// By their fields' numbers.
    terms: Vec<Term>,
}

/// Where in the text a term is.
#[derive(Debug, Clone)]
struct Term {
    /// The number of its field.
    field: usize,
    at: Range<usize>,
}

impl BodyTerms {
    /// Those of another document take the place of these, each once.
    pub(super) fn read(&mut self, body: &Body) {
        self.text.clear();
        self.terms.clear();
        let mut collector = Collector { terms: self, path: String::new(), may_repeat: false };
        collector.add_fields(body);
        if collector.may_repeat {
            self.drop_repeated();
        } else {
            self.terms.sort_unstable_by_key(|term| term.field);
        }
    }

    fn drop_repeated(&mut self) {
        let text = &self.text;
        let key = |term: &Term| (term.field, &text[term.at.clone()]);
        self.terms.sort_unstable_by(|one, other| key(one).cmp(&key(other)));
        self.terms.dedup_by(|one, other| key(one) == key(other));
    }

    /// Those of what is not counted by.
    pub(super) fn others(&self) -> OfField<'_> {
        let (_, terms) = self.split();
        OfField { text: &self.text, terms }
    }

    /// Those of values.
    pub(super) fn values(&self) -> OfValues<'_> {
        let (terms, _) = self.split();
        OfValues { text: &self.text, terms }
    }

    /// Those of values, and those of the last field.
    fn split(&self) -> (&[Term], &[Term]) {
        self.terms.split_at(self.terms.partition_point(|term| term.field < OTHER))
    }
}

/// What makes the terms of a document.
struct Collector<'t> {
    terms: &'t mut BodyTerms,
    /// Where it is.
    path: String,
    /// Whether a path may lead to several values, and so twice to one.
    may_repeat: bool,
}

impl Collector<'_> {
    /// Whether any of the fields holds something.
    fn add_fields(&mut self, fields: &Body) -> bool {
        let mut holds = false;
        for (field, value) in fields {
            holds |= if is_part(field) { self.add_field(field, value) } else { path::holds_something(value) };
        }
        holds
    }

    fn add_field(&mut self, field: &str, value: &Value) -> bool {
        let length = self.path.len();
        if length > 0 {
            self.path.push('.');
        }
        self.path.push_str(field);
        let holds = self.add(value);
        self.path.truncate(length);
        holds
    }

    /// Whether the path holds something.
    fn add(&mut self, value: &Value) -> bool {
        if value.is_null() {
            return false;
        }
        let key = path_key(&self.path);
        let holds = self.add_values(&key, value);
        if holds {
            self.push(&key, EXISTS, |_| {});
        }
        holds
    }

    /// What the path leads to, through arrays, and what longer paths do.
    fn add_values(&mut self, key: &str, value: &Value) -> bool {
        match value {
            Value::Null => return false,
            Value::Object(fields) => return self.add_fields(fields),
            Value::Array(elements) => {
                self.may_repeat |= elements.len() > 1;
                let mut holds = false;
                for element in elements {
                    holds |= self.add_values(key, element);
                }
                return holds;
            }
            Value::Bool(value) => self.push(key, BOOL, |out| write_value(out, &Scalar::Bool(*value))),
            Value::Number(number) => self.push(key, NUMBER, |out| write_number(out, number)),
            Value::String(text) => {
                if let Some(instant) = instant::parse(text) {
                    self.push(key, DATE, |out| write_value(out, &Scalar::Date(instant)));
                }
                self.push(key, TEXT, |out| write_text(out, text));
            }
        }
        true
    }

    fn push(&mut self, key: &str, letter: char, write: impl FnOnce(&mut String)) {
        let BodyTerms { text, terms } = &mut *self.terms;
        let start = text.len();
        text.push_str(key);
        text.push(letter);
        write(text);
        terms.push(Term { field: field_number(key, letter), at: start..text.len() });
    }
}

/// Whether a path can lead through a field: it is split at dots, and has no empty part.
fn is_part(field: &str) -> bool {
    !field.is_empty() && !field.contains('.')
}

/// The terms of one field, as the engine takes them.
#[derive(Debug)]
pub(super) struct OfField<'t> {
    text: &'t str,
    terms: &'t [Term],
}

/// The terms of all fields with values, by the names below which they are.
#[derive(Debug)]
pub(super) struct OfValues<'t> {
    text: &'t str,
    terms: &'t [Term],
}

impl Serialize for OfField<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.terms.iter().map(|term| &self.text[term.at.clone()]))
    }
}

impl Serialize for OfValues<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = self.terms.chunk_by(|one, other| one.field == other.field);
        serializer.collect_map(
            fields.map(|terms| (value_field(terms[0].field), OfField { text: self.text, terms })),
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::opensearch::terms::{KEY, decode, of_scalar};

    fn terms(value: Value) -> Vec<String> {
        let Value::Object(body) = value else { panic!("{value} is no object") };
        let mut terms = BodyTerms::default();
        terms.read(&body);
        terms.terms.iter().map(|term| terms.text[term.at.clone()].to_owned()).collect()
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
    fn what_a_path_leads_to_twice_has_one_term() {
        for (body, count) in [
            (json!({"a": [1, 1.0, [1]]}), 2),
            (json!({"a": [{"b": "x"}, {"b": ["x"]}]}), 3),
            (json!({"a": [[true], [true]], "c": [true]}), 4),
        ] {
            assert_eq!(terms(body.clone()).len(), count, "{body}");
        }
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
