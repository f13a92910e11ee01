//! The platform on a real OpenSearch: `export TENANTRY_TEST_OPENSEARCH=$(scripts/opensearch start)`. Tests of `tests/it` run here
//! as they are there, on another storage.

#[path = "../it/collector.rs"]
mod collector;
#[path = "../it/five_minutes.rs"]
mod five_minutes;
mod installs;
#[path = "../it/isolation.rs"]
mod isolation;
mod outage;
#[path = "../it/single.rs"]
mod single;
// Shared with the other integration tests, which use more of it.
#[allow(dead_code, unused_imports)]
#[path = "../it/support/mod.rs"]
mod support;
mod switch;

use std::io::Write as _;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::{Once, OnceLock};

use api_server::StorageConfig;
use storage::OpenSearchConfig;

/// Names the nodes, separated by commas.
const VARIABLE: &str = "TENANTRY_TEST_OPENSEARCH";

/// The nodes of the cluster. Without one nothing of this program is tested, and it ends; where everything has to be tested, it
/// fails.
fn hosts() -> String {
    if let Ok(hosts) = std::env::var(VARIABLE) {
        return hosts;
    }
    assert!(std::env::var_os("CI").is_none(), "{VARIABLE} is not set: OpenSearch would not be tested");
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Past what captures the output of tests.
        let text = format!("\nNOT TESTED on OpenSearch: export {VARIABLE}=$(scripts/opensearch start)\n");
        let _ = std::io::stderr().write_all(text.as_bytes());
        // No test may be told as passed.
        std::process::exit(0)
    });
    unreachable!("the process has ended")
}

/// The names of this run's indices begin with it: no other run has them.
fn prefix() -> &'static str {
    static PREFIX: OnceLock<String> = OnceLock::new();
    PREFIX.get_or_init(|| format!("test-{:016x}", fastrand::u64(..)))
}

/// Where the platforms of these tests keep their data: all in the same indices.
fn storage_in(_: &Path) -> StorageConfig {
    // The first one of a process counts; the others find it there.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut engine = OpenSearchConfig::new(hosts().split(','));
    engine.prefix = prefix().to_owned();
    engine.shards = const { NonZeroU32::new(2).expect("2 is not zero") };
    StorageConfig::OpenSearch { engine: Box::new(engine) }
}

/// Returns when what was written is found: searches are as late as the engine refreshes.
async fn settle() {
    let hosts = hosts();
    let url = format!("{}/*{}-*/_refresh", hosts.split(',').next().expect("a node"), prefix());
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let answer = client.post(url).send().await.expect("the engine answers");
    assert!(answer.status().is_success(), "{answer:?}");
}
