//! Queries: what each operator finds, in which order, and what is counted.

use std::sync::Arc;

use fastrand::Rng;
use jiff::Timestamp;
use serde_json::{Number, Value, json};

use super::{During, Failure, THING, body, equal, failed, fresh, generate, id, refused, schema};
use crate::document::{Batch, Document};
use crate::error::StoreErrorKind;
use crate::memory::MemoryStore;
use crate::namespace::NamespacedStore;
use crate::query::{
    Aggregation, Bound, Buckets, Filter, Interval, MAX_WINDOW, Order, Query, Scalar, Sort, TimeUnit,
};
use crate::store::Store;

/// The whole suite. `seed` makes what is random the same again.
///
/// # Errors
/// The first failure.
pub async fn all(store: &Arc<dyn Store>, seed: u64) -> Result<(), Failure> {
    operators(store).await?;
    sorts(store).await?;
    outside_the_subset(store).await?;
    terms(store).await?;
    histograms(store).await?;
    as_the_reference(store, seed, 500).await
}

async fn filled(
    store: &Arc<dyn Store>,
    documents: &[(&str, Value)],
    step: &str,
) -> Result<NamespacedStore, Failure> {
    let data = fresh(store, step).await?;
    let mut batch = Batch::default();
    for (key, value) in documents {
        batch.put(THING, id(key), body(value.clone()));
    }
    data.write(batch).await.during(step)?;
    data.refresh().await.during("refreshing")?;
    Ok(data)
}

fn ids(documents: &[Document]) -> String {
    documents.iter().map(|document| document.id.as_str()).collect::<Vec<_>>().join(" ")
}

fn date(text: &str) -> Scalar {
    text.parse::<Timestamp>().map_or_else(|_| Scalar::from(text), Scalar::Date)
}

fn float(value: f64) -> Scalar {
    Scalar::Number(Number::from_f64(value).unwrap_or_else(|| 0.into()))
}

fn between(path: &'static str, from: Option<(Scalar, bool)>, to: Option<(Scalar, bool)>) -> Filter {
    let bound = |(value, inclusive)| Bound { value, inclusive };
    Filter::Range { path: path.into(), from: from.map(bound), to: to.map(bound) }
}

fn not(filter: Filter) -> Filter {
    Filter::Not(Box::new(filter))
}

fn prefix(path: &'static str, text: &str) -> Filter {
    Filter::Prefix { path: path.into(), text: text.to_owned() }
}

fn exists(path: &'static str) -> Filter {
    Filter::Exists { path: path.into() }
}

fn one_of(path: &'static str, values: Vec<Scalar>) -> Filter {
    Filter::In { path: path.into(), values }
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
    let new_year = || date("2026-01-01T00:00:00Z");
    let cases = [
        (Filter::All, "a b c d e"),
        (Filter::And(vec![]), "a b c d e"),
        (Filter::Or(vec![]), ""),
        (Filter::equals("name", "ab"), "a"),
        (not(Filter::equals("name", "ab")), "b c d e"),
        (Filter::equals("rank", 1), "a"),
        (Filter::Equals { path: "rank".into(), value: float(1.0) }, "a"),
        (Filter::equals("rank", "1"), ""),
        (Filter::equals("rank", 9_007_199_254_740_992), ""),
        (Filter::equals("rank", 9_007_199_254_740_993), "c"),
        (Filter::Equals { path: "rank".into(), value: Scalar::Number(u64::MAX.into()) }, "d"),
        (Filter::Equals { path: "rank".into(), value: float(18_446_744_073_709_551_616.0) }, ""),
        (Filter::equals("free", "1"), "a d"),
        (Filter::equals("free", 1), "b"),
        (Filter::equals("free", true), "c"),
        (Filter::equals("free.x", "deep"), "d"),
        (Filter::equals("list.x", 7), "d"),
        (Filter::equals("time.insert", "2025-12-31T23:00:00Z"), "b"),
        (Filter::Equals { path: "time.insert".into(), value: new_year() }, "a"),
        (Filter::Equals { path: "other".into(), value: new_year() }, "e"),
        (Filter::equals("other", "2026-01-01T00:00:00Z"), ""),
        (one_of("name", vec!["ab".into(), "é".into(), 1.into()]), "a c"),
        (one_of("free", vec![]), ""),
        (one_of("free", vec![2.into(), true.into()]), "c d"),
        (between("rank", Some((1.into(), false)), None), "b c d"),
        (between("rank", Some((1.into(), true)), Some((2.into(), false))), "a b"),
        (between("rank", None, Some((0.into(), true))), "e"),
        (between("name", Some(("ab".into(), false)), None), "b c"),
        (between("name", Some((1.into(), true)), None), ""),
        (between("time.insert", None, Some((new_year(), false))), "b"),
        (between("other", Some((new_year(), true)), None), "e"),
        (between("list.x", Some((6.into(), true)), Some((6.into(), true))), ""),
        (exists("name"), "a b c"),
        (not(exists("name")), "d e"),
        (exists("free"), "a b c d"),
        (exists("list"), "d"),
        (exists("time"), "a b"),
        (prefix("name", "ab"), "a b"),
        (prefix("name", ""), "a b c"),
        (prefix("free", "1"), "a d"),
        (prefix("rank", "1"), ""),
        (prefix("time.insert", "2026-01-01T01"), "b"),
        (Filter::Or(vec![Filter::equals("name", "ab"), Filter::equals("free", true)]), "a c"),
        (Filter::And(vec![exists("name"), not(Filter::equals("free", 1))]), "a c"),
    ];
    for (filter, expected) in cases {
        let step = format!("searching {filter:?}");
        let page =
            data.search(THING, &Query { filter: filter.clone(), ..Query::default() }).await.during(&step)?;
        equal(&step, &ids(&page.documents), &expected.to_owned())?;
        let total = expected.split_whitespace().count() as u64;
        equal(&format!("the total of {filter:?}"), &page.total, &total)?;
        equal(&format!("counting {filter:?}"), &data.count(THING, &filter).await.during(&step)?, &total)?;
    }
    Ok(())
}

/// Order, ties by id, missing values last, pages.
///
/// # Errors
/// The first failure.
pub async fn sorts(store: &Arc<dyn Store>) -> Result<(), Failure> {
    let documents = [
        ("a", json!({"name": "b", "rank": 2, "time": {"insert": "2026-01-01T00:00:00+01:00"}})),
        ("b", json!({"name": "B", "rank": 2.0})),
        ("c", json!({"name": "é", "rank": -1, "time": {"insert": "2025-12-31T23:30:00Z"}})),
        ("d", json!({"name": "b", "time": {"insert": "1969-12-31T23:59:59.5Z"}})),
        ("e", json!({"rank": 9_007_199_254_740_993_u64})),
        ("f", json!({"rank": 9_007_199_254_740_992.0})),
    ];
    let data = filled(store, &documents, "writing documents to sort").await?;
    let (up, down) = (Order::Ascending, Order::Descending);
    let cases: [(&[(&'static str, Order)], &str); 8] = [
        (&[], "a b c d e f"),
        (&[("name", up)], "b a d c e f"),
        (&[("name", down)], "c a d b e f"),
        (&[("rank", up)], "c a b f e d"),
        (&[("rank", down)], "e f a b c d"),
        (&[("time.insert", up)], "d a c b e f"),
        (&[("time.insert", down)], "c a d b e f"),
        (&[("name", up), ("rank", down)], "b a d c e f"),
    ];
    for (sort, expected) in cases {
        let sort: Vec<_> =
            sort.iter().map(|(path, order)| Sort { path: (*path).into(), order: *order }).collect();
        let step = format!("sorting by {sort:?}");
        let mut paged = Vec::new();
        for offset in (0..documents.len()).step_by(2) {
            let query =
                Query { filter: Filter::All, sort: sort.clone(), offset, limit: 2, ..Query::default() };
            let page = data.search(THING, &query).await.during(&step)?;
            equal(&format!("the total, {step}"), &page.total, &(documents.len() as u64))?;
            paged.extend(page.documents);
        }
        equal(&step, &ids(&paged), &expected.to_owned())?;
    }
    for (offset, limit) in [(6, 10), (MAX_WINDOW, 0), (0, 0)] {
        let query = Query { offset, limit, ..Query::default() };
        let page = data.search(THING, &query).await.during("an empty page")?;
        equal("an empty page", &(page.total, page.documents.len()), &(6, 0))?;
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

/// Counting by value.
///
/// # Errors
/// The first failure.
pub async fn terms(store: &Arc<dyn Store>) -> Result<(), Failure> {
    let documents = [
        ("a", json!({"free": ["x", "x", "y"], "time": {"insert": "2026-01-01T00:00:00Z"}})),
        ("b", json!({"free": "x", "time": {"insert": "2026-01-01T01:00:00+01:00"}})),
        ("c", json!({"free": [1, 1.0, true, null]})),
        ("d", json!({"free": [{"x": 1}, "y", "a"], "rank": 5})),
    ];
    let data = filled(store, &documents, "writing documents to count").await?;
    let text = |text: &str, count| (Scalar::from(text), count);
    let all = vec![text("x", 2), text("y", 2), (true.into(), 1), (1.into(), 1), text("a", 1)];
    let instants = vec![(date("2026-01-01T00:00:00Z"), 2)];
    for (path, size, values, other) in [
        ("free", 10, all.clone(), 0),
        ("free", 1, all[..1].to_vec(), 5),
        ("free", 0, vec![], 7),
        ("rank", 10, vec![(5.into(), 1)], 0),
        ("time.insert", 10, instants, 0),
        ("absent", 10, vec![], 0),
    ] {
        let terms = Aggregation::Terms { path: path.into(), size };
        let step = format!("counting by {terms:?}");
        let found = data.aggregate(THING, &Filter::All, &terms).await.during(&step)?;
        equal(&step, &found, &Buckets::Terms { values, other })?;
    }
    let terms = Aggregation::Terms { path: "free".into(), size: 10 };
    let step = "counting by value what matches";
    let found = data.aggregate(THING, &exists("rank"), &terms).await.during(step)?;
    equal(step, &found, &Buckets::Terms { values: vec![text("a", 1), text("y", 1)], other: 0 })
}

/// A path, how many of which unit, a time zone, and the buckets that are to be found.
type HistogramCase = (&'static str, u32, TimeUnit, &'static str, &'static [(&'static str, u64)]);

/// Counting by time, in zones where the clock changes.
///
/// # Errors
/// The first failure.
pub async fn histograms(store: &Arc<dyn Store>) -> Result<(), Failure> {
    let at = |instant: &str| json!({"time": {"insert": instant}, "free": instant});
    let documents = [
        ("a", at("2026-03-28T22:59:59Z")),
        ("b", at("2026-03-28T23:00:00Z")),
        ("c", at("2026-03-29T21:59:59.999Z")),
        ("d", at("2026-03-30T00:00:00+02:00")),
        ("e", at("2026-03-31T22:30:00Z")),
        ("f", json!({"free": ["no instant", "2026-03-29T12:00:00Z", "2026-03-29T12:30:00Z", 5]})),
    ];
    let data = filled(store, &documents, "writing documents to count by time").await?;
    let cases: [HistogramCase; 5] = [
        (
            "time.insert",
            1,
            TimeUnit::Day,
            "Europe/Warsaw",
            &[
                ("2026-03-27T23:00:00Z", 1),
                ("2026-03-28T23:00:00Z", 2),
                ("2026-03-29T22:00:00Z", 1),
                ("2026-03-31T22:00:00Z", 1),
            ],
        ),
        ("time.insert", 1, TimeUnit::Month, "UTC", &[("2026-03-01T00:00:00Z", 5)]),
        (
            "time.insert",
            1,
            TimeUnit::Month,
            "Europe/Warsaw",
            &[("2026-02-28T23:00:00Z", 4), ("2026-03-31T22:00:00Z", 1)],
        ),
        ("time.insert", 1, TimeUnit::Year, "Asia/Kolkata", &[("2025-12-31T18:30:00Z", 5)]),
        (
            "free",
            12,
            TimeUnit::Hour,
            "UTC",
            &[("2026-03-28T12:00:00Z", 2), ("2026-03-29T12:00:00Z", 3), ("2026-03-31T12:00:00Z", 1)],
        ),
    ];
    for (path, count, unit, zone, expected) in cases {
        let interval = Interval { count, unit };
        let histogram = Aggregation::Histogram { path: path.into(), interval, zone: zone.to_owned() };
        let step = format!("counting by {histogram:?}");
        let found = data.aggregate(THING, &Filter::All, &histogram).await.during(&step)?;
        let Buckets::Histogram(found) = found else {
            return Err(failed(&step, "the answer is no histogram"));
        };
        let found: Vec<_> = found.into_iter().map(|(begin, count)| (begin.to_string(), count)).collect();
        let expected: Vec<_> = expected.iter().map(|(begin, count)| ((*begin).to_owned(), *count)).collect();
        equal(&step, &found, &expected)?;
    }
    Ok(())
}

/// Random queries over random documents are answered as [`MemoryStore`] answers them.
///
/// # Errors
/// The first difference; it names the seed.
pub async fn as_the_reference(store: &Arc<dyn Store>, seed: u64, queries: usize) -> Result<(), Failure> {
    let mut rng = Rng::with_seed(seed);
    let documents: Vec<(String, Value)> =
        (0..120).map(|number| (format!("{number:03}"), Value::Object(generate::body(&mut rng)))).collect();
    let documents: Vec<_> = documents.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
    let reference: Arc<dyn Store> = Arc::new(MemoryStore::new(schema()));
    let expected = filled(&reference, &documents, "writing random documents to the reference").await?;
    let data = filled(store, &documents, "writing random documents").await?;
    for _ in 0..queries {
        let query = generate::query(&mut rng);
        let step = format!("seed {seed}, searching {query:?}");
        let wanted = expected.search(THING, &query).await.during(&format!("the reference, {step}"))?;
        let found = data.search(THING, &query).await.during(&step)?;
        equal(&step, &(found.total, ids(&found.documents)), &(wanted.total, ids(&wanted.documents)))?;
    }
    Ok(())
}
