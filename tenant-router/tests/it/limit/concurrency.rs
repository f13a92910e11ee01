//! Requests at once: how long a request counts, and that its place comes back however it ends.

use bytes::Bytes;
use tenant_router::limit::{AddressLimitLayer, TenantLimitLayer};
use tokio::io::AsyncWriteExt;

use super::site::{Answer, NONE, Site, Tenants, at_once, eventually, head, refused};

const HERE: &str = "127.0.0.1";

/// One place each by address, tenant and in total, one after the other.
async fn sites() -> Vec<(&'static str, Site)> {
    let none = || (AddressLimitLayer::new(NONE), TenantLimitLayer::new());
    let address = AddressLimitLayer::new(at_once(1));
    let total = TenantLimitLayer::new().total(at_once(1));
    vec![
        (" from this address", Site::start(address, Tenants::acme(NONE), none().1).await),
        (" for this tenant", Site::start(none().0, Tenants::acme(at_once(1)), none().1).await),
        ("", Site::start(none().0, Tenants::acme(NONE), total).await),
    ]
}

async fn has_no_place(site: &Site, scope: &str) {
    let answer = site.get("acme", HERE).await;
    let text = format!("Too many requests at once{scope}.");
    assert_eq!(answer.refusal(), refused(429, "concurrency_limited", &text));
    assert_eq!(answer.header("retry-after"), Some("1"));
}

async fn place_comes_back(site: &Site, scope: &str) {
    eventually(&format!("free place{scope}"), async || site.get("acme", HERE).await.status == 200).await;
}

#[tokio::test]
async fn a_request_counts_until_its_response_has_ended() {
    for (scope, site) in sites().await {
        let mut held = site.begin("/hold", "acme", HERE).await;
        has_no_place(&site, scope).await;
        site.handler.go.notify_one();
        assert_eq!(Answer::read(&mut held).await.body, "held");
        place_comes_back(&site, scope).await;
    }
}

#[tokio::test]
async fn a_response_that_is_still_being_sent_counts() {
    for (scope, site) in sites().await {
        let _reader = site.begin("/stream", "acme", HERE).await;
        let stream = site.handler.streams.lock().unwrap().pop().unwrap();
        for _ in 0..3 {
            stream.send(Bytes::from_static(b"more")).await.unwrap();
            has_no_place(&site, scope).await;
        }
        drop(stream);
        place_comes_back(&site, scope).await;
    }
}

#[tokio::test]
async fn a_client_that_goes_away_gives_its_place_back() {
    for (scope, site) in sites().await {
        let waiting = site.begin("/hold", "acme", HERE).await;
        has_no_place(&site, scope).await;
        drop(waiting);
        place_comes_back(&site, scope).await;

        let reading = site.begin("/stream", "acme", HERE).await;
        let stream = site.handler.streams.lock().unwrap().pop().unwrap();
        has_no_place(&site, scope).await;
        drop(reading);
        // Nobody reads any more; the server notices when it writes.
        while stream.send(Bytes::from(vec![b'x'; 65_536])).await.is_ok() {}
        place_comes_back(&site, scope).await;
    }
}

#[tokio::test]
async fn a_panic_gives_the_place_back() {
    for (scope, site) in sites().await {
        for _ in 0..3 {
            let before = site.handled();
            let mut stream = site.connect(HERE).await;
            let head = head("GET /panic HTTP/1.1", "acme", &[]);
            stream.write_all(head.as_bytes()).await.unwrap();
            eventually("panic", async || site.handled() > before).await;
            place_comes_back(&site, scope).await;
        }
    }
}

#[tokio::test]
async fn several_places_are_as_many_as_the_record_says() {
    let tenants = Tenants::acme(at_once(3));
    let site = Site::start(AddressLimitLayer::new(NONE), tenants.clone(), TenantLimitLayer::new()).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(site.begin("/hold", "acme", HERE).await);
    }
    has_no_place(&site, " for this tenant").await;
    *tenants.acme.lock().unwrap() = at_once(4);
    held.push(site.begin("/hold", "acme", HERE).await);
    has_no_place(&site, " for this tenant").await;
    *tenants.acme.lock().unwrap() = at_once(1);
    for _ in 0..3 {
        site.handler.go.notify_one();
    }
    let (first, last) = held.split_at_mut(1);
    let mut ended = 0;
    for stream in first.iter_mut().chain(last).take(3) {
        ended += usize::from(Answer::read(stream).await.body == "held");
    }
    assert_eq!(ended, 3);
    has_no_place(&site, " for this tenant").await;
}
