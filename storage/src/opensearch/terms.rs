//! What a document is found by: each of its values as a term that holds the path, the type and the value itself.
//!
//! A term is the [key](path_key) of a path, a letter for the type, and the value in letters that sort as it does. Which of a
//! few fields it is in follows from the path, so that no tenant's properties add a field to the index, and none are of a wrong
//! type.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::Value;
use uuid::Uuid;

use crate::document::Body;
use crate::instant;
use crate::kind::FieldType;
use crate::order::{self, encode_value};
use crate::path;
use crate::query::Scalar;

/// How many bytes of a text its term has. What is longer ends in a hash, so that it still equals nothing else.
pub(super) const MAX_TEXT: usize = 8192;

/// Texts that are no longer can be compared with any term: what is cut off a text comes behind them.
pub(super) const MAX_BOUND: usize = MAX_TEXT - 4;

/// Seeds the keys of paths; never to be changed.
const PATHS: Uuid = Uuid::from_u128(0x5d8c_6f0e_3a41_4b7f_9e22_1c0a_77d3_e5b4);

/// The letters of the types. In this order values of several types are counted: booleans, numbers, texts, dates.
pub(super) const BOOL: char = 'b';
pub(super) const NUMBER: char = 'n';
pub(super) const TEXT: char = 's';
pub(super) const DATE: char = 't';
/// No value: the path holds something.
pub(super) const EXISTS: char = 'a';

/// Twelve letters, digits, `-` and `_` that stand for a dotted path: the first 72 bits of a hash.
pub(super) fn path_key(path: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(&Uuid::new_v5(&PATHS, path.as_bytes()).as_bytes()[..9])
}

/// How many bytes a key takes.
pub(super) const KEY: usize = 12;

/// The fields that values are in that are counted by: who counts by one path reads few of the others' values.
const FIELDS: [&str; 32] = [
    "v.00", "v.01", "v.02", "v.03", "v.04", "v.05", "v.06", "v.07", "v.08", "v.09", "v.10", "v.11", "v.12",
    "v.13", "v.14", "v.15", "v.16", "v.17", "v.18", "v.19", "v.20", "v.21", "v.22", "v.23", "v.24", "v.25",
    "v.26", "v.27", "v.28", "v.29", "v.30", "v.31",
];

/// The one with what is not counted by.
const OTHER: &str = "t";

/// What the fields of values are below.
pub(super) const VALUES: &str = "v.";

/// All the fields that values are in, without what they are below.
pub(super) fn value_fields() -> impl Iterator<Item = &'static str> {
    FIELDS.iter().filter_map(|field| field.strip_prefix(VALUES))
}

/// The field of a term: that of the path's values, or the one of what is not counted by.
pub(super) fn field(key: &str, letter: char) -> &'static str {
    match letter {
        BOOL | NUMBER | TEXT => FIELDS[bits(key) % FIELDS.len()],
        _ => OTHER,
    }
}

/// The first six bits of a key.
fn bits(key: &str) -> usize {
    match key.bytes().next() {
        Some(letter @ b'A'..=b'Z') => usize::from(letter - b'A'),
        Some(letter @ b'a'..=b'z') => usize::from(letter - b'a') + 26,
        Some(digit @ b'0'..=b'9') => usize::from(digit - b'0') + 52,
        Some(b'-') => 62,
        _ => 63,
    }
}

/// The field of a whole term.
pub(super) fn field_of(term: &str) -> &'static str {
    let (key, rest) = term.split_at(KEY);
    field(key, rest.chars().next().unwrap_or(EXISTS))
}

/// The terms of all values of a document, in order, each once.
pub(super) fn of_body(body: &Body) -> Vec<String> {
    let mut terms = Vec::new();
    for (field, value) in body.iter().filter(|(field, _)| is_part(field)) {
        add(&mut terms, &mut field.clone(), value);
    }
    terms.sort_unstable();
    terms.dedup();
    terms
}

/// Whether a path can lead through a field: it is split at dots, and has no empty part.
fn is_part(field: &str) -> bool {
    !field.is_empty() && !field.contains('.')
}

fn add(terms: &mut Vec<String>, path: &mut String, value: &Value) {
    if !path::holds_something(value) {
        return;
    }
    let key = path_key(path);
    terms.push(format!("{key}{EXISTS}"));
    add_values(terms, &key, value);
    add_below(terms, path, value);
}

/// What the path itself leads to: through arrays, not into objects.
fn add_values(terms: &mut Vec<String>, key: &str, value: &Value) {
    match value {
        Value::Null | Value::Object(_) => {}
        Value::Array(elements) => elements.iter().for_each(|element| add_values(terms, key, element)),
        Value::Bool(value) => terms.push(of_scalar(key, &Scalar::Bool(*value))),
        Value::Number(number) => terms.push(of_scalar(key, &Scalar::Number(number.clone()))),
        Value::String(text) => {
            if let Some(instant) = instant::parse(text) {
                terms.push(of_scalar(key, &Scalar::Date(instant)));
            }
            terms.push(format!("{key}{TEXT}{}", shortened(text)));
        }
    }
}

/// What longer paths lead to.
fn add_below(terms: &mut Vec<String>, path: &mut String, value: &Value) {
    match value {
        Value::Array(elements) => elements.iter().for_each(|element| add_below(terms, path, element)),
        Value::Object(fields) => {
            for (field, value) in fields.iter().filter(|(field, _)| is_part(field)) {
                let length = path.len();
                path.push('.');
                path.push_str(field);
                add(terms, path, value);
                path.truncate(length);
            }
        }
        _ => {}
    }
}

/// The term of a value at the path of a key.
pub(super) fn of_scalar(key: &str, scalar: &Scalar) -> String {
    match scalar {
        Scalar::Bool(value) => format!("{key}{BOOL}{}", u8::from(*value)),
        Scalar::Number(number) => format!("{key}{NUMBER}{}", hex(&order::encode_number(number))),
        Scalar::Text(text) => format!("{key}{TEXT}{}", shortened(text)),
        Scalar::Date(instant) => format!("{key}{DATE}{}", hex(&order::encode_instant(*instant))),
    }
}

/// The letter of a value's type.
pub(super) fn letter(scalar: &Scalar) -> char {
    match scalar {
        Scalar::Bool(_) => BOOL,
        Scalar::Number(_) => NUMBER,
        Scalar::Text(_) => TEXT,
        Scalar::Date(_) => DATE,
    }
}

/// The value of a declared field as it is sorted by; `None` if it holds nothing.
pub(super) fn sorted(field_type: FieldType, value: &Value) -> Option<String> {
    match (field_type, value) {
        (FieldType::Text, Value::String(text)) => Some(shortened(text)),
        _ => encode_value(field_type, value).map(|bytes| hex(&bytes)),
    }
}

/// The value that a term without its key was made of; `None` if all of it is not in there.
pub(super) fn decode(letter: char, value: &str) -> Option<Scalar> {
    let typed = |field_type| order::decode(field_type, &unhex(value)?).map(Scalar::from);
    match letter {
        BOOL => Some(Scalar::Bool(value == "1")),
        NUMBER => typed(FieldType::Number),
        DATE => typed(FieldType::Date),
        TEXT => (value.len() <= MAX_TEXT).then(|| Scalar::from(value)),
        _ => None,
    }
}

/// The value of a declared field that was sorted by.
pub(super) fn decode_sorted(field_type: FieldType, value: &str) -> Option<Scalar> {
    decode(
        match field_type {
            FieldType::Text => TEXT,
            FieldType::Number => NUMBER,
            FieldType::Date => DATE,
        },
        value,
    )
}

/// A text as it is in a term: the same, or its beginning and a hash, which is longer than any text that is not cut.
fn shortened(text: &str) -> String {
    if text.len() <= MAX_TEXT {
        return text.to_owned();
    }
    let beginning = &text[..text.floor_char_boundary(MAX_TEXT)];
    format!("{beginning}\0{}", Uuid::new_v5(&PATHS, text.as_bytes()).simple())
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    text.as_bytes().chunks(2).map(|pair| Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn terms(value: Value) -> Vec<String> {
        let Value::Object(body) = value else { panic!("{value} is no object") };
        of_body(&body)
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
        assert_eq!(terms(body), BTreeSet::from([format!("{}{EXISTS}", path_key("c"))]));
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

    #[test]
    fn paths_are_divided_evenly_among_the_fields() {
        let mut counts = std::collections::BTreeMap::new();
        for number in 0..3200 {
            *counts.entry(field(&path_key(&format!("properties.p{number}")), TEXT)).or_insert(0) += 1;
        }
        let fields: BTreeSet<String> = value_fields().map(|number| format!("v.{number}")).collect();
        assert_eq!(counts.keys().cloned().collect::<BTreeSet<_>>(), fields);
        assert!(counts.values().all(|count| (50..200).contains(count)), "{counts:?}");
    }

    #[test]
    fn long_texts_differ_and_stay_in_order_with_short_ones() {
        let (long, longer) = ("é".repeat(MAX_TEXT), "é".repeat(MAX_TEXT) + "x");
        let [first, second] = [&long, &longer].map(|text| shortened(text));
        assert!(first != second && first.len() > MAX_TEXT && decode(TEXT, &first).is_none());
        let bound = &long[..MAX_BOUND];
        assert!(shortened(bound) < first && first.starts_with(bound));
        assert_eq!(decode(TEXT, &shortened(bound)), Some(bound.into()));
    }
}
