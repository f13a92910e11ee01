//! A store on the cluster that the environment names.

use std::io::Write as _;
use std::num::NonZeroU32;
use std::sync::{Arc, Once};

use jiff::Timestamp;
use serde_json::Value;
use storage::{Body, DocumentId, FieldType, Kind, OpenSearchConfig, OpenSearchStore, Schema, Store};
use tenant_core::{ActiveTenant, Tenant};
use uuid::Uuid;

/// Names the nodes, separated by commas.
const VARIABLE: &str = "TENANTRY_TEST_OPENSEARCH";

/// The nodes of the cluster. Without one there are none, which is told loudly, and fails where everything has to be tested.
pub(crate) fn hosts() -> Option<Vec<String>> {
    let Ok(hosts) = std::env::var(VARIABLE) else {
        not_tested();
        return None;
    };
    Some(hosts.split(',').map(str::to_owned).collect())
}

fn not_tested() {
    assert!(std::env::var_os("CI").is_none(), "{VARIABLE} is not set: OpenSearch would not be tested");
    static ONCE: Once = Once::new();
    // Past what captures the output of tests that pass.
    ONCE.call_once(|| {
        let text = format!("\nNOT TESTED on OpenSearch: export {VARIABLE}=$(scripts/opensearch start)\n");
        let _ = std::io::stderr().write_all(text.as_bytes());
    });
}

/// Settings for indices of this test's own; their names cannot be another one's.
pub(crate) fn config() -> Option<OpenSearchConfig> {
    let mut config = OpenSearchConfig::new(hosts()?);
    static ONCE: Once = Once::new();
    ONCE.call_once(remove_leftovers);
    config.prefix = format!("test-{}", Uuid::new_v4().simple());
    config.own_version.clone_from(&config.prefix);
    config.shards = const { NonZeroU32::new(2).expect("2 is not zero") };
    Some(config)
}

pub(crate) fn open(config: &OpenSearchConfig, schema: Schema) -> Arc<dyn Store> {
    // The first one of a process counts; the others find it there.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    Arc::new(OpenSearchStore::open(config, schema).expect("a store"))
}

/// How many random calls a backend is attacked with: three thousand, and ten thousand where `TENANTRY_LONG` is 1.
pub(crate) fn operations() -> usize {
    if is_long() { 10_000 } else { 3_000 }
}

/// Whether what takes long is wanted.
pub(crate) fn is_long() -> bool {
    std::env::var_os("TENANTRY_LONG").is_some_and(|long| long == "1")
}

/// Events with a time, and another kind.
pub(crate) fn events() -> Schema {
    let event = Kind::new("event").with_field("time", FieldType::Date).with_time_field("time");
    Schema::new(1, vec![event, Kind::new("user")]).expect("a schema")
}

pub(crate) fn active(tenant: &Tenant) -> ActiveTenant {
    tenant.admit(Timestamp::UNIX_EPOCH).expect("an active tenant")
}

pub(crate) fn id(text: impl Into<String>) -> DocumentId {
    DocumentId::new(text).expect("an id")
}

pub(crate) fn body(value: Value) -> Body {
    match value {
        Value::Object(body) => body,
        other => panic!("{other} is no object"),
    }
}

/// What the cluster itself says; also that something is not there.
pub(crate) async fn cluster(method: &str, path: &str, body: Option<Value>) -> Value {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let url = format!("{}/{path}", hosts().expect("a cluster")[0]);
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let mut request = client.request(method.parse().expect("a method"), url);
    if let Some(body) = body {
        request = request.json(&body);
    }
    request.send().await.expect("the cluster answers").json().await.expect("JSON")
}

/// Removes what earlier runs have left, half an hour ago or more: a cluster has room for so many shards only.
fn remove_leftovers() {
    let removing = std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let path = "_cat/indices/*test-*?format=json&h=index,creation.date";
            let before = Timestamp::now().as_millisecond() - 30 * 60 * 1000;
            for index in cluster("GET", path, None).await.as_array().into_iter().flatten() {
                let made = index["creation.date"].as_str().and_then(|text| text.parse::<i64>().ok());
                if made.is_some_and(|made| made < before) {
                    cluster("DELETE", index["index"].as_str().expect("a name"), None).await;
                }
            }
        });
    });
    removing.join().expect("what earlier runs have left can be removed");
}
