//! The profile document: one visitor (contract 7).

use jiff::Timestamp;
use serde_json::{Value, json};
use storage::{Body, Document, DocumentId, NamespacedStore, StoreError};

use crate::json::{self, object, time};
use crate::kinds::{PROFILE, PROFILE_ALIAS};

/// A profile at its first visit.
pub(crate) fn new(id: &DocumentId, now: Timestamp) -> Body {
    object(json!({
        "id": id.as_str(),
        "primary_id": null,
        "ids": [id.as_str()],
        "metadata": {
            "time": {
                "insert": time(now), "create": time(now), "update": time(now), "segmentation": null,
                "visit": { "last": null, "current": time(now), "count": 1, "tz": "UTC" },
            },
            "aux": {}, "status": null, "fields": {}, "system": { "integrations": {}, "aux": {} },
        },
        "stats": { "visits": 1, "views": 0, "counters": {} },
        "traits": {}, "segments": [], "interests": {}, "consents": {}, "active": true, "aux": {},
        "data": {
            "media": { "image": null, "webpage": null, "social": {} },
            "pii": { "firstname": null, "lastname": null, "display_name": null, "birthday": null, "language": {}, "gender": null },
            "contact": { "email": {}, "phone": {}, "app": {}, "address": {}, "confirmations": [] },
            "identifier": { "id": null, "badge": null, "passport": null, "credit_card": null, "token": null, "coupons": null },
            "devices": { "names": [], "geo": {} },
            "job": {}, "preferences": {}, "loyalty": {},
        },
    }))
}

/// Notes that a new visit of a known profile began.
pub(crate) fn begin_visit(body: &mut Body, now: Timestamp) {
    let visits = json::at(body, "stats.visits").and_then(Value::as_u64).unwrap_or(0) + 1;
    let current = json::at(body, "metadata.time.visit.current").cloned().unwrap_or_default();
    let visit = json!({
        "stats": { "visits": visits },
        "metadata": { "time": {
            "update": time(now),
            "visit": { "last": current, "current": time(now), "count": visits },
        } },
    });
    json::merge(body, &object(visit));
}

/// The profile with this id, or the one that took that id over in a merge.
pub(crate) async fn find(store: &NamespacedStore, id: &DocumentId) -> Result<Option<Document>, StoreError> {
    if let Some(profile) = store.get(PROFILE, id).await? {
        return Ok(Some(profile));
    }
    let Some(alias) = store.get(PROFILE_ALIAS, id).await? else { return Ok(None) };
    match json::text(&alias.body, "profile").map(DocumentId::new) {
        Some(Ok(heir)) => store.get(PROFILE, &heir).await,
        _ => Ok(None),
    }
}
