//! Many tenants on one node: they cost no shards, and the last one is installed as fast as the first.

use std::time::{Duration, Instant};

use serde_json::Value;
use storage::{OpenSearchConfig, OpenSearchStore, lifecycle};

use crate::data;
use crate::own::Cluster;
use crate::support;

async fn shards(cluster: &Cluster) -> u64 {
    let answer = reqwest::get(format!("{}/_cluster/health", cluster.urls[0])).await.expect("an answer");
    let health: Value = serde_json::from_str(&answer.text().await.expect("an answer")).expect("JSON");
    health["active_shards"].as_u64().expect("a number")
}

fn median(times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort();
    times[times.len() / 2]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_cost_no_shards_and_no_time() {
    let Some(cluster) = Cluster::start(1) else { return };
    let config = OpenSearchConfig::new(cluster.urls.clone());
    let store = support::open(&config, data::schema());
    let tenants = if support::is_long() { 10_000 } else { 1000 };
    let mut installed = Vec::new();
    let mut times = Vec::new();
    let mut shards_at_first = None;
    let began = Instant::now();
    let install = async |number: usize| {
        let tenant = data::tenant(&format!("tenant-{number}"));
        let before = Instant::now();
        lifecycle::install(&store, tenant.id(), tenant.incarnation()).await.expect("an install");
        let took = before.elapsed();
        let data = data::data_of(&store, &tenant);
        // The same ids for everyone, and one of its own.
        let names = ["s1".to_owned(), format!("of-{number}")];
        for name in &names {
            data.write(data::batch(name)).await.expect("a write");
        }
        (took, (data, names))
    };
    for number in 0..tenants {
        let (took, tenant) = install(number).await;
        times.push(took);
        installed.push(tenant);
        let shards = shards(&cluster).await;
        assert_eq!(*shards_at_first.get_or_insert(shards), shards, "tenant {number} cost shards");
    }
    let medians: Vec<_> = times.chunks(tenants / 10).map(median).collect();
    let (first, mut last) = (median(&times[10..30]), median(&times[tenants - 20..]));
    println!(
        "{tenants} tenants with {} documents each in {:.1?}, {} shards; an install took {first:.1?} in the middle at first, \
         {last:.1?} in the end; by tenths {medians:.1?}",
        2 * (1 + data::EVENTS),
        began.elapsed(),
        shards_at_first.unwrap_or_default()
    );
    // Where the machine had other things to do meanwhile, the next ones show it.
    for again in 0..10 {
        if last.as_secs_f64() <= 1.5 * first.as_secs_f64() {
            break;
        }
        assert!(again < 9, "installs become slower: {first:?}, {last:?}");
        times.clear();
        for number in 0..20 {
            let (took, tenant) = install(tenants + 20 * again + number).await;
            times.push(took);
            installed.push(tenant);
        }
        last = median(&times);
    }
    fastrand::shuffle(&mut installed);
    let before = Instant::now();
    for (data, names) in &installed[..50] {
        data::holds_exactly(data, names.iter().map(String::as_str)).await;
    }
    println!("50 of them were read back in {:?}", before.elapsed());
    all_are_outdated(&config, installed.len()).await;
}

/// A later program learns in no time who has anything old.
async fn all_are_outdated(config: &OpenSearchConfig, tenants: usize) {
    let newer = OpenSearchStore::open(config, data::newer()).expect("a store");
    newer.check().await.expect("an answer");
    let before = Instant::now();
    let outdated = newer.outdated().await.expect("an answer");
    let took = before.elapsed();
    println!("who has anything old was told in {took:?}");
    assert_eq!(outdated.len(), tenants);
    assert!(took < Duration::from_secs(10), "{took:?}");
}
