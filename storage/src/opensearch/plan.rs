//! [`Plan`]: a filter in the engine's words.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::kind::{FieldType, Kind};
use crate::opensearch::layout::milliseconds_field;
use crate::opensearch::terms::{self, MAX_BOUND, path_key};
use crate::query::{Bound, Filter, Scalar};

/// The engine takes 1024 clauses, those of the namespace included.
const MAX_CLAUSES: usize = 900;
/// The values of one clause, of which the engine takes 65 536.
const MAX_VALUES: usize = 60_000;

/// What the engine is to look for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan {
    pub(super) query: Value,
    /// Whether that is exactly what the filter finds; if not, the engine finds more.
    pub(super) is_exact: bool,
}

impl Plan {
    /// For a filter that was checked.
    pub(super) fn new(kind: &Kind, filter: &Filter) -> Self {
        if clauses(filter) > MAX_CLAUSES { Self::more(all()) } else { plan(kind, filter) }
    }

    fn exact(query: Value) -> Self {
        Self { query, is_exact: true }
    }

    fn more(query: Value) -> Self {
        Self { query, is_exact: false }
    }
}

fn all() -> Value {
    json!({"match_all": {}})
}

fn none() -> Value {
    json!({"match_none": {}})
}

fn clauses(filter: &Filter) -> usize {
    match filter {
        Filter::And(filters) | Filter::Or(filters) => filters.iter().map(clauses).sum::<usize>() + 1,
        Filter::Not(filter) => clauses(filter) + 1,
        Filter::In { values, .. } => 1 + values.len() / MAX_VALUES,
        // An end of a range of instants takes up to three.
        Filter::Range { .. } => 8,
        _ => 1,
    }
}

fn plan(kind: &Kind, filter: &Filter) -> Plan {
    let each = |filters: &[Filter]| {
        let plans: Vec<Plan> = filters.iter().map(|filter| plan(kind, filter)).collect();
        let is_exact = plans.iter().all(|plan| plan.is_exact);
        (plans.into_iter().map(|plan| plan.query).collect::<Vec<_>>(), is_exact)
    };
    match filter {
        Filter::All => Plan::exact(all()),
        Filter::And(filters) => {
            let (queries, is_exact) = each(filters);
            Plan { query: and(queries), is_exact }
        }
        Filter::Or(filters) => {
            let (queries, is_exact) = each(filters);
            Plan { query: or(queries), is_exact }
        }
        Filter::Not(filter) => match plan(kind, filter) {
            Plan { query, is_exact: true } => Plan::exact(json!({"bool": {"must_not": [query]}})),
            Plan { is_exact: false, .. } => Plan::more(all()),
        },
        Filter::Equals { path, value } => Plan::exact(one_of(path, std::slice::from_ref(value))),
        Filter::In { path, values } => Plan::exact(one_of(path, values)),
        Filter::Range { path, from, to } => range(kind, path, from.as_ref(), to.as_ref()),
        Filter::Exists { path } => Plan::exact(term(&format!("{}{}", path_key(path), terms::EXISTS))),
        Filter::Prefix { path, text } => prefix(path, text),
    }
}

fn and(queries: Vec<Value>) -> Value {
    if queries.is_empty() { all() } else { json!({"bool": {"filter": queries}}) }
}

fn or(mut queries: Vec<Value>) -> Value {
    match queries.len() {
        0 => none(),
        1 => queries.remove(0),
        _ => json!({"bool": {"should": queries, "minimum_should_match": 1}}),
    }
}

fn term(term: &str) -> Value {
    json!({"term": {terms::field_of(term): term}})
}

/// Any term that begins so.
fn beginning(text: &str) -> Value {
    json!({"prefix": {terms::field_of(text): text}})
}

fn one_of(path: &str, values: &[Scalar]) -> Value {
    let key = path_key(path);
    let mut by_field: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for value in values {
        let field = terms::field(&key, terms::letter(value));
        by_field.entry(field).or_default().push(terms::of_scalar(&key, value));
    }
    let queries = by_field.iter().flat_map(|(field, terms)| {
        terms.chunks(MAX_VALUES).map(move |terms| match terms {
            [one] => term(one),
            _ => json!({"terms": {*field: terms}}),
        })
    });
    or(queries.collect())
}

fn prefix(path: &str, text: &str) -> Plan {
    let key = path_key(path);
    let of = |text: &str| beginning(&format!("{key}{}{text}", terms::TEXT));
    if text.len() <= MAX_BOUND { Plan::exact(of(text)) } else { Plan::more(of("")) }
}

fn range(kind: &Kind, path: &str, from: Option<&Bound>, to: Option<&Bound>) -> Plan {
    let ends = [from, to].map(|end| end.map(|end| terms::letter(&end.value)));
    let letter = match ends {
        [Some(from), Some(to)] if from != to => return of_two_types(path, from, to),
        [Some(letter), _] | [None, Some(letter)] => letter,
        // A check refuses what has no end.
        [None, None] => return Plan::exact(none()),
    };
    let key = path_key(path);
    let is_too_long = |end: &&Bound| matches!(&end.value, Scalar::Text(text) if text.len() > MAX_BOUND);
    if from.iter().chain(&to).any(is_too_long) {
        return Plan::more(beginning(&format!("{key}{letter}")));
    }
    let is_declared = kind.field(path).is_some_and(|field| field.field_type == FieldType::Date);
    if is_declared && letter == terms::DATE {
        let from = from.and_then(|end| instants_on_one_side(path, &key, end, true));
        return Plan::exact(and(from
            .into_iter()
            .chain(to.and_then(|end| instants_on_one_side(path, &key, end, false)))
            .collect()));
    }
    Plan::exact(of_terms(&key, letter, from, to))
}

/// Only a text that is an instant can be between a text and an instant, and terms do not say whether one is both.
fn of_two_types(path: &str, from: char, to: char) -> Plan {
    if [from, to].iter().all(|letter| [terms::TEXT, terms::DATE].contains(letter)) {
        return Plan::more(beginning(&format!("{}{}", path_key(path), terms::DATE)));
    }
    Plan::exact(none())
}

/// The values of one type between two ends.
fn of_terms(key: &str, letter: char, from: Option<&Bound>, to: Option<&Bound>) -> Value {
    let mut ends = serde_json::Map::new();
    let (name, value) = match from {
        Some(Bound { value, inclusive: true }) => ("gte", terms::of_scalar(key, value)),
        Some(Bound { value, inclusive: false }) => ("gt", terms::of_scalar(key, value)),
        None => ("gte", format!("{key}{letter}")),
    };
    ends.insert(name.to_owned(), value.into());
    let (name, value) = match to {
        Some(Bound { value, inclusive: true }) => ("lte", terms::of_scalar(key, value)),
        Some(Bound { value, inclusive: false }) => ("lt", terms::of_scalar(key, value)),
        // All letters are followed by another one.
        None => ("lt", format!("{key}{}", char::from(letter as u8 + 1))),
    };
    ends.insert(name.to_owned(), value.into());
    json!({"range": {terms::field(key, letter): ends}})
}

/// The instants of a declared field on one side of an end: by the millisecond, of which the engine keeps a tree, and within
/// that of the end by the term.
fn instants_on_one_side(path: &str, key: &str, end: &Bound, is_from: bool) -> Option<Value> {
    let Scalar::Date(instant) = &end.value else { return None };
    let (field, at) = (milliseconds_field(path), milliseconds(*instant));
    let (beyond, from, to) = if is_from { ("gt", Some(end), None) } else { ("lt", None, Some(end)) };
    let within = of_terms(key, terms::DATE, from, to);
    Some(or(vec![json!({"range": {&field: {beyond: at}}}), and(vec![json!({"term": {field: at}}), within])]))
}

/// The milliseconds of an instant since 1970, rounded down.
pub(super) fn milliseconds(instant: jiff::Timestamp) -> i64 {
    let milliseconds = instant.as_nanosecond().div_euclid(1_000_000);
    i64::try_from(milliseconds).unwrap_or(i64::MAX)
}
