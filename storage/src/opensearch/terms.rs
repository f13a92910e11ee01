//! What a document is found by: each of its values as a term that holds the path, the type and the value itself.
//!
//! A term is the [key](path_key) of a path, a letter for the type, and the value in letters that sort as it does. Which of a
//! few fields it is in follows from the path, so that no tenant's properties add a field to the index, and none are of a wrong
//! type.

use std::cell::RefCell;
use std::collections::HashMap;

use arrayvec::ArrayString;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use foldhash::quality::RandomState;
use serde_json::{Number, Value};
use uuid::Uuid;

use crate::kind::FieldType;
use crate::order::{self, encode_value};
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

/// How many bytes a key takes.
pub(super) const KEY: usize = 12;

/// How many keys a thread remembers, so as not to hash the paths of each document: more than an application has, and no more
/// than a tenant may fill for nothing.
const REMEMBERED: usize = 4096;

thread_local! {
    static KEYS: RefCell<HashMap<Box<str>, Key, RandomState>> = RefCell::default();
}

/// Twelve letters, digits, `-` and `_` that stand for a dotted path: the first 72 bits of a hash.
pub(super) type Key = ArrayString<KEY>;

/// The key of a path.
pub(super) fn path_key(path: &str) -> Key {
    KEYS.with_borrow_mut(|keys| {
        if let Some(key) = keys.get(path) {
            return *key;
        }
        if keys.len() >= REMEMBERED {
            keys.clear();
        }
        let key = hashed(path);
        keys.insert(path.into(), key);
        key
    })
}

fn hashed(path: &str) -> Key {
    let mut letters = [b'A'; KEY];
    // Nine bytes are twelve letters: there is room.
    let _ = BASE64_URL_SAFE_NO_PAD
        .encode_slice(&Uuid::new_v5(&PATHS, path.as_bytes()).as_bytes()[..9], &mut letters);
    Key::from_byte_string(&letters).unwrap_or_default()
}

/// The fields that terms are in, by their numbers: those of values that are counted by, of which a path has one, so that who
/// counts by it reads few of the others' values; and the one of everything else.
pub(super) const FIELDS: [&str; 33] = [
    "v.00", "v.01", "v.02", "v.03", "v.04", "v.05", "v.06", "v.07", "v.08", "v.09", "v.10", "v.11", "v.12",
    "v.13", "v.14", "v.15", "v.16", "v.17", "v.18", "v.19", "v.20", "v.21", "v.22", "v.23", "v.24", "v.25",
    "v.26", "v.27", "v.28", "v.29", "v.30", "v.31", "t",
];

/// The number of the last one.
pub(super) const OTHER: usize = FIELDS.len() - 1;

/// The name of one of values below `v`, by its number.
pub(super) fn value_field(number: usize) -> &'static str {
    FIELDS[number].trim_start_matches("v.")
}

/// The number of the field of a path's values of a type.
pub(super) fn field_number(key: &str, letter: char) -> usize {
    match letter {
        BOOL | NUMBER | TEXT => bits(key) % OTHER,
        _ => OTHER,
    }
}

/// The name of that field.
pub(super) fn field(key: &str, letter: char) -> &'static str {
    FIELDS[field_number(key, letter)]
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

/// The term of a value at the path of a key.
pub(super) fn of_scalar(key: &str, scalar: &Scalar) -> String {
    let mut term = format!("{key}{}", letter(scalar));
    write_value(&mut term, scalar);
    term
}

/// Appends what a value adds to its path and type.
pub(super) fn write_value(out: &mut String, scalar: &Scalar) {
    match scalar {
        Scalar::Bool(value) => out.push(if *value { '1' } else { '0' }),
        Scalar::Number(number) => write_number(out, number),
        Scalar::Text(text) => write_text(out, text),
        Scalar::Date(instant) => write_hex(out, &order::encode_instant(*instant)),
    }
}

/// The same of a number.
pub(super) fn write_number(out: &mut String, number: &Number) {
    write_hex(out, &order::encode_number(number));
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
pub(super) fn write_text(out: &mut String, text: &str) {
    if text.len() <= MAX_TEXT {
        out.push_str(text);
        return;
    }
    out.push_str(&text[..text.floor_char_boundary(MAX_TEXT)]);
    out.push('\0');
    out.push_str(&Uuid::new_v5(&PATHS, text.as_bytes()).simple().to_string());
}

fn shortened(text: &str) -> String {
    let mut shortened = String::with_capacity(text.len().min(MAX_TEXT));
    write_text(&mut shortened, text);
    shortened
}

fn write_hex(out: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    out.extend(digits.map(|digit| char::from(DIGITS[usize::from(digit)])));
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    write_hex(&mut text, bytes);
    text
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    text.as_bytes().chunks(2).map(|pair| Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_divided_evenly_among_the_fields() {
        let mut counts = std::collections::BTreeMap::new();
        for number in 0..3200 {
            *counts.entry(field(&path_key(&format!("properties.p{number}")), TEXT)).or_insert(0) += 1;
        }
        assert_eq!(counts.keys().copied().collect::<Vec<_>>(), FIELDS[..OTHER]);
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
