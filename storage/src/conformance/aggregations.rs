//! Counting by value and by time, in zones where the clock changes.

use std::sync::Arc;

use serde_json::{Value, json};

use super::filters::{between, date, exists, filled, not, one_of};
use super::{During, Failure, THING, equal, failed};
use crate::namespace::NamespacedStore;
use crate::query::{Aggregation, Buckets, Filter, Interval, Scalar, TimeUnit};
use crate::store::Store;

/// The whole suite.
///
/// # Errors
/// The first failure.
pub async fn all(store: &Arc<dyn Store>) -> Result<(), Failure> {
    terms(store).await?;
    declared_terms(store).await?;
    many_terms(store).await?;
    histograms(store).await?;
    changes_of_the_clock(store).await
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

/// Counting by the values of declared fields, under conditions on others.
///
/// # Errors
/// The first failure.
pub async fn declared_terms(store: &Arc<dyn Store>) -> Result<(), Failure> {
    let at = |hour: u32| json!({"insert": format!("2026-01-01T{hour:02}:00:00Z")});
    let documents = [
        ("a", json!({"name": "x", "time": at(1), "rank": 1})),
        ("b", json!({"name": "x", "time": at(2), "rank": 1.0, "free": 1})),
        ("c", json!({"name": "y", "time": at(2), "rank": -1})),
        ("d", json!({"name": "", "rank": u64::MAX})),
        ("e", json!({"name": null, "time": at(1)})),
        ("f", json!({"time": at(3), "free": 1})),
    ];
    let data = filled(store, &documents, "writing documents to count by declared fields").await?;
    let until =
        |hour: u32| between("time.insert", None, Some((date(&format!("2026-01-01T{hour:02}:00:00Z")), true)));
    let names = |values: &[(&str, u64)]| -> Vec<(Scalar, u64)> {
        values.iter().map(|(name, count)| (Scalar::from(*name), *count)).collect()
    };
    let most = Scalar::Number(u64::MAX.into());
    for (path, filter, values) in [
        ("name", Filter::All, names(&[("x", 2), ("", 1), ("y", 1)])),
        ("name", until(2), names(&[("x", 2), ("y", 1)])),
        ("name", until(1), names(&[("x", 1)])),
        ("name", exists("free"), names(&[("x", 1)])),
        ("name", Filter::equals("name", "y"), names(&[("y", 1)])),
        ("name", not(Filter::equals("name", "y")), names(&[("x", 2), ("", 1)])),
        ("name", Filter::equals("rank", 1), names(&[("x", 2)])),
        (
            "name",
            Filter::And(vec![until(2), one_of("name", vec!["y".into(), "z".into()])]),
            names(&[("y", 1)]),
        ),
        ("name", Filter::Or(vec![]), vec![]),
        ("rank", Filter::All, vec![(1.into(), 2), ((-1).into(), 1), (most, 1)]),
        ("rank", until(1), vec![(1.into(), 1)]),
    ] {
        let terms = Aggregation::Terms { path: path.into(), size: 10 };
        let step = format!("counting by {terms:?} where {filter:?}");
        let found = data.aggregate(THING, &filter, &terms).await.during(&step)?;
        equal(&step, &found, &Buckets::Terms { values, other: 0 })?;
    }
    Ok(())
}

/// Counting by a declared field of many values.
///
/// # Errors
/// The first failure.
pub async fn many_terms(store: &Arc<dyn Store>) -> Result<(), Failure> {
    let documents: Vec<(String, Value)> = (0..900)
        .map(|number| {
            let time = format!("2026-01-01T{:02}:00:00Z", number % 24);
            // The first hundred names twice.
            let body = json!({"name": format!("{:03}", number % 800), "time": {"insert": time}});
            (number.to_string(), body)
        })
        .collect();
    let data = filled(store, &documents, "writing many values").await?;
    let terms = Aggregation::Terms { path: "name".into(), size: 150 };
    let first: Vec<_> =
        (0..150).map(|number| (Scalar::from(format!("{number:03}")), 1 + u64::from(number < 100))).collect();
    let step = "counting by many values";
    let found = data.aggregate(THING, &Filter::All, &terms).await.during(step)?;
    equal(step, &found, &Buckets::Terms { values: first, other: 650 })?;
    let midnight = between("time.insert", None, Some((date("2026-01-01T00:00:00Z"), true)));
    let found = data.aggregate(THING, &midnight, &terms).await.during(step)?;
    let at_midnight = (0..900u32).filter(|number| number % 24 == 0).map(|number| number % 800);
    let Buckets::Terms { values, other } = found else { return Err(failed(step, "the answer is no terms")) };
    let counted = values.iter().map(|(_, count)| count).sum::<u64>();
    equal("how many of those at midnight are counted", &(counted, other), &(at_midnight.count() as u64, 0))
}

/// A path, how many of which unit, a time zone, and the buckets that are to be found.
type HistogramCase = (&'static str, u32, TimeUnit, &'static str, &'static [(&'static str, u64)]);

async fn counts_by_time(
    data: &NamespacedStore,
    filter: &Filter,
    cases: &[HistogramCase],
) -> Result<(), Failure> {
    for (path, count, unit, zone, expected) in cases {
        let interval = Interval { count: *count, unit: *unit };
        let histogram = Aggregation::Histogram { path: (*path).into(), interval, zone: (*zone).to_owned() };
        let step = format!("counting by {histogram:?} where {filter:?}");
        let found = data.aggregate(THING, filter, &histogram).await.during(&step)?;
        let Buckets::Histogram(found) = found else {
            return Err(failed(&step, "the answer is no histogram"));
        };
        let found: Vec<_> = found.into_iter().map(|(begin, count)| (begin.to_string(), count)).collect();
        let expected: Vec<_> = expected.iter().map(|(begin, count)| ((*begin).to_owned(), *count)).collect();
        equal(&step, &found, &expected)?;
    }
    Ok(())
}

/// Counting by time.
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
        ("g", json!({"time": {"insert": null}, "name": "no time"})),
    ];
    let data = filled(store, &documents, "writing documents to count by time").await?;
    let half_days: &[_] =
        &[("2026-03-28T12:00:00Z", 2), ("2026-03-29T12:00:00Z", 3), ("2026-03-31T12:00:00Z", 1)];
    let warsaw_months: &[_] = &[("2026-02-28T23:00:00Z", 4), ("2026-03-31T22:00:00Z", 1)];
    let cases: [HistogramCase; 5] = [
        ("time.insert", 1, TimeUnit::Month, "UTC", &[("2026-03-01T00:00:00Z", 5)]),
        ("time.insert", 1, TimeUnit::Month, "Europe/Warsaw", warsaw_months),
        ("time.insert", 1, TimeUnit::Year, "Asia/Kolkata", &[("2025-12-31T18:30:00Z", 5)]),
        ("free", 12, TimeUnit::Hour, "UTC", half_days),
        ("name", 1, TimeUnit::Day, "UTC", &[]),
    ];
    counts_by_time(&data, &Filter::All, &cases).await?;
    let evaluated = Filter::equals("free", "2026-03-28T23:00:00Z");
    counts_by_time(
        &data,
        &evaluated,
        &[("time.insert", 1, TimeUnit::Hour, "UTC", &[("2026-03-28T23:00:00Z", 1)])],
    )
    .await?;
    counts_by_time(&data, &Filter::Or(vec![]), &[("time.insert", 1, TimeUnit::Day, "UTC", &[])]).await
}

/// What changes, the instants of the documents, and how they are to be counted.
const CHANGES: [(&str, &[&str], HistogramCase); 9] = [
    (
        "a day of 23 hours",
        &["2026-03-28T22:59:59Z", "2026-03-28T23:00:00Z", "2026-03-29T21:59:59.9Z", "2026-03-29T22:00:00Z"],
        (
            "time.insert",
            1,
            TimeUnit::Day,
            "Europe/Warsaw",
            &[("2026-03-27T23:00:00Z", 1), ("2026-03-28T23:00:00Z", 2), ("2026-03-29T22:00:00Z", 1)],
        ),
    ),
    (
        "a day of 25 hours",
        &["2026-10-24T22:00:00Z", "2026-10-25T22:59:59Z", "2026-10-25T23:00:00Z"],
        (
            "time.insert",
            1,
            TimeUnit::Day,
            "Europe/Warsaw",
            &[("2026-10-24T22:00:00Z", 2), ("2026-10-25T23:00:00Z", 1)],
        ),
    ),
    (
        "an hour that comes twice",
        &["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T01:59:59Z"],
        (
            "time.insert",
            1,
            TimeUnit::Hour,
            "Europe/Warsaw",
            &[("2026-10-25T00:00:00Z", 1), ("2026-10-25T01:00:00Z", 2)],
        ),
    ),
    (
        "hours after a change by half of one",
        &["2026-04-04T14:40:00Z", "2026-04-04T15:10:00Z", "2026-04-04T15:40:00Z"],
        (
            "time.insert",
            1,
            TimeUnit::Hour,
            "Australia/Lord_Howe",
            &[("2026-04-04T14:30:00Z", 2), ("2026-04-04T15:30:00Z", 1)],
        ),
    ),
    (
        "a day without midnight",
        &["2018-11-04T02:59:59Z", "2018-11-04T03:00:00Z", "2018-11-05T01:59:59Z", "2018-11-05T02:00:00Z"],
        (
            "time.insert",
            1,
            TimeUnit::Day,
            "America/Sao_Paulo",
            &[("2018-11-03T03:00:00Z", 1), ("2018-11-04T03:00:00Z", 2), ("2018-11-05T02:00:00Z", 1)],
        ),
    ),
    (
        "a day that was left out",
        &["2011-12-30T09:59:59Z", "2011-12-30T10:00:00Z"],
        (
            "time.insert",
            1,
            TimeUnit::Day,
            "Pacific/Apia",
            &[("2011-12-29T10:00:00Z", 1), ("2011-12-30T10:00:00Z", 1)],
        ),
    ),
    (
        "several days over a change",
        &["2026-03-25T22:59:59Z", "2026-03-25T23:00:00Z", "2026-04-01T21:59:59Z", "2026-04-01T22:00:00Z"],
        (
            "time.insert",
            7,
            TimeUnit::Day,
            "Europe/Warsaw",
            &[("2026-03-18T23:00:00Z", 1), ("2026-03-25T23:00:00Z", 2), ("2026-04-01T22:00:00Z", 1)],
        ),
    ),
    (
        "minutes before 1970",
        &["1969-12-31T23:44:59.9Z", "1969-12-31T23:45:00Z", "1970-01-01T00:00:00Z"],
        (
            "time.insert",
            15,
            TimeUnit::Minute,
            "UTC",
            &[("1969-12-31T23:30:00Z", 1), ("1969-12-31T23:45:00Z", 1), ("1970-01-01T00:00:00Z", 1)],
        ),
    ),
    (
        "quarters of an hour in an odd zone",
        &["2026-01-01T00:00:00Z", "2026-01-01T00:14:59Z", "2026-01-01T00:15:00Z"],
        (
            "time.insert",
            30,
            TimeUnit::Minute,
            "Asia/Kathmandu",
            &[("2025-12-31T23:45:00Z", 2), ("2026-01-01T00:15:00Z", 1)],
        ),
    ),
];

/// Buckets of days that have 23 or 25 hours, that have no midnight, or that do not exist.
///
/// # Errors
/// The first failure.
pub async fn changes_of_the_clock(store: &Arc<dyn Store>) -> Result<(), Failure> {
    for (what, instants, case) in CHANGES {
        // In any order, with others between them that have no time or another name.
        let instants = instants.iter().rev().enumerate();
        let mut documents: Vec<(String, Value)> = instants
            .map(|(number, at)| {
                (number.to_string(), json!({"name": "x", "free": true, "time": {"insert": at}}))
            })
            .collect();
        documents.push(("absent".to_owned(), json!({"name": "x", "free": true})));
        let step = format!("writing {what}");
        let data = filled(store, &documents, &step).await?;
        for filter in [Filter::All, Filter::equals("name", "x"), Filter::equals("free", true)] {
            counts_by_time(&data, &filter, &[case]).await?;
        }
        counts_by_time(&data, &Filter::equals("name", "y"), &[(case.0, case.1, case.2, case.3, &[])]).await?;
    }
    Ok(())
}
