//! The backend with a wall broken from outside: a proxy takes the space out of every question. What comes back is compared
//! once more, and not handed out.

use serde_json::Value;
use storage::{Aggregation, Filter, Query, StoreError, StoreErrorKind, conformance};

use crate::between::{Asked, Fault, Proxy};
use crate::data::{self, EVENT};
use crate::support;

/// A search over everybody's documents of the kind.
fn without_the_space(asked: &mut Asked) {
    let mut body: Value = serde_json::from_slice(&asked.body).expect("JSON");
    let filter = body["query"]["bool"]["filter"].as_array_mut().expect("a filter");
    let removed = filter.remove(0);
    assert!(removed["term"]["space"].is_string(), "{removed}");
    asked.body = body.to_string().into();
    let (path, query) = asked.target.split_once('?').expect("a query");
    let kept: Vec<_> = query.split('&').filter(|part| !part.starts_with("routing=")).collect();
    assert!(kept.len() < query.split('&').count(), "{query}");
    asked.target = format!("{path}?{}", kept.join("&"));
}

fn is_refused<T: std::fmt::Debug>(outcome: Result<T, StoreError>) {
    let error = outcome.expect_err("it was handed out");
    assert_eq!(error.kind(), StoreErrorKind::Backend);
    assert!(error.to_string().contains("another namespace"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_of_others_are_not_handed_out_though_the_engine_finds_them() {
    let Some(mut config) = support::config() else { return };
    let proxy = Proxy::start(&config.hosts[0]).await;
    config.hosts = vec![proxy.url.clone()];
    let store = support::open(&config, data::schema());
    let (acme, globex) = (data::fresh(&store, "acme").await, data::fresh(&store, "globex").await);
    acme.write(data::batch("s1")).await.expect("a write");
    globex.write(data::batch("s2")).await.expect("a write");
    acme.refresh().await.expect("a refresh");
    // The proxy itself is not what is refused.
    data::holds_exactly(&acme, ["s1"]).await;

    proxy.times(usize::MAX, "_search", Fault::Changed(without_the_space));
    for data in [&acme, &globex] {
        is_refused(data.search(EVENT, &Query { limit: 1000, ..Query::default() }).await);
        is_refused(data.scan(EVENT, None, 1000).await);
    }
    // No document comes back that could be compared: the filter is all that there is.
    let count = acme.count(EVENT, &Filter::All).await.expect("a count");
    let by_name = Aggregation::Terms { path: "name".into(), size: 5 };
    let buckets = acme.aggregate(EVENT, &Filter::All, &by_name).await.expect("an aggregation");
    println!("without the filter acme counts {count} of its {} events, by name {buckets:?}", data::EVENTS);
    proxy.calm();
    data::holds_exactly(&acme, ["s1"]).await;
    data::holds_exactly(&globex, ["s2"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_isolation_suite_catches_it() {
    let Some(mut config) = support::config() else { return };
    let proxy = Proxy::start(&config.hosts[0]).await;
    config.hosts = vec![proxy.url.clone()];
    let store = support::open(&config, conformance::schema());
    proxy.times(usize::MAX, "_search", Fault::Changed(without_the_space));
    let failure = conformance::isolation::attack(&store, 42, 3000).await.expect_err("it was not caught");
    let is_leak = failure.message.contains("another namespace") || failure.message.contains(", expected ");
    assert!(is_leak, "something else went wrong: {failure}");
}
