//! What the embedded backend answers about a million events, and how fast. Ignored: it needs a quiet machine and some minutes.
//!
//! `cargo test --release -p tenantry-storage --all-features --test it speed -- --ignored --nocapture`. With a folder in
//! `TENANTRY_SPEED_DIR` the events are kept there and found again by the next run.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use storage::{
    Aggregation, Batch, Bound, Buckets, EmbeddedConfig, EmbeddedStore, FieldType, Filter, Interval, Kind,
    NamespacedStore, Order, Query, Scalar, Schema, Sort, Store, TimeUnit,
};
use tenant_core::Context;

use crate::support::{body, id, install, tenant};

const EVENTS: u64 = 1_000_000;
const TYPES: [&str; 6] = ["page-view", "click", "search", "purchase", "login", "profile-update"];
const BEGIN: Timestamp = Timestamp::constant(1_772_323_200, 0);

/// The declaration of events as the platform has it.
fn schema() -> Schema {
    let event = Kind::new("event")
        .with_field("time", FieldType::Date)
        .with_field("type", FieldType::Text)
        .with_field("session.id", FieldType::Text)
        .with_field("profile.id", FieldType::Text)
        .with_field("source.id", FieldType::Text)
        .with_index(&["time"])
        .with_index(&["type", "time"])
        .with_index(&["session.id", "time"])
        .with_index(&["profile.id", "time"])
        .with_time_field("time");
    Schema::new(1, vec![event]).expect("a schema")
}

/// An event every 2.7 seconds, a month of them; half of them of the first type.
fn batch(first: u64, count: u64) -> Batch {
    let mut batch = Batch::default();
    for number in first..first + count {
        let mut rng = fastrand::Rng::with_seed(number);
        let time = BEGIN + SignedDuration::from_millis(i64::try_from(number).expect("small") * 2_700);
        let kind = TYPES[rng.usize(..TYPES.len() * 2).saturating_sub(TYPES.len())];
        let uuid = uuid::Builder::from_random_bytes(rng.u128(..).to_be_bytes()).into_uuid();
        let event = json!({
            "time": time.to_string(), "type": kind, "source": {"id": "web"},
            "session": {"id": format!("session-{}", rng.u32(..100_000))},
            "profile": {"id": format!("profile-{}", rng.u32(..30_000))},
            "properties": {"url": format!("/{}", rng.u32(..1000)), "text": "x".repeat(380)},
        });
        batch.put("event", id(&uuid.to_string()), body(event));
    }
    batch
}

struct Events {
    data: NamespacedStore,
    _folder: Option<tempfile::TempDir>,
}

async fn events() -> Events {
    let kept = std::env::var_os("TENANTRY_SPEED_DIR").map(PathBuf::from);
    let folder = if kept.is_none() { Some(tempfile::tempdir().expect("a folder")) } else { None };
    let path: &Path = kept.as_deref().or(folder.as_ref().map(tempfile::TempDir::path)).expect("a path");
    let store: Arc<dyn Store> =
        Arc::new(EmbeddedStore::open(EmbeddedConfig::new(path), schema()).expect("a store"));
    let data = install(&store, &tenant("acme")).await.data(Context::Production);
    if data.count("event", &Filter::All).await.expect("counted") != EVENTS {
        for first in (0..EVENTS).step_by(1000) {
            data.write(batch(first, 1000)).await.expect("written");
        }
    }
    Events { data, _folder: folder }
}

fn latest(filter: Filter, order: Order) -> Query {
    let sort = vec![Sort { path: "time".into(), order }];
    Query { filter, sort, count_up_to: 0, ..Query::default() }
}

fn by_time(count: u32, unit: TimeUnit, zone: &str) -> Aggregation {
    Aggregation::Histogram { path: "time".into(), interval: Interval { count, unit }, zone: zone.to_owned() }
}

fn month() -> Filter {
    since(BEGIN)
}

fn since(from: Timestamp) -> Filter {
    let from = Some(Bound { value: Scalar::Date(from), inclusive: true });
    let end = BEGIN + SignedDuration::from_hours(24 * 40);
    let to = Some(Bound { value: Scalar::Date(end), inclusive: false });
    Filter::Range { path: "time".into(), from, to }
}

fn and(left: Filter, right: Filter) -> Filter {
    Filter::And(vec![left, right])
}

/// Whether the median of some rounds, after one that warms up, is within a limit.
macro_rules! within {
    ($limit:expr, $name:expr, $call:expr) => {{
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            let begun = Instant::now();
            $call.await.expect("answered");
            times.push(begun.elapsed());
        }
        times.remove(0);
        times.sort();
        let (median, name): (Duration, _) = (times[times.len() / 2], $name);
        println!("{name:<45} {median:>10.3?}  ({:.3?} to {:.3?})", times[0], times[times.len() - 1]);
        assert!(median <= $limit, "{name} took {median:?}");
    }};
}

const ROUNDS: usize = 6;
const PAGE: Duration = Duration::from_millis(1);
const COUNTS: Duration = Duration::from_millis(300);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a quiet machine and some minutes"]
async fn a_million_events_are_searched_and_counted_in_time() {
    let Events { data, _folder } = events().await;
    pages(&data).await;
    counts(&data).await;
}

async fn pages(data: &NamespacedStore) {
    let view = || Filter::equals("type", "page-view");
    let newest = |filter| latest(filter, Order::Descending);
    let profile = Filter::equals("profile.id", "profile-7");
    for (name, query) in [
        ("the latest 20", newest(Filter::All)),
        ("the latest 20, counted up to 10 000", Query { count_up_to: 10_000, ..newest(Filter::All) }),
        ("the latest 20 of a type", newest(view())),
        ("the latest 20 of a profile", newest(profile)),
        ("the latest 20 of a type in a month", newest(and(view(), month()))),
        ("the earliest 20", latest(Filter::All, Order::Ascending)),
    ] {
        within!(PAGE, name, data.search("event", &query));
    }
    let exact = Query { count_up_to: u64::MAX, ..newest(Filter::All) };
    within!(COUNTS, "the latest 20, counted exactly", data.search("event", &exact));
}

async fn counts(data: &NamespacedStore) {
    let view = || Filter::equals("type", "page-view");
    let day = || since(BEGIN + SignedDuration::from_hours(24 * 30));
    let terms = |path: &'static str| Aggregation::Terms { path: path.into(), size: 100 };
    for (of, filter) in [
        ("all", Filter::All),
        ("a month", month()),
        ("a day", day()),
        ("a type in a month", and(view(), month())),
    ] {
        within!(COUNTS, format!("the count of {of}"), data.count("event", &filter));
        within!(COUNTS, format!("the types of {of}"), data.aggregate("event", &filter, &terms("type")));
        for (count, unit) in [
            (1, TimeUnit::Month),
            (1, TimeUnit::Day),
            (1, TimeUnit::Hour),
            (1, TimeUnit::Minute),
            (5, TimeUnit::Second),
        ] {
            let name = format!("{of} by {count} {unit:?}");
            let histogram = by_time(count, unit, "Europe/Warsaw");
            within!(COUNTS, name, data.aggregate("event", &filter, &histogram));
        }
    }
    for (of, filter) in [("all", Filter::All), ("a month", month()), ("a day", day())] {
        let name = format!("the profiles of {of}");
        within!(COUNTS, name, data.aggregate("event", &filter, &terms("profile.id")));
    }
    let days = by_time(1, TimeUnit::Day, "UTC");
    let Buckets::Histogram(days) = data.aggregate("event", &Filter::All, &days).await.expect("answered")
    else {
        panic!("no histogram");
    };
    assert_eq!(days.iter().map(|(_, count)| count).sum::<u64>(), EVENTS);
}
