//! A single node that is killed while it is written to.

use std::time::Duration;

use storage::OpenSearchConfig;

use crate::data;
use crate::load::Load;
use crate::own::Cluster;
use crate::support;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_acknowledged_outlives_the_node_and_the_store_recovers_by_itself() {
    let Some(cluster) = Cluster::start(1) else { return };
    let mut config = OpenSearchConfig::new(cluster.urls.clone());
    config.timeout = Duration::from_secs(5);
    // One store all the while: nothing is opened anew.
    let store = support::open(&config, data::schema());
    let mut earlier = Vec::new();
    for round in 0..if support::is_long() { 20 } else { 3 } {
        let data = data::fresh(&store, &format!("round-{round}")).await;
        let load = Load::start(&data);
        load.goes_on(fastrand::usize(1..100)).await;
        cluster.kill(1);
        load.fails(20).await;
        cluster.revive(1);
        let recovered = load.goes_on(1).await;
        load.goes_on(50).await;
        let (figures, names) = load.finish().await;
        println!("round {round}: written again {recovered:.1?} after it was back; {figures}");
        assert_eq!(figures.own_conflicts, 0, "there is no other node that could have sent it again");
        earlier.push((data, names));
    }
    for (data, names) in &earlier {
        data::holds_exactly(data, names.iter().map(String::as_str)).await;
    }
}
