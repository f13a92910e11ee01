//! Events through `/track`, and the same documents from a minimal client.
//!
//! What the platform writes for a set of requests is recorded by a proxy. The minimal client sends those documents as another
//! tenant's, to indices that were made alike: a `_bulk` for each request, over as many connections, without reading or
//! guarding anything. What was acknowledged is counted afterwards. Two more rows, without a goal: a client that has all
//! documents at once, and one that has no other tenants and no arbitrary properties to search by, and so no terms.

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use uuid::Uuid;

use crate::engine::Engine;
use crate::events::EVENT;
use crate::platform::{Platform, VISIT, all, visits};
use crate::recorder::Recorder;
use crate::replay::Written;
use crate::{Contest, Goal, Result, Row, Setting, Unit};

const CONNECTIONS: usize = 32;
/// Those of the client that sends many documents at once, and how many these are.
const LOADERS: usize = 4;
const MANY: usize = 1000;
/// Events that the platform adds to the first request of a new visitor.
const SYSTEM_EVENTS: usize = 3;

const OURS: &str = "ours";
const RECORDED: &str = "recorded";
const BARE: &str = "bare";
const PLAIN: &str = "plain";

pub(super) fn measured(setting: &Setting, runtime: &Runtime, engine: &Engine) -> Result<Vec<Row>> {
    runtime.block_on(engine.make_indices(BARE))?;
    runtime.block_on(engine.make_index(&engine.prefix_of(PLAIN), &plain_index()))?;
    let platform = runtime.block_on(Platform::start(engine.config(OURS, engine.url())))?;
    // The engine merges and collects when it likes.
    let repetitions = setting.size(11, 2);
    let (mut rows, mut events) = (Vec::new(), 0);
    for (size, requests) in [(1, setting.size(100, 10)), (100, setting.size(10, 2))] {
        let load = Load { runtime, engine, platform: &platform, size, requests };
        rows.extend(load.measured(repetitions)?);
        events += load.stored() * (repetitions + 1);
    }
    runtime.block_on(platform.stop());
    for (who, expected) in [(OURS, events), (BARE, 2 * events)] {
        let found = runtime.block_on(engine.count(&format!("{}-{EVENT}", engine.prefix_of(who))))?;
        if usize::try_from(found)? != expected {
            return Err(format!("{who}: {found} events, and {expected} were acknowledged").into());
        }
    }
    Ok(rows)
}

/// As somebody makes an index for such events who has one customer.
fn plain_index() -> Value {
    let keyword = json!({"type": "keyword"});
    let id = json!({"properties": {"id": keyword}});
    json!({
        "settings": {"index": {"number_of_shards": 3, "number_of_replicas": 0, "refresh_interval": "1s"}},
        "mappings": {"dynamic": false, "properties": {
            "type": keyword,
            "session": id,
            "profile": id,
            "source": id,
            "metadata": {"properties": {"time": {"properties": {"insert": {"type": "date"}}}}},
        }},
    })
}

/// Requests with so many events each, so many on each connection.
struct Load<'a> {
    runtime: &'a Runtime,
    engine: &'a Engine,
    platform: &'a Platform,
    size: usize,
    requests: usize,
}

/// For each connection, for each of its requests.
type Shares<T> = Vec<Vec<T>>;

impl Load<'_> {
    fn measured(&self, repetitions: usize) -> Result<Vec<Row>> {
        let written = self.runtime.block_on(self.record())?;
        let documents: usize = written.iter().flatten().map(Written::count).sum();
        let plain = self.engine.prefix_of(PLAIN);
        // What these two leave to be merged, they leave to each other.
        let compared = Contest::new(repetitions)
            .with(|repetition| {
                let requests = self.visits(repetition)?;
                Ok(self.runtime.block_on(self.platform.track_all(requests))? * self.size as f64)
            })
            .with(|_| self.sent(self.again(&written)))
            .run()?;
        let beside = Contest::new(repetitions)
            .with(|_| self.sent(together(&written, self.again(&written))))
            .with(|_| self.sent(each(&written, |request| request.plain(&plain))))
            .run()?;
        let [ours, bare] = compared.try_into().map_err(|_| "two contestants")?;
        let [loader, plain] = beside.try_into().map_err(|_| "two contestants")?;
        let what = format!("OpenSearch: events through /track, {} a request", self.size);
        let row = || Row::new(what.clone(), Unit::Events, ours.clone());
        Ok(vec![
            row().against("the same documents, a _bulk a request", &bare).with_goal(Goal::Ratio(0.8)),
            row().against(format!("the same documents, {MANY} a _bulk"), &loader),
            row().against("their bodies alone, a _bulk a request", &plain),
            Row::new(
                format!("{what}: documents for each"),
                Unit::Count,
                documents as f64 / self.all() as f64,
            ),
        ])
    }

    /// How many events the clients send.
    fn all(&self) -> usize {
        CONNECTIONS * self.requests * self.size
    }

    /// How many there are then.
    fn stored(&self) -> usize {
        self.all() + CONNECTIONS * self.requests.div_ceil(VISIT) * SYSTEM_EVENTS
    }

    fn visits(&self, repetition: usize) -> Result<Shares<Bytes>> {
        visits((self.size * 1000 + repetition) as u64, CONNECTIONS, self.requests, self.size)
    }

    /// What the platform writes for the requests of a repetition that is not measured.
    async fn record(&self) -> Result<Shares<Written>> {
        let recorder = Recorder::start(self.engine.url()).await?;
        let who = format!("{RECORDED}-{}", self.size);
        let platform = Platform::start(self.engine.config(&who, &recorder.url())).await?;
        let mut written = Vec::new();
        for share in self.visits(999)? {
            let mut requests = Vec::new();
            for request in share {
                recorder.take();
                platform.track(request).await?;
                requests.push(Written::of(&recorder.take())?);
            }
            written.push(requests);
        }
        platform.stop().await;
        Ok(written)
    }

    /// The recorded documents, as those of one more tenant of the bare indices.
    fn again(&self, written: &Shares<Written>) -> Shares<Bytes> {
        let from = self.engine.prefix_of(&format!("{RECORDED}-{}", self.size));
        let (to, space) = (self.engine.prefix_of(BARE), Uuid::new_v4().simple().to_string());
        each(written, |request| request.again([&from, &to], &space))
    }

    /// Events a second, of all that the recorded requests brought.
    fn sent(&self, bulks: Shares<Bytes>) -> Result<f64> {
        let (engine, requests) = (self.engine.clone(), bulks.iter().map(Vec::len).sum::<usize>());
        let rate = self.runtime.block_on(all(bulks, move |lines| {
            let engine = engine.clone();
            async move { engine.bulk(lines).await }
        }))?;
        Ok(rate / requests as f64 * self.all() as f64)
    }
}

fn each(written: &Shares<Written>, make: impl Fn(&Written) -> Bytes) -> Shares<Bytes> {
    written.iter().map(|requests| requests.iter().map(&make).collect()).collect()
}

/// The same, with as many documents in each `_bulk` as a client sends that has all of them.
fn together(written: &Shares<Written>, bulks: Shares<Bytes>) -> Shares<Bytes> {
    let mut shares = vec![Vec::new(); LOADERS];
    for (connection, (requests, bulks)) in written.iter().zip(bulks).enumerate() {
        let (mut count, mut lines) = (0, Vec::new());
        for (request, bulk) in requests.iter().zip(bulks) {
            count += request.count();
            lines.extend_from_slice(&bulk);
            if count >= MANY {
                shares[connection % LOADERS].push(Bytes::from(std::mem::take(&mut lines)));
                count = 0;
            }
        }
        if !lines.is_empty() {
            shares[connection % LOADERS].push(lines.into());
        }
    }
    shares
}
