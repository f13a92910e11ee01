//! A limit must not become a weapon: what one who floods takes from others.

use std::time::Duration;

use tenant_router::limit::{AddressLimitLayer, TenantLimitLayer};

use super::site::{NONE, Site, Tenants, at_once, bytes, rate, refused};

const FLOOD: &str = "127.0.0.66";
const USER: &str = "127.0.0.1";
const OTHER: &str = "127.0.0.2";

#[tokio::test]
async fn an_address_over_its_limit_takes_nothing_from_its_tenant() {
    let addresses = AddressLimitLayer::new(rate(1, 2));
    let site = Site::start(addresses, Tenants::acme(rate(1, 5)), TenantLimitLayer::new()).await;
    assert_eq!(site.admitted("acme", FLOOD, 200).await, 2);
    let answer = site.get("acme", FLOOD).await;
    assert_eq!(answer.refusal(), refused(429, "rate_limited", "Too many requests from this address."));
    assert_eq!(site.admitted("acme", USER, 2).await, 2);
    assert_eq!(site.admitted("acme", OTHER, 2).await, 1, "the tenant's five are used up");
    let answer = site.get("acme", "127.0.0.3").await;
    assert_eq!(answer.refusal().2, "Too many requests for this tenant.");
}

#[tokio::test]
async fn a_tenant_over_its_limit_takes_nothing_from_the_others() {
    let limits = TenantLimitLayer::new().total(rate(1, 10));
    let site = Site::start(AddressLimitLayer::new(NONE), Tenants::acme(rate(1, 4)), limits).await;
    assert_eq!(site.admitted("acme", FLOOD, 200).await, 4);
    assert_eq!(site.admitted("globex", USER, 20).await, 6, "the rest of the total");
}

#[tokio::test]
async fn what_the_total_refuses_is_not_taken_from_the_tenant() {
    let limits = TenantLimitLayer::new().total(rate(10, 1));
    let site = Site::start(AddressLimitLayer::new(NONE), Tenants::acme(rate(1, 3)), limits).await;
    assert_eq!(site.admitted("globex", OTHER, 1).await, 1);
    for _ in 0..3 {
        assert_eq!(site.admitted("acme", USER, 50).await, 0);
        site.clock.advance(Duration::from_millis(100));
        assert_eq!(site.admitted("acme", USER, 1).await, 1, "its own burst is as it was");
    }
    site.clock.advance(Duration::from_millis(100));
    assert_eq!(site.get("acme", USER).await.refusal().2, "Too many requests for this tenant.");
}

#[tokio::test]
async fn a_spray_of_unknown_hosts_from_one_address_is_stopped_too() {
    let addresses = AddressLimitLayer::new(rate(1, 3));
    let site = Site::start(addresses, Tenants::acme(NONE), TenantLimitLayer::new()).await;
    for (host, status) in [("x1", 404), ("x2", 404), ("x3", 404), ("x4", 429), ("acme", 429)] {
        assert_eq!(site.get(host, FLOOD).await.status, status, "{host}");
    }
    assert_eq!(site.get("acme", USER).await.status, 200);
}

#[tokio::test]
async fn a_refused_request_holds_no_place_and_a_body_that_is_too_large_costs_no_request() {
    let limits = TenantLimitLayer::new().defaults(bytes(10)).total(at_once(1));
    let site = Site::start(AddressLimitLayer::new(NONE), Tenants::acme(rate(1, 1)), limits).await;
    for _ in 0..20 {
        let head = super::site::head("POST /read HTTP/1.1", "acme", &["Content-Length: 11"]);
        let answer = site.send(USER, &head).await;
        assert_eq!(answer.refusal(), refused(413, "body_too_large", "The body is larger than 10 bytes."));
    }
    assert_eq!(site.admitted("acme", USER, 20).await, 1, "the one request of its burst is there");
    assert_eq!(site.admitted("globex", USER, 20).await, 20, "and so is the one place of the total");
    assert_eq!(site.handled(), 21);
}

#[tokio::test]
async fn one_tenant_that_holds_all_its_places_leaves_the_others_theirs() {
    let limits = TenantLimitLayer::new().defaults(at_once(2)).total(at_once(3));
    let site = Site::start(AddressLimitLayer::new(NONE), Tenants::acme(NONE), limits).await;
    let _held = [site.begin("/hold", "acme", FLOOD).await, site.begin("/hold", "acme", FLOOD).await];
    for _ in 0..20 {
        let answer = site.get("acme", FLOOD).await;
        let text = "Too many requests at once for this tenant.";
        assert_eq!(answer.refusal(), refused(429, "concurrency_limited", text));
    }
    assert_eq!(site.admitted("globex", USER, 20).await, 20);
}
