//! Requests a second, over sockets, with a clock that the test moves.

use std::time::Duration;

use tenant_core::Limits;
use tenant_router::limit::{AddressLimitLayer, TenantLimitLayer};

use super::site::{NONE, Site, Tenants, rate, refused};

const HERE: &str = "127.0.0.1";

fn unlimited() -> AddressLimitLayer {
    AddressLimitLayer::new(NONE)
}

#[tokio::test]
async fn a_tenant_gets_its_burst_then_429_and_then_its_rate() {
    let site = Site::start(unlimited(), Tenants::acme(rate(2, 3)), TenantLimitLayer::new()).await;
    assert_eq!(site.admitted("acme", HERE, 3).await, 3);
    let answer = site.get("acme", HERE).await;
    assert_eq!(answer.refusal(), refused(429, "rate_limited", "Too many requests for this tenant."));
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(site.admitted("globex", HERE, 20).await, 20, "nobody else's");
    for _ in 0..3 {
        site.clock.advance(Duration::from_millis(499));
        assert_eq!(site.admitted("acme", HERE, 30).await, 0, "what was refused counts for nothing");
        site.clock.advance(Duration::from_millis(1));
        assert_eq!(site.admitted("acme", HERE, 30).await, 1);
    }
    site.clock.advance(Duration::from_secs(3600));
    assert_eq!(site.admitted("acme", HERE, 30).await, 3, "more than the burst is not saved");
}

#[tokio::test]
async fn retry_after_says_when_the_next_one_may_come() {
    let addresses = AddressLimitLayer::new(rate(1, 1));
    let site = Site::start(addresses, Tenants::acme(NONE), TenantLimitLayer::new()).await;
    assert_eq!(site.admitted("acme", HERE, 2).await, 1);
    let answer = site.get("acme", HERE).await;
    let seconds = answer.header("retry-after").unwrap().parse().unwrap();
    site.clock.advance(Duration::from_secs(seconds));
    assert_eq!(site.admitted("acme", HERE, 2).await, 1);
}

#[tokio::test]
async fn a_record_without_limits_has_the_defaults() {
    let limits = TenantLimitLayer::new().defaults(rate(1, 4));
    let site = Site::start(unlimited(), Tenants::acme(rate(1, 2)), limits).await;
    assert_eq!(site.admitted("acme", HERE, 9).await, 2);
    assert_eq!(site.admitted("globex", HERE, 9).await, 4);
}

#[tokio::test]
async fn a_record_that_changes_counts_from_the_next_request_and_gives_no_new_burst() {
    let tenants = Tenants::acme(rate(1, 2));
    let site = Site::start(unlimited(), tenants.clone(), TenantLimitLayer::new()).await;
    assert_eq!(site.admitted("acme", HERE, 9).await, 2);
    for _ in 0..3 {
        *tenants.acme.lock().unwrap() = rate(100, 100);
        assert_eq!(site.admitted("acme", HERE, 9).await, 0);
        *tenants.acme.lock().unwrap() = rate(1, 2);
        assert_eq!(site.admitted("acme", HERE, 9).await, 0);
    }
    *tenants.acme.lock().unwrap() = rate(100, 100);
    assert_eq!(site.admitted("acme", HERE, 1).await, 0);
    site.clock.advance(Duration::from_millis(50));
    assert_eq!(site.admitted("acme", HERE, 9).await, 5, "the new rate, since a request came");
    *tenants.acme.lock().unwrap() = NONE;
    assert_eq!(site.admitted("acme", HERE, 30).await, 30);
}

#[tokio::test]
async fn the_total_is_for_all_and_also_for_requests_of_no_tenant() {
    let limits = TenantLimitLayer::new().total(rate(1, 5));
    let site = Site::start(unlimited(), Tenants::acme(NONE), limits).await;
    assert_eq!(site.admitted("acme", HERE, 3).await, 3);
    assert_eq!(site.admitted("globex", HERE, 9).await, 2);
    let answer = site.get("acme", HERE).await;
    assert_eq!(answer.refusal(), refused(429, "rate_limited", "Too many requests."));
    assert_eq!(site.get("nobody", HERE).await.status, 404, "no handler, and so nothing to limit");
}

#[tokio::test]
async fn a_client_behind_a_trusted_proxy_is_the_one_that_the_proxy_names() {
    let addresses = AddressLimitLayer::new(rate(1, 2)).trusted_proxies(["127.0.0.0/8".parse().unwrap()]);
    let site = Site::start(addresses, Tenants::acme(NONE), TenantLimitLayer::new()).await;
    let ask = async |header: &str| {
        let request = super::site::head("GET / HTTP/1.1", "acme", &[header]);
        site.send(HERE, &request).await.status
    };
    for client in ["192.0.2.1", "192.0.2.2", "2001:db8::1"] {
        let header = format!("X-Forwarded-For: 198.51.100.1, {client}");
        assert_eq!([ask(&header).await, ask(&header).await, ask(&header).await], [200, 200, 429], "{client}");
    }
    assert_eq!(ask("Forwarded: for=\"[2001:db8::2]:80\"").await, 429, "it is of the same /64");
    assert_eq!(ask("Forwarded: for=\"[2001:db8:0:1::2]\", for=127.0.0.9").await, 200);
    for _ in 0..9 {
        assert_eq!(ask("X-Nothing: 1").await, 200, "an address that is not known has no limit");
    }
}

#[tokio::test]
async fn a_rate_of_nothing_admits_nothing() {
    let nothing = Limits { requests_per_second: Some(0), ..NONE };
    let site = Site::start(unlimited(), Tenants::acme(nothing), TenantLimitLayer::new()).await;
    let answer = site.get("acme", HERE).await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("3600")));
}
