//! The identity rules of contract 6, one test each. (Rules 7 and 9 are not part of the platform yet.)

use serde_json::json;

use crate::support::{Platform, payload};

const FIRST_HIT: [&str; 3] = ["visit-started", "session-opened", "profile-created"];

#[tokio::test]
async fn rule_1_without_a_session_a_made_up_one_is_kept_for_a_new_profile_alone() {
    let platform = Platform::new().await;
    let first = platform.track(json!({ "session": { "id": "  " } }), &["a"]).await;
    let profile = first.profile.expect("a new profile");
    let session = first.session.expect("saved with the profile");
    assert_eq!(platform.get("session", &session).await.expect("kept")["profile"], json!({ "id": profile }));
    assert_eq!(platform.event_types().await, ["profile-created", "a"], "the session counts as known");

    let second = platform.track(json!({ "profile": { "id": profile } }), &["b"]).await;
    assert_eq!((second.profile, second.session), (Some(profile), None), "the profile is looked up");
    assert_eq!(platform.all("session").await.len(), 1);
}

#[tokio::test]
async fn rule_2_an_unknown_session_without_a_profile_gets_a_new_one() {
    let platform = Platform::new().await;
    let hit = platform.track(json!({ "session": { "id": "s1" } }), &["page-view", "purchase"]).await;
    assert_eq!(hit.session.as_deref(), Some("s1"));
    let profile = platform.get("profile", &hit.profile.clone().expect("a profile")).await.expect("stored");
    assert_eq!(profile["ids"], json!([hit.profile]));
    let types = platform.event_types().await;
    assert_eq!(types[..3], FIRST_HIT);
    assert_eq!(types[3..], ["page-view", "purchase"], "2 client events become 5");
}

#[tokio::test]
async fn rule_3_an_unknown_session_takes_a_known_profile_also_by_a_merged_id() {
    let platform = Platform::new().await;
    let known =
        platform.track(json!({ "session": { "id": "s1" } }), &["a"]).await.profile.expect("a profile");
    let again =
        platform.track(json!({ "session": { "id": "s2" }, "profile": { "id": known } }), &["b"]).await;
    assert_eq!(again.profile.as_ref(), Some(&known));

    platform.put("profile-alias", "old-id", json!({ "profile": known })).await;
    let merged =
        platform.track(json!({ "session": { "id": "s3" }, "profile": { "id": "old-id" } }), &["c"]).await;
    assert_eq!(merged.profile.as_ref(), Some(&known));
    assert_eq!(platform.all("profile").await.len(), 1);
    let stats = &platform.get("profile", &known).await.expect("stored")["stats"];
    assert_eq!(stats["visits"], json!(3), "each unknown session is a visit");
}

#[tokio::test]
async fn rule_4_an_unknown_profile_id_counts_as_forged() {
    let platform = Platform::new().await;
    let hit =
        platform.track(json!({ "session": { "id": "s1" }, "profile": { "id": "forged" } }), &["a"]).await;
    let profile = hit.profile.expect("a profile");
    assert_ne!(profile, "forged");
    assert!(platform.get("profile", "forged").await.is_none());
    let stored: String = platform.all("event").await.iter().map(ToString::to_string).collect();
    assert!(!stored.contains("forged"), "the client's id is stored nowhere");
}

#[tokio::test]
async fn rule_5_a_known_sessions_profile_wins() {
    let platform = Platform::new().await;
    let first =
        platform.track(json!({ "session": { "id": "s1" } }), &["a"]).await.profile.expect("a profile");
    let other =
        platform.track(json!({ "session": { "id": "s2" } }), &["a"]).await.profile.expect("a profile");
    let hit = platform.track(json!({ "session": { "id": "s1" }, "profile": { "id": other } }), &["b"]).await;
    assert_eq!(hit.profile, Some(first));
}

#[tokio::test]
async fn rule_5_a_known_session_whose_profile_is_gone_gets_a_new_one() {
    let platform = Platform::new().await;
    let gone = platform.track(json!({ "session": { "id": "s1" } }), &["a"]).await.profile.expect("a profile");
    platform.delete("profile", &gone).await;
    let hit = platform.track(json!({ "session": { "id": "s1" } }), &["b"]).await;
    let new = hit.profile.expect("a profile");
    assert_ne!(new, gone);
    assert_eq!(platform.get("session", "s1").await.expect("kept")["profile"]["id"], json!(new));
    let types = platform.event_types().await;
    assert_eq!(types.iter().filter(|kind| *kind == "profile-created").count(), 2);
    assert_eq!(types.iter().filter(|kind| *kind == "session-opened").count(), 1);
}

#[tokio::test]
async fn rule_5_a_known_session_whose_profile_was_merged_moves_to_the_heir() {
    let platform = Platform::new().await;
    let merged =
        platform.track(json!({ "session": { "id": "s1" } }), &["a"]).await.profile.expect("a profile");
    let heir = platform.track(json!({ "session": { "id": "s2" } }), &["a"]).await.profile.expect("a profile");
    platform.delete("profile", &merged).await;
    platform.put("profile-alias", &merged, json!({ "profile": heir })).await;
    let hit = platform.track(json!({ "session": { "id": "s1" } }), &["b"]).await;
    assert_eq!(hit.profile.as_ref(), Some(&heir));
    assert_eq!(platform.get("session", "s1").await.expect("kept")["profile"]["id"], json!(heir));
}

#[tokio::test]
async fn rule_6_a_session_id_that_the_client_chose_is_kept() {
    let platform = Platform::new().await;
    let chosen = "Ünïcode / with spaces?";
    let hit = platform.track(json!({ "session": { "id": chosen } }), &["a"]).await;
    assert_eq!(hit.session.as_deref(), Some(chosen));
    assert!(platform.get("session", chosen).await.is_some());
}

#[tokio::test]
async fn rule_8_profile_less_makes_and_reads_no_profile() {
    let platform = Platform::new().await;
    let known =
        platform.track(json!({ "session": { "id": "s0" } }), &["a"]).await.profile.expect("a profile");
    let body = payload(json!({ "session": { "id": "s1" }, "profile": { "id": known } }), &["b"]);
    let hit = platform.try_track(body, true).await.expect("collected").expect("events");
    assert_eq!((hit.profile, hit.session.as_deref()), (None, Some("s1")));
    assert_eq!(platform.get("session", "s1").await.expect("kept")["profile"], json!(null));
    let events = platform.all("event").await;
    let event = events.iter().find(|event| event["type"] == "b").expect("an event");
    assert_eq!(event["profile"], json!(null));
    assert_eq!(event["metadata"]["profile_less"], json!(true));
    assert_eq!(platform.all("profile").await.len(), 1);

    let hit = platform.try_track(payload(json!({}), &["c"]), true).await.expect("collected").expect("events");
    assert_eq!((hit.profile, hit.session), (None, None), "no session was supplied, none is kept");
    assert_eq!(platform.all("session").await.len(), 2);
}
