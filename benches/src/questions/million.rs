//! A tenant with a million events: the latest twenty, a histogram over all of them, and how many there are.

use std::time::Instant;

use jiff::Timestamp;
use storage::{
    Aggregation, Bound, Buckets, Filter, Interval, NamespacedStore, Order, Query, Scalar, Sort, TimeUnit,
};

use super::{fill, in_a_task, runtime};
use crate::events::{EVENT, INSERTED};
use crate::{Contest, Goal, Result, Row, Setting, Unit, tenants};

pub(super) fn answer(setting: &Setting) -> Result<Vec<Row>> {
    let runtime = runtime()?;
    let documents = setting.size(1_000_000, 5000);
    let folder = setting.fresh_folder("store")?;
    let filled = fill(&runtime, &folder, documents)?;
    let data = tenants::data(&tenants::open(&folder, None)?, 0)?;
    let times = setting.size(200, 3);
    let figures = Contest::new(setting.repetitions())
        .with(|_| in_a_task(&runtime, latest(data.clone(), uncounted(), times)))
        .with(|_| in_a_task(&runtime, latest(data.clone(), counted(), 1)))
        .with(|_| in_a_task(&runtime, histogram(data.clone(), documents)))
        .with(|_| in_a_task(&runtime, count(data.clone(), documents)))
        .run()?;
    let [latest, with_total, histogram, count] = figures.try_into().map_err(|_| "four contestants")?;
    let of = |what: &str| format!("{what} of {documents}");
    let milliseconds = |what: &str, figure| Row::new(of(what), Unit::Milliseconds, figure);
    Ok(vec![
        milliseconds("latest 20", latest).with_goal(Goal::AtMost(1.0)),
        milliseconds("latest 20, with the exact total,", with_total),
        milliseconds("histogram by day over a range", histogram).with_goal(Goal::AtMost(300.0)),
        milliseconds("exact count", count),
        Row::new(of("filling, commits of 1000,"), Unit::Events, filled.rate),
    ])
}

/// The latest twenty and nothing else.
fn uncounted() -> Query {
    counted()
}

/// The latest twenty, and how many there are.
fn counted() -> Query {
    Query { sort: vec![Sort { path: INSERTED.into(), order: Order::Descending }], ..Query::default() }
}

async fn latest(data: NamespacedStore, query: Query, times: usize) -> Result<f64> {
    let began = Instant::now();
    for _ in 0..times {
        let found = data.search(EVENT, &query).await?.documents.len();
        if found != 20 {
            return Err(format!("{found} documents are the latest 20").into());
        }
    }
    Ok(milliseconds(began) / f64::from(u32::try_from(times)?))
}

async fn histogram(data: NamespacedStore, documents: usize) -> Result<f64> {
    let bound = |time: &str| -> Result<Bound> {
        Ok(Bound { value: Scalar::Date(time.parse::<Timestamp>()?), inclusive: true })
    };
    let filter = Filter::Range {
        path: INSERTED.into(),
        from: Some(bound("2026-03-01T00:00:00Z")?),
        to: Some(bound("2026-12-01T00:00:00Z")?),
    };
    let interval = Interval { count: 1, unit: TimeUnit::Day };
    let by_day = Aggregation::Histogram { path: INSERTED.into(), interval, zone: "Europe/Warsaw".into() };
    let began = Instant::now();
    let buckets = data.aggregate(EVENT, &filter, &by_day).await?;
    let took = milliseconds(began);
    let Buckets::Histogram(buckets) = buckets else { return Err("that is no histogram".into()) };
    let counted: u64 = buckets.iter().map(|(_, count)| count).sum();
    if buckets.len() < 28 || usize::try_from(counted)? != documents {
        return Err(format!("{counted} documents in {} buckets", buckets.len()).into());
    }
    Ok(took)
}

async fn count(data: NamespacedStore, documents: usize) -> Result<f64> {
    let began = Instant::now();
    let counted = data.count(EVENT, &Filter::All).await?;
    let took = milliseconds(began);
    if usize::try_from(counted)? != documents {
        return Err(format!("{counted} documents were counted").into());
    }
    Ok(took)
}

fn milliseconds(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1e3
}
