//! The isolation kit against the platform: two tenants, installed as an operator does it, with a secret of each.

use reqwest::Method;
use serde_json::json;
use tenant_router::testing::{Ask, Attack, Isolation, Report, Side};

use crate::support::{Api, BRIDGE, Platform, eventually, page_view};

/// The one's id is the start of the other's.
const NAMES: [&str; 2] = ["acme", "acme2"];

struct Tenants {
    platform: Platform,
    clients: [Api; 2],
}

impl Tenants {
    /// Two that are served, with a source, and a third that is suspended.
    async fn install() -> Self {
        let platform = Platform::start().await;
        let clients = [platform.tenant(NAMES[0]).await, platform.tenant(NAMES[1]).await];
        for client in &clients {
            client.connect_web().await;
        }
        let unpaid = platform.tenant("unpaid").await;
        platform.tms.operate("POST", "/tenant/unpaid/suspend", json!({ "public_reason": "unpaid" })).await;
        eventually("the suspension", async || unpaid.get("/event/count").await.status == 403).await;
        Self { platform, clients }
    }

    /// A logged-in client's part.
    fn side(&self, at: usize, reads: Ask, secret: &str) -> Side {
        let token = format!("Bearer {}", self.clients[at].token());
        let reads = reads.header("x-context", "production");
        Side::new(format!("{}.localhost", NAMES[at]), reads, secret).credential("authorization", token)
    }

    async fn attack(&self, public: bool, [one, other]: [Side; 2]) -> Report {
        let client = self.platform.at("localhost");
        let address = if public { client.public_addr() } else { client.private_addr() };
        let kit = Isolation::new(address, one, other).suspended_host("unpaid.localhost");
        kit.unknown_host("nobody.localhost")
            .unknown_host("localhost")
            .unknown_host("shop.example")
            .run()
            .await
    }
}

fn skipped(report: &Report) -> Vec<Attack> {
    let skipped = report.outcomes().iter().filter(|outcome| outcome.skipped.is_some());
    skipped.map(|outcome| outcome.attack).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_tenant_writes_and_reads_with_its_token_is_its_own() {
    let tenants = Tenants::install().await;
    let bridge = json!({ "id": BRIDGE, "name": "REST" });
    let source = json!({ "id": "iso", "name": "{secret}", "type": ["rest"], "bridge": bridge }).to_string();
    let plants = Ask::post("/event-source", source).header("content-type", "application/json");
    let plants = plants.header("x-context", "production");
    let side = |at: usize| {
        let secret = format!("source of {}!", NAMES[at]);
        tenants.side(at, Ask::get("/event-source/iso"), &secret).plants(plants.clone())
    };
    let report = tenants.attack(false, [side(0), side(1)]).await;
    report.assert_isolated();
    assert_eq!(skipped(&report), [Attack::ForeignPath, Attack::Validators], "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_read_by_the_tenant_alone_whose_it_is() {
    let tenants = Tenants::install().await;
    let mut sides = Vec::new();
    for (at, client) in tenants.clients.iter().enumerate() {
        let (id, secret) = (format!("event-{at}"), format!("seen only by {}!", NAMES[at]));
        let mut payload = page_view("s1");
        payload["events"][0]["id"] = json!(id);
        payload["events"][0]["properties"]["note"] = json!(secret);
        assert_eq!(client.track(&payload).await.status, 200);
        sides.push(tenants.side(at, Ask::get(format!("/event/{id}")), &secret));
    }
    let report = tenants.attack(false, sides.try_into().expect("two")).await;
    report.assert_isolated();
    let foreign = report.of(Attack::ForeignPath).expect("an outcome");
    assert!(!foreign.exchanges.is_empty(), "each has a path of its own: {report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_the_same_name_has_a_profile_of_each_tenant() {
    let tenants = Tenants::install().await;
    let mut sides = Vec::new();
    for (at, client) in tenants.clients.iter().enumerate() {
        let request = client.public(Method::POST, "/track").json(&page_view("s1"));
        let profile = client.send(request).await.ok()["profile"]["id"].as_str().expect("an id").to_owned();
        let ask = Ask::post("/track", page_view("s1").to_string());
        sides.push(Side::new(format!("{}.localhost", NAMES[at]), ask, profile));
    }
    let report = tenants.attack(true, sides.try_into().expect("two")).await;
    report.assert_isolated();
}
