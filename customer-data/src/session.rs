//! The session document: one visit (contract 7).

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};
use storage::{Body, DocumentId};

use crate::json::{self, object, time};

/// A session at its first hit.
pub(crate) fn new(id: &DocumentId, profile: Option<&DocumentId>, channel: &str, now: Timestamp) -> Body {
    let weekday = now.to_zoned(TimeZone::UTC).weekday().to_monday_zero_offset();
    object(json!({
        "id": id.as_str(),
        "metadata": {
            "time": {
                "insert": time(now), "create": time(now), "update": time(now),
                "timestamp": now.as_second(), "duration": 0, "weekday": weekday,
            },
            "channel": channel, "aux": {}, "status": "active",
        },
        "operation": { "new": true, "update": false },
        "profile": link(profile),
        "device": {}, "os": {}, "app": {}, "utm": {},
        "context": {}, "properties": {}, "traits": {}, "aux": {},
    }))
}

fn link(profile: Option<&DocumentId>) -> Value {
    profile.map_or(Value::Null, |id| json!({ "id": id.as_str() }))
}

/// The profile that the session is linked to.
pub(crate) fn profile_of(body: &Body) -> Option<DocumentId> {
    DocumentId::new(json::text(body, "profile.id")?).ok()
}

/// Links the session to a profile.
pub(crate) fn relink(body: &mut Body, profile: Option<&DocumentId>) {
    body.insert("profile".to_owned(), link(profile));
}

/// Notes another hit of a known session.
pub(crate) fn touch(body: &mut Body, now: Timestamp) {
    let began = json::at(body, "metadata.time.insert").and_then(json::read_time).unwrap_or(now);
    let duration = now.duration_since(began).as_secs().max(0);
    let hit = json!({
        "metadata": { "time": { "update": time(now), "duration": duration } },
        "operation": { "new": false, "update": true },
    });
    json::merge(body, &object(hit));
}

/// Merges what the request says about the visit.
pub(crate) fn enrich(body: &mut Body, context: &Map<String, Value>, properties: &Map<String, Value>) {
    for (field, newer) in [("context", context), ("properties", properties)] {
        if let Some(Value::Object(old)) = body.get_mut(field) {
            json::merge(old, newer);
        }
    }
}
