//! Three nodes, of which one is killed while they are written to.

use std::time::{Duration, Instant};

use serde_json::Value;
use storage::OpenSearchConfig;

use crate::data;
use crate::load::Load;
use crate::own::Cluster;
use crate::support;

const NODES: usize = 3;
/// How long nothing may be acknowledged. The cluster needs some seconds to find that a node is gone.
const LONGEST_QUIET: Duration = Duration::from_secs(30);

/// Which node is killed.
#[derive(Debug, Clone, Copy)]
enum Victim {
    FewestPrimaries,
    MostPrimaries,
    Manager,
}

/// One that answers.
async fn ask(cluster: &Cluster, path: &str) -> Value {
    for url in &cluster.urls {
        if let Ok(answer) = reqwest::get(format!("{url}/{path}")).await
            && let Ok(text) = answer.text().await
        {
            return serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        }
    }
    panic!("no node answers");
}

/// All nodes are there, and all copies of all shards.
async fn becomes_whole(cluster: &Cluster) {
    let began = Instant::now();
    loop {
        let health = ask(cluster, "_cluster/health").await;
        // The colour alone may be that of before a kill.
        if health["number_of_nodes"] == NODES && health["status"] == "green" {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(120), "{health}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The number of a node by its name, `node-1`.
fn number(node: &Value) -> usize {
    node.as_str().and_then(|name| name.strip_prefix("node-")?.parse().ok()).expect("a node of ours")
}

async fn chosen(cluster: &Cluster, victim: Victim) -> usize {
    if let Victim::Manager = victim {
        let managers = ask(cluster, "_cat/cluster_manager?format=json").await;
        return number(&managers[0]["node"]);
    }
    let shards = ask(cluster, "_cat/shards?format=json").await;
    let mut primaries = [0; NODES];
    for shard in shards.as_array().expect("shards").iter().filter(|shard| shard["prirep"] == "p") {
        primaries[number(&shard["node"]) - 1] += 1;
    }
    println!("{victim:?}: {primaries:?}");
    let numbers = 1..=NODES;
    match victim {
        Victim::MostPrimaries => numbers.max_by_key(|node| primaries[node - 1]),
        _ => numbers.min_by_key(|node| primaries[node - 1]),
    }
    .expect("three nodes")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_node_that_is_killed_takes_nothing_with_it() {
    let Some(cluster) = Cluster::start(NODES) else { return };
    let mut config = OpenSearchConfig::new(cluster.urls.clone());
    config.replicas = Some(1);
    let store = support::open(&config, data::schema());
    let victims = [Victim::FewestPrimaries, Victim::MostPrimaries, Victim::Manager];
    for victim in &victims[..if support::is_long() { 3 } else { 2 }] {
        let data = data::fresh(&store, "acme").await;
        becomes_whole(&cluster).await;
        let node = chosen(&cluster, *victim).await;
        let load = Load::start(&data);
        load.goes_on(50).await;
        cluster.kill(node);
        let on_two = load.goes_on(100).await;
        cluster.revive(node);
        load.goes_on(50).await;
        let (figures, _) = load.finish().await;
        println!("{victim:?}, node {node}: 100 batches in {on_two:.1?} after the kill; {figures}");
        assert!(figures.longest_quiet < LONGEST_QUIET, "{figures}");
        assert_eq!(
            figures.own_conflicts, 0,
            "what the engine sends to another node again is one write: {figures}"
        );
    }
}
