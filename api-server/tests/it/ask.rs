//! `/ask?domain=` on the operator's listener: for which domains a proxy may get a certificate on demand.

use std::time::{Duration, Instant};

use api_server::{Config, Listeners, Server, StorageConfig, Tenancy, TmsConfig};
use reqwest::Client;
use serde_json::{Value, json};
use tenant_core::TenantStatus;
use tms_client::testing::{FaultyTms, Route};

/// Unknown names that the TMS of the spray may be asked for in a second.
const BUDGET: u32 = 5;

async fn start(tenancy: Tenancy) -> Server {
    let mut config = Config::new(tenancy, StorageConfig::Memory);
    config.listeners = Listeners::any_local();
    Server::start(config).await.expect("the server starts")
}

/// A server in front of this TMS, with these base domains.
async fn behind(tms: &FaultyTms, bases: &[&str], change: impl FnOnce(&mut TmsConfig)) -> Server {
    let mut directory = TmsConfig::new(tms.url(), "any-key".into());
    directory.base_domains = bases.iter().map(|base| base.parse().expect("a host")).collect();
    change(&mut directory);
    start(Tenancy::Multi(directory)).await
}

struct Asker {
    http: Client,
    url: String,
}

impl Asker {
    fn of(server: &Server) -> Self {
        let url = format!("http://{}/ask", server.endpoints().ops.expect("the operator's listener"));
        Self { http: Client::builder().no_proxy().build().expect("a client"), url }
    }

    /// Status, `Retry-After`, body.
    async fn ask(&self, query: &[(&str, &str)]) -> (u16, Option<String>, Value) {
        let query = serde_urlencoded::to_string(query).expect("a query");
        let answer = self.http.get(format!("{}?{query}", self.url)).send().await.expect("an answer");
        let after = answer.headers().get("retry-after").map(|after| after.to_str().expect("text").to_owned());
        let (status, text) = (answer.status().as_u16(), answer.text().await.expect("a body"));
        (status, after, serde_json::from_str(&text).unwrap_or_default())
    }

    async fn status(&self, domain: &str) -> u16 {
        self.ask(&[("domain", domain)]).await.0
    }
}

#[tokio::test]
async fn a_tenant_that_exists_and_is_not_being_removed_has_its_domains_and_nobody_else_has_any() {
    let tms = FaultyTms::start().await;
    for (name, status) in [
        ("company-x", TenantStatus::Active),
        ("new", TenantStatus::Pending),
        ("unpaid", TenantStatus::Suspended),
        ("leaving", TenantStatus::Deleting),
    ] {
        tms.add(name);
        tms.edit(name, |tenant| tenant.status = status);
    }
    tms.edit("company-x", |tenant| tenant.hosts = vec!["shop.example".to_owned()]);
    tms.edit("unpaid", |tenant| tenant.expire = Some("2020-01-01T00:00:00Z".parse().expect("a time")));
    let server = behind(&tms, &["localhost"], |_| {}).await;
    let asker = Asker::of(&server);
    for (domain, status) in [
        ("company-x.localhost", 200),
        ("companyx.localhost", 200),
        ("Company-X.localhost.", 200),
        ("shop.example", 200),
        ("new.localhost", 200),
        ("unpaid.localhost", 200),
        ("localhost", 200),
        ("leaving.localhost", 404),
        ("c-ompanyx.localhost", 404),
        ("nobody.localhost", 404),
        ("www.company-x.localhost", 404),
        ("other.example", 404),
        ("127.0.0.1", 404),
        ("company_x.localhost", 404),
        ("*.localhost", 404),
    ] {
        assert_eq!(asker.status(domain).await, status, "{domain}");
    }
    let (_, _, body) = asker.ask(&[("domain", "nobody.localhost")]).await;
    assert_eq!(body, json!({ "detail": "Tenant [nobody] not allowed.", "code": "tenant_unknown" }));
    for query in [&[][..], &[("domain", "")], &[("host", "company-x.localhost")]] {
        let (status, _, body) = asker.ask(query).await;
        assert_eq!(
            (status, &body["code"], &body["detail"][0]["loc"]),
            (422, &json!("invalid"), &json!(["query", "domain"]))
        );
    }
    server.shutdown().await;
}

#[tokio::test]
async fn what_cannot_be_told_is_503_and_never_404() {
    let tms = FaultyTms::start().await;
    tms.add("company-x");
    let server = behind(&tms, &["localhost"], |_| {}).await;
    let asker = Asker::of(&server);
    assert_eq!(asker.status("company-x.localhost").await, 200);
    tms.stop().await;
    let (status, after, body) = asker.ask(&[("domain", "nobody.localhost")]).await;
    assert_eq!((status, &body["code"]), (503, &json!("tenant_unavailable")));
    assert!(after.is_some_and(|after| after.parse::<u64>().is_ok_and(|seconds| seconds > 0)));
    assert_eq!(asker.status("company-x.localhost").await, 200, "an outage does not undo what is known");
    assert_eq!(
        asker.status("company_x.localhost").await,
        404,
        "and what is no host needs nobody to be asked"
    );
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spray_of_domains_is_bounded_by_the_budget_for_unknown_names() {
    let tms = FaultyTms::start().await;
    tms.add("company-x");
    let server = behind(&tms, &["localhost"], |directory| directory.unknown_budget = BUDGET).await;
    let asker = Asker::of(&server);
    assert_eq!(asker.status("company-x.localhost").await, 200);
    let (began, before) = (Instant::now(), calls(&tms));
    let (mut nobodys, mut unclear) = (0, 0);
    for number in 0..200 {
        let domain =
            if number % 2 == 0 { format!("n{number}.localhost") } else { format!("n{number}.example") };
        match asker.ask(&[("domain", &domain)]).await {
            (404, None, _) => nobodys += 1,
            (503, Some(after), _) if after == "1" => unclear += 1,
            other => panic!("{domain}: {other:?}"),
        }
    }
    let asked = calls(&tms) - before;
    let allowed = f64::from(BUDGET) * (1.0 + began.elapsed().as_secs_f64());
    assert!(f64::from(u32::try_from(asked).expect("few")) <= allowed, "{asked} calls, {allowed} are allowed");
    assert!(nobodys >= BUDGET && unclear > 0, "{nobodys} were told, {unclear} were not");
    assert_eq!(asker.status("company-x.localhost").await, 200, "those who are known do not wait for it");
    server.shutdown().await;
}

fn calls(tms: &FaultyTms) -> usize {
    tms.calls(Route::Tenant) + tms.calls(Route::Host)
}

#[tokio::test]
async fn without_base_domains_own_domains_alone_count() {
    let tms = FaultyTms::start().await;
    tms.add("company-x");
    tms.edit("company-x", |tenant| tenant.hosts = vec!["shop.example".to_owned()]);
    let server = behind(&tms, &[], |directory| directory.fresh = Duration::from_secs(60)).await;
    let asker = Asker::of(&server);
    assert_eq!(asker.status("shop.example").await, 200);
    assert_eq!(asker.status("company-x.evil.example").await, 404, "anybody can point such a name here");
    server.shutdown().await;
}

#[tokio::test]
async fn a_single_tenant_has_no_domains() {
    let name = "solo".parse().expect("a name");
    let server = start(Tenancy::Single { name, installation_token: None }).await;
    let (status, _, body) = Asker::of(&server).ask(&[("domain", "shop.example")]).await;
    assert_eq!((status, &body["detail"]), (404, &json!("MULTI_TENANT is off: no domain is a tenant's.")));
    server.shutdown().await;
}
