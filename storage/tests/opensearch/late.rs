//! A store that is opened while the engine is down, or does not answer.

use std::time::{Duration, Instant};

use storage::{Filter, OpenSearchConfig, StoreErrorKind, lifecycle};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::data::{self, EVENT, SESSION};
use crate::own::Cluster;
use crate::support;

/// How many calls come at once.
const CALLERS: usize = 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_was_opened_too_early_works_once_the_engine_is_there() {
    let Some(cluster) = Cluster::start(1) else { return };
    cluster.kill(1);
    let store = support::open(&OpenSearchConfig::new(cluster.urls.clone()), data::schema());
    let tenant = data::tenant("acme");
    let data = data::data_of(&store, &tenant);

    let began = Instant::now();
    let mut calls = JoinSet::new();
    for number in 0..CALLERS {
        let (store, data, tenant) = (store.clone(), data.clone(), tenant);
        calls.spawn(async move {
            let error = match number % 5 {
                0 => data.get(SESSION, &support::id("s1")).await.map(drop),
                1 => data.write(data::batch("s1")).await.map(drop),
                2 => data.count(EVENT, &Filter::All).await.map(drop),
                3 => data.refresh().await,
                _ => lifecycle::install(&store, tenant.id(), tenant.incarnation()).await.map(drop),
            }
            .expect_err("the engine is down");
            (error, began.elapsed())
        });
    }
    let mut longest = Duration::ZERO;
    for (error, took) in calls.join_all().await {
        assert!(error.is_retryable(), "{error:?}");
        longest = longest.max(took);
    }
    println!("{CALLERS} calls at once were Unavailable within {longest:?}");
    assert!(longest < Duration::from_secs(5), "Unavailable after {longest:?} only");

    cluster.revive(1);
    lifecycle::install(&store, tenant.id(), tenant.incarnation()).await.expect("the engine is there");
    data.write(data::batch("s1")).await.expect("the engine is there");
    data::holds_exactly(&data, ["s1"]).await;
}

/// A machine that takes connections, and is stuck.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_never_answers_is_unavailable_after_the_timeout() {
    let stuck = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", stuck.local_addr().expect("an address"));
    let mut config = OpenSearchConfig::new([url]);
    config.timeout = Duration::from_secs(1);
    let store = support::open(&config, data::schema());
    let data = data::data_of(&store, &data::tenant("acme"));
    let began = Instant::now();
    let mut calls = JoinSet::new();
    for _ in 0..CALLERS {
        let data = data.clone();
        calls.spawn(async move { data.get(SESSION, &support::id("s1")).await });
    }
    for outcome in calls.join_all().await {
        let kind = outcome.expect_err("nothing is answered").kind();
        assert!(matches!(kind, StoreErrorKind::Unavailable { .. }), "{kind:?}");
    }
    let took = began.elapsed();
    println!(
        "{CALLERS} calls at once were Unavailable within {took:?}, with a timeout of {:?}",
        config.timeout
    );
    assert!(took < 3 * config.timeout, "Unavailable after {took:?} only");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_start_at_once_make_the_indices_together() {
    for _ in 0..5 {
        let Some(config) = support::config() else { return };
        let stores: Vec<_> = (0..8).map(|_| support::open(&config, data::schema())).collect();
        let installs = stores.into_iter().enumerate().map(|(number, store)| {
            tokio::spawn(async move { drop(data::fresh(&store, &format!("tenant-{number}")).await) })
        });
        for install in installs.collect::<Vec<_>>() {
            install.await.expect("each of them is installed");
        }
    }
}
