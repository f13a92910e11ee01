//! Random documents and filters over a few values that meet often.

use std::borrow::Cow;

use fastrand::Rng;
use jiff::Timestamp;
use serde_json::{Map, Number, Value, json};

use crate::document::Body;
use crate::query::{Aggregation, Bound, Filter, Interval, Order, Query, Scalar, Sort, TimeUnit};

/// Declared, undeclared, and one that leads through an array of objects.
const PATHS: [&str; 7] = ["name", "rank", "time.insert", "free", "list", "list.item", "time"];
const TEXTS: [&str; 7] = ["", "a", "ab", "b", "é", "2026-03-29T01:30:00Z", "true"];

pub(super) fn body(rng: &mut Rng) -> Body {
    let mut body = Map::new();
    for (field, value) in [("name", text(rng).into()), ("rank", number(rng).into())] {
        if rng.u32(..4) > 0 {
            body.insert(field.to_owned(), value);
        }
    }
    if rng.u32(..4) > 0 {
        body.insert("time".to_owned(), json!({"insert": instant(rng).to_string()}));
    }
    if rng.bool() {
        body.insert("free".to_owned(), leaf(rng));
    }
    let elements: Vec<Value> = (0..rng.usize(..4))
        .map(|_| if rng.bool() { json!({"item": leaf(rng)}) } else { leaf(rng) })
        .collect();
    if rng.bool() {
        body.insert("list".to_owned(), elements.into());
    }
    body
}

fn leaf(rng: &mut Rng) -> Value {
    match rng.u32(..6) {
        0 => Value::Null,
        1 => rng.bool().into(),
        2 => number(rng).into(),
        3 => instant(rng).to_string().into(),
        4 => json!([text(rng), number(rng)]),
        _ => text(rng).into(),
    }
}

fn text(rng: &mut Rng) -> &'static str {
    TEXTS[rng.usize(..TEXTS.len())]
}

/// Around where f64 cannot tell integers apart, too.
fn number(rng: &mut Rng) -> Number {
    let near = rng.i64(-2..3);
    match rng.u32(..5) {
        0 => near.into(),
        1 => (9_007_199_254_740_992 + near).into(),
        2 => (u64::MAX - near.unsigned_abs()).into(),
        3 => (i64::MIN + near.abs()).into(),
        _ => Number::from_f64(
            [0.5, -0.0, 1.0, 9_007_199_254_740_992.0, 18_446_744_073_709_551_616.0][rng.usize(..5)],
        )
        .unwrap_or_else(|| 0.into()),
    }
}

/// Where clocks change: in Warsaw in spring and in autumn, in São Paulo at midnight, on Lord Howe by half an hour.
const CHANGES: [i64; 4] = [1_774_746_000, 1_792_890_000, 1_541_300_400, 1_775_314_800];
const ZONES: [&str; 5] =
    ["UTC", "Europe/Warsaw", "America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Kathmandu"];

/// Within some days of a change of some clock.
fn instant(rng: &mut Rng) -> Timestamp {
    let change = CHANGES[rng.usize(..CHANGES.len())];
    let nanosecond = [0, 0, 1, 500_000_000][rng.usize(..4)];
    Timestamp::new(change + rng.i64(-200..200) * 1800, nanosecond).unwrap_or(Timestamp::UNIX_EPOCH)
}

pub(super) fn aggregation(rng: &mut Rng) -> Aggregation {
    let path: Cow<'static, str> = PATHS[rng.usize(..PATHS.len())].into();
    if rng.bool() {
        return Aggregation::Terms { path, size: rng.usize(..12) };
    }
    // A histogram of what holds no instants is of little use.
    let path = if rng.bool() { "time.insert".into() } else { path };
    let unit =
        [TimeUnit::Second, TimeUnit::Minute, TimeUnit::Hour, TimeUnit::Day, TimeUnit::Month, TimeUnit::Year]
            [rng.usize(..6)];
    let count = if matches!(unit, TimeUnit::Month | TimeUnit::Year) { 1 } else { rng.u32(1..40) };
    let zone = ZONES[rng.usize(..ZONES.len())].to_owned();
    Aggregation::Histogram { path, interval: Interval { count, unit }, zone }
}

fn scalar(rng: &mut Rng, path: &str) -> Scalar {
    match rng.u32(..5) {
        0 => Scalar::Number(number(rng)),
        // A text in a field of dates must be one, or the query is refused.
        1 | 2 if path == "time.insert" => Scalar::Text(instant(rng).to_string()),
        1 | 2 => Scalar::from(text(rng)),
        3 => Scalar::Bool(rng.bool()),
        _ => Scalar::Date(instant(rng)),
    }
}

fn bound(rng: &mut Rng, path: &str) -> Bound {
    let value = match scalar(rng, path) {
        Scalar::Bool(_) => Scalar::Number(number(rng)),
        value => value,
    };
    Bound { value, inclusive: rng.bool() }
}

pub(super) fn filter(rng: &mut Rng, depth: usize) -> Filter {
    let path: Cow<'static, str> = PATHS[rng.usize(..PATHS.len())].into();
    let several = |rng: &mut Rng| (0..rng.usize(..4)).map(|_| filter(rng, depth - 1)).collect();
    match rng.u32(..if depth == 0 { 6 } else { 10 }) {
        0 | 1 => Filter::Equals { value: scalar(rng, &path), path },
        2 => Filter::In { values: (0..rng.usize(..4)).map(|_| scalar(rng, &path)).collect(), path },
        3 => {
            let from = Some(bound(rng, &path));
            let to = rng.bool().then(|| bound(rng, &path));
            if rng.bool() {
                Filter::Range { path, from, to }
            } else {
                Filter::Range { path, from: to, to: from }
            }
        }
        4 => Filter::Exists { path },
        5 => Filter::Prefix { path, text: text(rng).to_owned() },
        6 | 7 => Filter::And(several(rng)),
        8 => Filter::Or(several(rng)),
        _ => Filter::Not(Box::new(filter(rng, depth - 1))),
    }
}

pub(super) fn query(rng: &mut Rng) -> Query {
    let mut sort = Vec::new();
    for path in ["name", "rank", "time.insert"] {
        let order = if rng.bool() { Order::Ascending } else { Order::Descending };
        if rng.u32(..3) == 0 {
            sort.push(Sort { path: path.into(), order });
        }
    }
    rng.shuffle(&mut sort);
    let count_up_to = *rng.choice(&[0, 1, 30, u64::MAX]).unwrap_or(&0);
    Query { filter: filter(rng, 3), sort, offset: rng.usize(..10), limit: rng.usize(..60), count_up_to }
}
