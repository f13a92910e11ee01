//! Tenants' data is in an OpenSearch that two processes share: events are taken through an outage of the TMS, by a process that
//! starts during it, too, and a suspension ends that at both.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::site::ApiProcess;
use crate::tms::{OPERATOR_KEY, Tms};
use crate::{PATIENCE, alone, is_long, report, until};

/// Names the nodes, separated by commas.
const VARIABLE: &str = "TENANTRY_TEST_OPENSEARCH";
const TENANTS: [&str; 3] = ["acme", "globex", "initech"];
const SECOND: Duration = Duration::from_secs(1);
/// `DIRECTORY_FRESH`, in seconds; the outage is longer.
const FRESH: u32 = 10;
const PAUSE: Duration = Duration::from_millis(20);
/// What is stored of a visitor's first visit, beside what was sent.
const OF_A_FIRST_VISIT: u64 = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_taken_through_an_outage_by_processes_that_share_an_engine() {
    let Ok(hosts) = std::env::var(VARIABLE) else { return not_tested() };
    let _turn = alone().await;
    let folder = tempfile::tempdir().expect("a folder");
    let mut tms = Tms::start(&folder.path().join("tms")).await;
    let (prefix, fresh) = (format!("test-{:016x}", fastrand::u64(..)), format!("{FRESH}s"));
    let settings = [
        ("STORAGE", "opensearch"),
        ("ELASTIC_HOST", hosts.as_str()),
        ("OPENSEARCH_PREFIX", prefix.as_str()),
        ("ELASTIC_INDEX_SHARDS", "1"),
        ("DIRECTORY_FRESH", fresh.as_str()),
    ];
    let start =
        async |name: &str| ApiProcess::start(&folder.path().join(name), &tms.access(), &settings).await;
    let (one, mut two) = (start("one").await, start("two").await);
    let http = Client::builder().no_proxy().build().expect("a client");
    let mut tokens = Vec::new();
    for tenant in TENANTS {
        tokens.push(install(&http, one.private, tenant).await);
    }
    for api in [&one, &two] {
        api.until_it_has(TENANTS.len()).await;
    }

    let loads = [Load::begin(&http, 0, one.public), Load::begin(&http, 1, two.public)];
    sleep(3 * SECOND).await;
    tms.kill();
    sleep((if is_long() { 75 } else { FRESH + 5 }) * SECOND).await;
    let mut sent = [0; TENANTS.len()];
    for load in loads {
        load.end().await.into_iter().zip(&mut sent).for_each(|(more, sent)| *sent += more);
    }
    // Still without a TMS.
    two = two.kill_and_start_again().await;
    for (tenant, sent) in TENANTS.into_iter().zip(&mut sent) {
        assert_eq!(track(&http, two.public, tenant, "s1", "after-the-start").await, 200, "{tenant}");
        *sent += 1;
    }

    tms.start_again().await;
    let seen = suspended(&http, &tms, [&one, &two], TENANTS[0]).await;
    for ((tenant, token), sent) in TENANTS.into_iter().zip(&tokens).zip(sent) {
        let expected = sent + 2 * OF_A_FIRST_VISIT;
        let counted = async || count(&http, one.private, tenant, token).await == expected;
        until(&format!("{expected} events of {tenant}"), PATIENCE, counted).await;
    }
    report(&format!(
        "{sent:?} events were taken, all are there once; a suspension seen by both within {seen:?}"
    ));
    assert!(seen <= SECOND, "{seen:?}");
}

/// Suspends a tenant for a while: how long it took until both processes refused its events.
async fn suspended(http: &Client, tms: &Tms, apis: [&ApiProcess; 2], tenant: &str) -> Duration {
    for api in apis {
        api.until_it_has(TENANTS.len()).await;
    }
    tms.suspend(tenant).await;
    let told = Instant::now();
    for api in apis {
        until("a suspension", PATIENCE, async || api.of(tenant).await == 403).await;
    }
    let seen = told.elapsed();
    for api in apis {
        assert_eq!(track(http, api.public, tenant, "s0", "too-late").await, 403);
    }
    tms.resume(tenant).await;
    until("its end", PATIENCE, async || apis[0].of(tenant).await == 200).await;
    seen
}

fn not_tested() {
    assert!(std::env::var_os("CI").is_none(), "{VARIABLE} is not set: OpenSearch would not be tested");
    let text = format!("\nNOT TESTED on OpenSearch: export {VARIABLE}=$(scripts/opensearch start)\n");
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// Events for each tenant in turn at one process, one after the other, each with an id of its own.
struct Load {
    is_over: Arc<AtomicBool>,
    sending: JoinHandle<[u64; TENANTS.len()]>,
}

impl Load {
    fn begin(http: &Client, process: usize, addr: SocketAddr) -> Self {
        let (http, is_over) = (http.clone(), Arc::new(AtomicBool::new(false)));
        let ends = Arc::clone(&is_over);
        let sending = tokio::spawn(async move {
            let (mut sent, session) = ([0; TENANTS.len()], format!("s{process}"));
            for number in 0.. {
                if ends.load(Ordering::Relaxed) {
                    break;
                }
                for (tenant, sent) in TENANTS.into_iter().zip(&mut sent) {
                    let id = format!("e{process}-{number}");
                    assert_eq!(track(&http, addr, tenant, &session, &id).await, 200, "{id} of {tenant}");
                    *sent += 1;
                }
                sleep(PAUSE).await;
            }
            sent
        });
        Self { is_over, sending }
    }

    /// How many were taken of each tenant: all that were sent.
    async fn end(self) -> [u64; TENANTS.len()] {
        self.is_over.store(true, Ordering::Relaxed);
        self.sending.await.expect("every event is taken")
    }
}

fn at(request: RequestBuilder, tenant: &str) -> RequestBuilder {
    request.header("host", format!("{tenant}.localhost"))
}

async fn track(http: &Client, addr: SocketAddr, tenant: &str, session: &str, id: &str) -> u16 {
    let body =
        json!({"source": {"id": "web"}, "session": {"id": session}, "events": [{"id": id, "type": "tick"}]});
    let request = at(http.post(format!("http://{addr}/track")), tenant).json(&body);
    request.send().await.expect("an answer").status().as_u16()
}

/// Installs a tenant and connects a website; the token of its admin.
async fn install(http: &Client, addr: SocketAddr, tenant: &str) -> String {
    let ok = async |request: RequestBuilder| -> Value {
        let answer = request.send().await.expect("an answer");
        assert!(answer.status().is_success(), "{answer:?}");
        answer.json().await.expect("JSON")
    };
    let body = json!({
        "name": tenant, "tms_api_key": OPERATOR_KEY, "email": "admin@company-x.com", "password": "secret",
        "needs_admin": true, "update_mapping": false,
    });
    ok(http.post(format!("http://{addr}/tenant/install")).json(&body)).await;
    let form = "username=admin@company-x.com&password=secret";
    let login = ok(at(http.post(format!("http://{addr}/user/token")), tenant).body(form)).await;
    let token = login["access_token"].as_str().expect("a token").to_owned();
    let bridge = json!({"id": "778ded05-4ff3-4e08-9a86-72c0195fa95d", "name": "REST"});
    let source = json!({"id": "web", "name": "Web", "type": ["rest"], "bridge": bridge});
    let request = at(http.post(format!("http://{addr}/event-source")), tenant).bearer_auth(&token);
    ok(request.header("x-context", "production").json(&source)).await;
    token
}

async fn count(http: &Client, addr: SocketAddr, tenant: &str, token: &str) -> u64 {
    let request = at(http.get(format!("http://{addr}/event/count")), tenant).bearer_auth(token);
    let answer = request.header("x-context", "production").send().await.expect("an answer");
    let body: Value = answer.json().await.expect("JSON");
    body["count"].as_u64().expect("a count")
}
