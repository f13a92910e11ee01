//! What the network, proxies and a busy engine do to requests: each write is acknowledged or Unavailable, and stored once
//! when it is sent again.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use storage::{
    Aggregation, Batch, Filter, NamespacedStore, OpenSearchConfig, Query, Store, StoreError, StoreErrorKind,
};

use crate::between::{Answer, Fault, Proxy};
use crate::data::{self, EVENT, EVENTS, SESSION};
use crate::support;

const SECOND: Duration = Duration::from_secs(1);

struct Setting {
    proxy: Proxy,
    config: OpenSearchConfig,
    store: Arc<dyn Store>,
    data: NamespacedStore,
}

/// An empty namespace behind a proxy.
async fn setting(change: impl FnOnce(&mut OpenSearchConfig)) -> Option<Setting> {
    let mut config = support::config()?;
    let proxy = Proxy::start(&config.hosts[0]).await;
    config.hosts = vec![proxy.url.clone()];
    change(&mut config);
    let store = support::open(&config, data::schema());
    let data = data::fresh(&store, "acme").await;
    proxy.asked("");
    Some(Setting { proxy, config, store, data })
}

fn half_json() -> Answer {
    Answer::of(200, r#"{"took":1,"errors":false,"items":[{"index":{"_in"#)
}

fn page_of_a_proxy(status: u16) -> Answer {
    Answer::of(status, "<html><body>please wait</body></html>")
}

fn busy(retry_after: Option<u64>) -> Answer {
    let reason = "rejected execution of coordinating operation";
    let error = json!({"error": {"type": "rejected_execution_exception", "reason": reason}, "status": 429});
    Answer { retry_after, ..Answer::of(429, error.to_string()) }
}

/// The engine does it, and the caller does not hear of it.
fn done_in_silence() -> Vec<(&'static str, Fault)> {
    vec![
        ("cut before the answer", Fault::CutAfter),
        ("cut within the answer", Fault::CutWithin),
        ("503 over the answer", Fault::Over(page_of_a_proxy(503))),
        ("504 over the answer", Fault::Over(page_of_a_proxy(504))),
        ("half of the JSON", Fault::Over(half_json())),
        ("no JSON", Fault::Over(page_of_a_proxy(200))),
        ("an answer after the timeout", Fault::Late(3 * SECOND)),
    ]
}

fn not_done() -> Vec<(&'static str, Fault)> {
    vec![
        ("cut before the engine", Fault::CutBefore),
        ("502", Fault::Instead(page_of_a_proxy(502))),
        ("503", Fault::Instead(page_of_a_proxy(503))),
        ("429", Fault::Instead(busy(None))),
        ("no JSON of the engine", Fault::Instead(page_of_a_proxy(200))),
        ("a little late", Fault::Late(Duration::from_millis(200))),
    ]
}

fn retry_after(error: &StoreError) -> Duration {
    let StoreErrorKind::Unavailable { retry_after } = error.kind() else { panic!("{error:?}") };
    retry_after
}

/// Sends a batch again until it is acknowledged: what is late may be under way still.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_is_stored_once_whatever_happens_to_its_request() {
    let Some(Setting { proxy, data, .. }) = setting(|config| config.timeout = SECOND).await else { return };
    let mut names = Vec::new();
    for (number, (fault_name, fault)) in done_in_silence().into_iter().chain(not_done()).enumerate() {
        let name = format!("s{number}");
        data.write(data::session(&name)).await.expect("no fault");
        proxy.next("_bulk", fault);
        match data.write(data::events(&name)).await {
            Ok(applied) => assert_eq!(applied.len(), EVENTS, "{fault_name}"),
            Err(error) => assert!(error.is_retryable(), "{fault_name}: {error:?}"),
        }
        assert_eq!(proxy.left(), 0, "{fault_name} did not happen");
        data.write(data::events(&name)).await.unwrap_or_else(|error| panic!("{fault_name}: {error:?}"));
        names.push(name);
    }
    data::holds_exactly(&data, names.iter().map(String::as_str)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_create_that_was_done_in_silence_is_a_conflict_when_it_is_sent_again() {
    let Some(Setting { proxy, data, .. }) = setting(|config| config.timeout = SECOND).await else { return };
    let mut names = Vec::new();
    for (number, (fault_name, fault)) in done_in_silence().into_iter().enumerate() {
        let name = format!("s{number}");
        proxy.asked("");
        proxy.next("_bulk", fault);
        let error = data.write(data::batch(&name)).await.expect_err(fault_name);
        assert!(error.is_retryable(), "{fault_name}: {error:?}");
        assert_eq!(proxy.asked("_bulk").len(), 1, "{fault_name}: what may be done is not sent again");
        // What is late may not be there yet.
        let deadline = Instant::now() + 30 * SECOND;
        while data.get(SESSION, &support::id(&*name)).await.expect("a read").is_none() {
            assert!(Instant::now() < deadline, "{fault_name}: it was never done");
        }
        let error = data.write(data::batch(&name)).await.expect_err(fault_name);
        assert_eq!(error.kind(), StoreErrorKind::Conflict { item: 0 }, "{fault_name}: {error:?}");
        data.refresh().await.expect("a refresh");
        let filter = Filter::Equals { path: "name".into(), value: (*name).into() };
        assert_eq!(data.count(EVENT, &filter).await.expect("a count"), 0, "{fault_name}: not guarded");
        data.write(data::events(&name)).await.expect("no fault");
        names.push(name);
    }
    data::holds_exactly(&data, names.iter().map(String::as_str)).await;
}

/// What the engine answers where a primary has died: the next one has the operation already, and is sent it again.
fn in_conflict(answer: &mut Value) {
    let error = json!({"type": "version_conflict_engine_exception", "reason": "document already exists"});
    for item in answer["items"].as_array_mut().expect("items") {
        for result in item.as_object_mut().expect("an item").values_mut() {
            *result = json!({"status": 409, "error": error});
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_is_not_in_conflict_with_itself() {
    let Some(Setting { proxy, data, .. }) = setting(|_| {}).await else { return };
    proxy.next("_bulk", Fault::Rewritten(in_conflict));
    let created = data.write(data::session("s1")).await.expect("it is this write that is there");
    let read = data.get(SESSION, &support::id("s1")).await.expect("a read").expect("it is there");
    assert_eq!((created[0].version, created[0].existed), (Some(read.version), false));

    let replace = || {
        let mut batch = Batch::default();
        batch.replace(SESSION, support::id("s1"), read.body.clone(), read.version);
        batch
    };
    proxy.next("_bulk", Fault::Rewritten(in_conflict));
    let replaced = data.write(replace()).await.expect("it is this write that is there");
    assert!(replaced[0].existed && replaced[0].version != created[0].version);
    for batch in [data::session("s1"), replace()] {
        let error = data.write(batch).await.expect_err("another write is there");
        assert_eq!(error.kind(), StoreErrorKind::Conflict { item: 0 }, "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_create_that_was_not_done_goes_on_when_it_is_sent_again() {
    let Some(Setting { proxy, data, .. }) = setting(|_| {}).await else { return };
    let mut names = Vec::new();
    for (number, (fault_name, fault)) in not_done().into_iter().enumerate() {
        let name = format!("s{number}");
        proxy.next("_bulk", fault);
        if let Err(error) = data.write(data::batch(&name)).await {
            assert!(error.is_retryable(), "{fault_name}: {error:?}");
            data.write(data::batch(&name)).await.unwrap_or_else(|error| panic!("{fault_name}: {error:?}"));
        }
        names.push(name);
    }
    data::holds_exactly(&data, names.iter().map(String::as_str)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_engine_is_asked_again_when_it_says() {
    let Some(Setting { proxy, data, .. }) = setting(|_| {}).await else { return };
    proxy.next("_bulk", Fault::Instead(busy(Some(2))));
    data.write(data::session("s1")).await.expect("not busy any more");
    let asked = proxy.asked("_bulk");
    let [first, second] = asked.as_slice() else { panic!("asked {} times", asked.len()) };
    let waited = second.at - first.at;
    assert!(waited >= 2 * SECOND && waited < 10 * SECOND, "{waited:?}");

    proxy.times(2, "_bulk", Fault::Instead(busy(None)));
    data.write(data::events("s1")).await.expect("not busy any more");
    assert_eq!(proxy.asked("_bulk").len(), 3);
    data::holds_exactly(&data, ["s1"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stays_busy_is_unavailable_with_a_time() {
    let Some(Setting { proxy, data, .. }) = setting(|_| {}).await else { return };
    // It is not waited for inside of a call for so long.
    proxy.times(usize::MAX, "_bulk", Fault::Instead(busy(Some(17))));
    let began = Instant::now();
    let error = data.write(data::session("s1")).await.expect_err("busy");
    assert_eq!(retry_after(&error), 17 * SECOND);
    assert!(began.elapsed() < 5 * SECOND, "{:?}", began.elapsed());
    proxy.calm();

    proxy.asked("");
    proxy.times(usize::MAX, "_bulk", Fault::Instead(busy(None)));
    let error = data.write(data::session("s1")).await.expect_err("busy");
    assert!(retry_after(&error) >= SECOND, "{error:?}");
    let times = proxy.asked("_bulk").len();
    assert!((2..10).contains(&times), "asked {times} times");
    proxy.calm();

    data.write(data::batch("s1")).await.expect("not busy any more, and never done before");
    data::holds_exactly(&data, ["s1"]).await;
}

/// As the engine answers for a shard whose queue is full: the third and every later item.
fn busy_from_the_third(answer: &mut Value) {
    let items = answer["items"].as_array_mut().expect("items");
    for item in items.iter_mut().skip(2) {
        let error = json!({"type": "rejected_execution_exception", "reason": "rejected execution of primary operation"});
        item["index"] = json!({"_index": item["index"]["_index"], "status": 429, "error": error});
    }
    answer["errors"] = true.into();
}

/// How many operations each request that writes had.
fn operations(proxy: &Proxy) -> Vec<usize> {
    let lines = |body: &[u8]| body.iter().filter(|byte| **byte == b'\n').count() / 2;
    proxy.asked("_bulk").iter().map(|asked| lines(&asked.body)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_request_only_what_the_engine_was_too_busy_for_is_sent_again() {
    let Some(Setting { proxy, data, .. }) = setting(|_| {}).await else { return };
    data.write(data::session("s1")).await.expect("no fault");
    proxy.asked("");
    proxy.next("_bulk", Fault::Rewritten(busy_from_the_third));
    let applied = data.write(data::events("s1")).await.expect("not busy any more");
    assert!(applied.len() == EVENTS && applied.iter().all(|applied| applied.version.is_some()));
    assert_eq!(operations(&proxy), [EVENTS, EVENTS - 2]);

    proxy.times(usize::MAX, "_bulk", Fault::Rewritten(busy_from_the_third));
    let error = data.write(data::events("s1")).await.expect_err("always busy");
    assert!(retry_after(&error) >= SECOND, "{error:?}");
    proxy.calm();
    data::holds_exactly(&data, ["s1"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_survive_a_failure() {
    let Some(Setting { proxy, data, .. }) = setting(|_| {}).await else { return };
    data.write(data::batch("s1")).await.expect("no fault");
    data.refresh().await.expect("no fault");
    let faults = [Fault::CutBefore, Fault::CutAfter, Fault::CutWithin, Fault::Instead(page_of_a_proxy(503))];
    let events = u64::try_from(EVENTS).expect("few");
    for fault in faults {
        proxy.next("_mget", fault.clone());
        let found = data.get(SESSION, &support::id("s1")).await.expect("a read");
        assert_eq!(found.expect("it is there").body["name"], "s1");

        proxy.next("_search", fault.clone());
        let page = data.search(EVENT, &Query::default()).await.expect("a search");
        assert_eq!((page.total, page.documents.len()), (events, EVENTS));

        proxy.next("_search", fault.clone());
        assert_eq!(data.count(EVENT, &Filter::All).await.expect("a count"), events);

        proxy.next("_search", fault.clone());
        let by_name = Aggregation::Terms { path: "name".into(), size: 5 };
        data.aggregate(EVENT, &Filter::All, &by_name).await.expect("an aggregation");

        proxy.next("_refresh", fault.clone());
        proxy.next("_search", fault);
        assert_eq!(data.scan(EVENT, None, 100).await.expect("a scan").len(), EVENTS);
        assert_eq!(proxy.left(), 0, "a fault did not happen");
    }
    // For long, it is no answer of nothing.
    proxy.times(usize::MAX, "_search", Fault::CutAfter);
    retry_after(&data.count(EVENT, &Filter::All).await.expect_err("cut"));
    retry_after(&data.scan(EVENT, None, 100).await.expect_err("cut"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_install_and_a_removal_whose_answers_were_cut_resume() {
    let Some(Setting { proxy, store, .. }) = setting(|_| {}).await else { return };
    for (part, fault) in [("_create", Fault::CutAfter), ("_create", Fault::CutBefore)] {
        let tenant = data::tenant("globex");
        let install = || storage::lifecycle::install(&store, tenant.id(), tenant.incarnation());
        proxy.next(part, fault.clone());
        retry_after(&install().await.err().expect("cut"));
        install().await.expect("it resumes");
        let data = data::data_of(&store, &tenant);
        data.write(data::batch("s1")).await.expect("it is installed");
        data::holds_exactly(&data, ["s1"]).await;

        let remove = || storage::lifecycle::remove(&store, tenant.id(), tenant.incarnation());
        for part in ["/_doc/", "_delete_by_query", "_create"] {
            proxy.next(part, fault.clone());
            retry_after(&remove().await.expect_err(part));
        }
        remove().await.expect("it resumes");
        let error = data.get(SESSION, &support::id("s1")).await.expect_err("removed");
        assert_eq!(error.kind(), StoreErrorKind::NotInstalled);
        assert_eq!(proxy.left(), 0, "a fault did not happen");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_to_be_written_is_bounded() {
    let change = |config: &mut OpenSearchConfig| {
        config.writers = NonZeroUsize::MIN;
        config.queued_bytes = NonZeroUsize::new(64 << 10).expect("not zero");
    };
    let Some(Setting { proxy, data, .. }) = setting(change).await else { return };
    proxy.next("_bulk", Fault::Late(3 * SECOND));
    let began = Instant::now();
    let names: Vec<String> = (0..100).map(|number| format!("s{number}")).collect();
    let mut tasks = tokio::task::JoinSet::new();
    for name in names.clone() {
        let data = data.clone();
        tasks.spawn(async move {
            let outcome = data.write(data::events(&name)).await;
            (name, outcome.map(drop), began.elapsed())
        });
    }
    let mut refused = Vec::new();
    for (name, outcome, took) in tasks.join_all().await {
        if let Err(error) = outcome {
            retry_after(&error);
            assert!(took < 2 * SECOND, "it was refused after {took:?}");
            refused.push(name);
        }
    }
    assert!((1..100).contains(&refused.len()), "{} were refused", refused.len());
    for name in refused {
        data.write(data::events(&name)).await.expect("there is room again");
    }
    for name in &names {
        data.write(data::session(name)).await.expect("there is room again");
    }
    data::holds_exactly(&data, names.iter().map(String::as_str)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_takes_no_writes_and_is_read_and_written_again_when_there_is_room() {
    let Some(Setting { proxy, config, data, .. }) = setting(|_| {}).await else { return };
    data.write(data::batch("s1")).await.expect("there is room");
    let is_full = async |is_full: Value| {
        let block = json!({"index.blocks.read_only_allow_delete": is_full});
        let url = format!("{}/{}-event/_settings", proxy.url, config.prefix);
        let request = reqwest::Client::new().put(url).header("content-type", "application/json");
        let answer = request.body(block.to_string()).send().await.expect("the engine answers");
        assert!(answer.status().is_success(), "{answer:?}");
    };
    data.write(data::session("s2")).await.expect("there is room for sessions");
    // The engine itself looks at the disk from time to time, and takes the block away.
    let mut tries = 0;
    let error = loop {
        is_full(true.into()).await;
        match data.write(data::events("s2")).await {
            Err(error) => break error,
            Ok(_) => tries += 1,
        }
        assert!(tries < 5, "the engine takes writes on a full disk");
    };
    assert_eq!(error.kind(), StoreErrorKind::Full, "{error:?}");
    assert!(data.get(SESSION, &support::id("s1")).await.expect("a read").is_some());
    assert!(data.count(EVENT, &Filter::All).await.is_ok());
    assert!(!data.scan(EVENT, None, 100).await.expect("a scan").is_empty());

    is_full(Value::Null).await;
    data.write(data::events("s2")).await.expect("there is room again");
    data::holds_exactly(&data, ["s1", "s2"]).await;
}
