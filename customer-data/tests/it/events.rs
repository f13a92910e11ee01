//! What is stored of a request, and what is refused.

use customer_data::{DataError, SourceRefusal};
use serde_json::{Value, json};

use crate::support::{Platform, payload};

async fn is_empty(platform: &Platform) -> bool {
    let mut found = 0;
    for kind in ["event", "session", "profile"] {
        found += platform.all(kind).await.len();
    }
    found == 0
}

async fn refusal(platform: &Platform, body: Value) -> SourceRefusal {
    match platform.try_track(body, false).await {
        Err(DataError::Source(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn a_refused_source_leaves_no_trace() {
    let platform = Platform::new().await;
    let unknown = payload(json!({ "source": { "id": "nobody" } }), &["a"]);
    assert_eq!(refusal(&platform, unknown).await, SourceRefusal::Unknown("nobody".into()));
    assert!(is_empty(&platform).await);

    let disabled = Platform::with_source(json!({ "enabled": false })).await;
    assert_eq!(refusal(&disabled, payload(json!({}), &["a"])).await, SourceRefusal::Disabled);
    let webhook = Platform::with_source(json!({ "type": "webhook" })).await;
    let text = refusal(&webhook, payload(json!({}), &["a"])).await.to_string();
    assert!(text.starts_with("This endpoint allows only bridges of types ['rest']"), "{text}");
    assert!(is_empty(&disabled).await && is_empty(&webhook).await);

    let internal =
        platform.try_track(payload(json!({ "source": { "id": "@internal" } }), &["a"]), false).await;
    assert!(matches!(internal, Err(DataError::Invalid(_))), "{internal:?}");
}

#[tokio::test]
async fn without_events_nothing_is_stored() {
    let platform = Platform::new().await;
    let nothing = platform.try_track(payload(json!({ "session": { "id": "s1" } }), &[]), false).await;
    assert_eq!(nothing.expect("accepted"), None);
    assert!(is_empty(&platform).await);
}

#[tokio::test]
async fn an_event_sent_again_with_its_id_is_stored_once_the_last_one() {
    let platform = Platform::new().await;
    for url in ["/old", "/new"] {
        let event = json!([{ "id": "e1", "type": "page-view", "properties": { "url": url } }]);
        platform.track(json!({ "session": { "id": "s1" }, "events": event }), &[]).await;
    }
    let types = platform.event_types().await;
    assert_eq!(types.iter().filter(|kind| *kind == "page-view").count(), 1);
    assert_eq!(platform.get("event", "e1").await.expect("stored")["properties"]["url"], json!("/new"));
}

#[tokio::test]
async fn events_carry_what_the_contract_says() {
    let platform = Platform::with_source(json!({ "channel": "Shop" })).await;
    let event = json!([{
        "type": "Purchase Order", "time": { "create": "2025-12-31T23:59:59Z" }, "tags": ["x"],
        "context": { "page": { "url": "/b" } }, "properties": { "sum": 1.5 },
    }]);
    let context = json!({ "page": { "url": "/a", "title": "A" } });
    platform.track(json!({ "session": { "id": "s1" }, "context": context, "events": event }), &[]).await;
    let event = platform.all("event").await.pop().expect("an event");
    assert_eq!((&event["type"], &event["name"]), (&json!("purchase-order"), &json!("Purchase order")));
    assert_eq!(
        event["context"],
        json!({ "page": { "url": "/b", "title": "A" } }),
        "the event's own context wins"
    );
    assert_eq!(event["metadata"]["time"]["create"], json!("2025-12-31T23:59:59.000000Z"));
    assert_eq!(event["metadata"]["channel"], json!("Shop"));
    assert_eq!(event["metadata"]["ip"], json!("192.0.2.1"));
    assert_eq!(event["tags"], json!({ "values": ["x"], "count": 1 }));
    assert_eq!(event["source"], json!({ "id": "web" }));
}

#[tokio::test]
async fn each_hit_merges_its_context_into_the_session() {
    let mut platform = Platform::new().await;
    let first = json!({ "session": { "id": "s1" }, "context": { "a": 1, "b": 1 }, "properties": { "p": 1 } });
    platform.track(first, &["a"]).await;
    platform.now = platform.now.saturating_add(jiff::SignedDuration::from_secs(90)).expect("later");
    platform.track(json!({ "session": { "id": "s1" }, "context": { "b": 2 } }), &["b"]).await;
    let session = platform.get("session", "s1").await.expect("kept");
    assert_eq!(session["context"], json!({ "a": 1, "b": 2 }));
    assert_eq!(session["properties"], json!({ "p": 1 }));
    assert_eq!(session["metadata"]["time"]["duration"], json!(90));
}

#[tokio::test]
async fn what_shall_not_be_saved_is_not() {
    let platform = Platform::new().await;
    let options = json!({ "saveSession": false, "saveEvents": false, "saveProfile": false });
    let hit = platform.track(json!({ "session": { "id": "s1" }, "options": options }), &["a"]).await;
    assert_eq!((hit.profile, hit.session), (None, None));
    assert!(is_empty(&platform).await);

    let transitional = Platform::with_source(json!({ "transitional": true })).await;
    let hit = transitional.track(json!({ "session": { "id": "s1" } }), &["a"]).await;
    assert_eq!(hit.session, None);
    assert!(transitional.all("event").await.is_empty() && transitional.all("session").await.is_empty());
}

#[tokio::test]
async fn a_batch_that_ends_the_visit_gets_no_system_events() {
    let platform = Platform::new().await;
    platform.track(json!({ "session": { "id": "s1" } }), &["a", "Visit Ended"]).await;
    assert_eq!(platform.event_types().await, ["a", "visit-ended"]);
}

#[tokio::test]
async fn many_requests_of_one_new_session_make_one_profile() {
    let platform = Platform::new().await;
    let hits = (0..32).map(|_| platform.track(json!({ "session": { "id": "s1" } }), &["a"]));
    let hits = futures_util::future::join_all(hits).await;
    assert!(hits.iter().all(|hit| hit.profile == hits[0].profile));
    assert_eq!((platform.all("profile").await.len(), platform.all("session").await.len()), (1, 1));
    assert_eq!(platform.all("event").await.len(), 32 + 3);
}

#[tokio::test]
async fn what_events_repeat_is_bounded() {
    let platform = Platform::new().await;
    let context = json!({ "k": "v".repeat(50_000) });
    let many = payload(json!({ "context": context }), &["x"; 1000]);
    assert!(matches!(platform.try_track(many, false).await, Err(DataError::TooLarge)));
    assert!(is_empty(&platform).await);
    let too_many = payload(json!({}), &["x"; 1001]);
    let faults = customer_data::TrackerPayload::parse(&too_many).expect_err("a fault");
    assert_eq!(json!(faults[0].loc), json!(["body", "events"]));
}
