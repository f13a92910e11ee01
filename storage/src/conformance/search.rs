//! Queries: what each operator finds, in fields of every type, and what is refused.

use std::sync::Arc;

use serde_json::{Value, json};

use super::filters::{between, date, exists, filled, float, ids, not, one_of, prefix};
use super::{During, Failure, THING, equal, fresh, refused};
use crate::error::StoreErrorKind;
use crate::namespace::NamespacedStore;
use crate::query::{Aggregation, Filter, Interval, MAX_WINDOW, Order, Query, Scalar, Sort, TimeUnit};
use crate::store::Store;

/// The whole suite.
///
/// # Errors
/// The first failure.
pub async fn all(store: &Arc<dyn Store>) -> Result<(), Failure> {
    operators(store).await?;
    types(store).await?;
    outside_the_subset(store).await
}

/// Whether a filter finds these documents, counts them, and finds all the others where it is negated.
async fn finds(data: &NamespacedStore, filter: Filter, expected: &str, all: &str) -> Result<(), Failure> {
    let others: Vec<_> = all.split(' ').filter(|id| !expected.split(' ').any(|found| found == *id)).collect();
    for (filter, expected) in [(filter.clone(), expected.to_owned()), (not(filter), others.join(" "))] {
        let step = format!("searching {filter:?}");
        let query = Query { filter: filter.clone(), limit: 100, ..Query::default() };
        let page = data.search(THING, &query).await.during(&step)?;
        equal(&step, &ids(&page.documents), &expected)?;
        let total = expected.split_whitespace().count() as u64;
        equal(&format!("the total of {filter:?}"), &page.total, &total)?;
        equal(&format!("counting {filter:?}"), &data.count(THING, &filter).await.during(&step)?, &total)?;
    }
    Ok(())
}

/// What each operator finds, in declared fields and in others.
///
/// # Errors
/// The first failure.
pub async fn operators(store: &Arc<dyn Store>) -> Result<(), Failure> {
    let documents = [
        ("a", json!({"name": "ab", "rank": 1, "free": "1", "time": {"insert": "2026-01-01T00:00:00Z"}})),
        (
            "b",
            json!({"name": "abc", "rank": 1.5, "free": 1, "time": {"insert": "2026-01-01T01:00:00+02:00"}}),
        ),
        ("c", json!({"name": "é", "rank": 9_007_199_254_740_993_u64, "free": true})),
        (
            "d",
            json!({"name": null, "rank": u64::MAX, "free": ["1", 2, {"x": ["deep"]}], "list": [{"x": 5}, {"x": 7}]}),
        ),
        ("e", json!({"rank": i64::MIN, "free": null, "other": "2026-01-01T00:00:00.000Z"})),
    ];
    let data = filled(store, &documents, "writing documents to find").await?;
    let cases = [equals(), ranges(), texts_and_something(), combinations()];
    for (filter, expected) in cases.into_iter().flatten() {
        finds(&data, filter, expected, "a b c d e").await?;
    }
    Ok(())
}

/// A filter and the ids of what it finds.
type Case = (Filter, &'static str);

fn new_year() -> Scalar {
    date("2026-01-01T00:00:00Z")
}

fn equals() -> Vec<Case> {
    let is = |path: &'static str, value| Filter::Equals { path: path.into(), value };
    vec![
        (Filter::equals("name", "ab"), "a"),
        (Filter::equals("rank", 1), "a"),
        (is("rank", float(1.0)), "a"),
        (Filter::equals("rank", "1"), ""),
        (Filter::equals("rank", 9_007_199_254_740_992), ""),
        (Filter::equals("rank", 9_007_199_254_740_993), "c"),
        (is("rank", Scalar::Number(u64::MAX.into())), "d"),
        (is("rank", float(18_446_744_073_709_551_616.0)), ""),
        (Filter::equals("free", "1"), "a d"),
        (Filter::equals("free", 1), "b"),
        (Filter::equals("free", true), "c"),
        (Filter::equals("free.x", "deep"), "d"),
        (Filter::equals("list.x", 7), "d"),
        (Filter::equals("time.insert", "2025-12-31T23:00:00Z"), "b"),
        (is("time.insert", new_year()), "a"),
        (is("other", new_year()), "e"),
        (Filter::equals("other", "2026-01-01T00:00:00Z"), ""),
        (one_of("name", vec!["ab".into(), "é".into(), 1.into()]), "a c"),
        (one_of("free", vec![]), ""),
        (one_of("free", vec![2.into(), true.into()]), "c d"),
    ]
}

fn ranges() -> Vec<Case> {
    vec![
        (between("rank", Some((1.into(), false)), None), "b c d"),
        (between("rank", Some((1.into(), true)), Some((2.into(), false))), "a b"),
        (between("rank", None, Some((0.into(), true))), "e"),
        (between("name", Some(("ab".into(), false)), None), "b c"),
        (between("name", Some((1.into(), true)), None), ""),
        (between("time.insert", None, Some((new_year(), false))), "b"),
        (between("other", Some((new_year(), true)), None), "e"),
        (between("list.x", Some((6.into(), true)), Some((6.into(), true))), ""),
    ]
}

fn texts_and_something() -> Vec<Case> {
    vec![
        (exists("name"), "a b c"),
        (exists("free"), "a b c d"),
        (exists("list"), "d"),
        (exists("time"), "a b"),
        (prefix("name", "ab"), "a b"),
        (prefix("name", ""), "a b c"),
        (prefix("free", "1"), "a d"),
        (prefix("rank", "1"), ""),
        (prefix("time.insert", "2026-01-01T01"), "b"),
    ]
}

fn combinations() -> Vec<Case> {
    let (ab, truth) = (|| Filter::equals("name", "ab"), || Filter::equals("free", true));
    vec![
        (Filter::All, "a b c d e"),
        (Filter::And(vec![]), "a b c d e"),
        (Filter::Or(vec![]), ""),
        (Filter::Or(vec![ab(), truth()]), "a c"),
        (Filter::Or(vec![ab(), Filter::equals("rank", 1)]), "a"),
        (Filter::And(vec![exists("name"), not(Filter::equals("free", 1))]), "a c"),
        (Filter::And(vec![exists("name"), not(ab()), not(truth())]), "b"),
        (Filter::And(vec![Filter::Or(vec![ab(), truth()]), Filter::Or(vec![])]), ""),
    ]
}

/// A value is found by a query value of its own type alone, whatever it is in.
///
/// # Errors
/// The first failure.
pub async fn types(store: &Arc<dyn Store>) -> Result<(), Failure> {
    let documents: [(&str, Value); 15] = [
        ("absent", json!({})),
        ("date", json!({"free": "2026-01-01T00:00:00Z"})),
        ("date-elsewhere", json!({"free": "2025-12-31T23:00:00-01:00"})),
        ("empty-list", json!({"free": []})),
        ("empty-object", json!({"free": {}})),
        ("empty-text", json!({"free": ""})),
        ("false", json!({"free": false})),
        ("float", json!({"free": 1.5})),
        ("integer", json!({"free": 1})),
        ("list", json!({"free": [true, 1.0, "1", null]})),
        ("list-of-lists", json!({"free": [[1], []]})),
        ("null", json!({"free": null})),
        ("nulls", json!({"free": [null, {"x": null}]})),
        ("object", json!({"free": {"x": 1}})),
        ("text", json!({"free": "1"})),
    ];
    let data = filled(store, &documents, "writing a value of each type").await?;
    let all: Vec<_> = documents.iter().map(|(key, _)| *key).collect();
    let is = |value| Filter::Equals { path: "free".into(), value };
    let from = |value: Scalar, inclusive| between("free", Some((value, inclusive)), None);
    let to = |value: Scalar, inclusive| between("free", None, Some((value, inclusive)));
    let something = "date date-elsewhere empty-text false float integer list list-of-lists object text";
    for (filter, expected) in [
        (is(true.into()), "list"),
        (is(false.into()), "false"),
        (is(1.into()), "integer list list-of-lists"),
        (is(float(1.0)), "integer list list-of-lists"),
        (is(float(1.5)), "float"),
        (is("1".into()), "list text"),
        (is("".into()), "empty-text"),
        (is("true".into()), ""),
        (is("null".into()), ""),
        (is(new_year()), "date date-elsewhere"),
        (is("2026-01-01T00:00:00Z".into()), "date"),
        (
            one_of("free", vec![1.into(), "".into(), false.into()]),
            "empty-text false integer list list-of-lists",
        ),
        (from(1.into(), true), "float integer list list-of-lists"),
        (from(1.into(), false), "float"),
        (to(1.into(), true), "integer list list-of-lists"),
        (to(1.into(), false), ""),
        (from("1".into(), true), "date date-elsewhere list text"),
        (to("1".into(), false), "empty-text"),
        (from(new_year(), true), "date date-elsewhere"),
        (prefix("free", ""), "date date-elsewhere empty-text list text"),
        (prefix("free", "2026-01-01T"), "date"),
        (prefix("free", "tru"), ""),
        (exists("free"), something),
        (exists("free.x"), "object"),
        (Filter::equals("free.x", 1), "object"),
        (exists("free.x.y"), ""),
    ] {
        finds(&data, filter, expected, &all.join(" ")).await?;
    }
    Ok(())
}

/// What is outside the subset is refused, not answered in part.
///
/// # Errors
/// The first failure.
pub async fn outside_the_subset(store: &Arc<dyn Store>) -> Result<(), Failure> {
    let data = fresh(store, "queries outside the subset").await?;
    let invalid = StoreErrorKind::Invalid;
    let sort = vec![Sort { path: "free".into(), order: Order::Ascending }];
    let deep = (0..10_000).fold(Filter::All, |filter, _| not(filter));
    for query in [
        Query { sort, ..Query::default() },
        Query { offset: MAX_WINDOW, limit: 1, ..Query::default() },
        Query { offset: usize::MAX, limit: 1, ..Query::default() },
        Query { filter: Filter::equals("time.insert", "yesterday"), ..Query::default() },
        Query { filter: not(one_of("time.insert", vec!["2026-01-01".into()])), ..Query::default() },
        Query { filter: between("rank", None, None), ..Query::default() },
        Query { filter: between("free", Some((true.into(), true)), None), ..Query::default() },
        Query { filter: exists("a..b"), ..Query::default() },
    ] {
        refused(&format!("searching {query:?}"), data.search(THING, &query).await, invalid)?;
    }
    refused("a filter ten thousand levels deep", data.count(THING, &deep).await, invalid)?;
    unnest(deep);

    let histogram = |count, unit, zone: &str| {
        let interval = Interval { count, unit };
        Aggregation::Histogram { path: "time.insert".into(), interval, zone: zone.to_owned() }
    };
    for aggregation in [
        histogram(0, TimeUnit::Hour, "UTC"),
        histogram(2, TimeUnit::Month, "UTC"),
        histogram(2, TimeUnit::Year, "UTC"),
        histogram(1, TimeUnit::Day, "Europe/Nowhere"),
        histogram(1, TimeUnit::Day, ""),
        histogram(1, TimeUnit::Day, "../../etc/passwd"),
        Aggregation::Terms { path: ".".into(), size: 1 },
    ] {
        let answer = data.aggregate(THING, &Filter::All, &aggregation).await;
        refused(&format!("aggregating {aggregation:?}"), answer, invalid)?;
    }
    Ok(())
}

/// Takes a deep filter apart: dropping it whole would need a stack as deep.
fn unnest(mut filter: Filter) {
    while let Filter::Not(inner) = filter {
        filter = *inner;
    }
}
