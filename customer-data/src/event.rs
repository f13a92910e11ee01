//! The event document (contract 6 and 7), and the ids under which events are stored.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use storage::{Body, DocumentId, Namespace};
use uuid::Uuid;

use crate::json::{self, object, time};
use crate::payload::EventPayload;

/// What all events of one request have in common.
pub(crate) struct Shared<'a> {
    pub(crate) source: &'a str,
    pub(crate) channel: &'a str,
    pub(crate) session: Option<&'a DocumentId>,
    pub(crate) profile: Option<&'a DocumentId>,
    pub(crate) profile_less: bool,
    pub(crate) context: &'a Map<String, Value>,
    pub(crate) request: &'a Map<String, Value>,
    pub(crate) ip: Option<&'a str>,
}

impl Shared<'_> {
    /// An event that the client sent.
    pub(crate) fn client_event(&self, id: &DocumentId, event: &EventPayload, now: Timestamp) -> Body {
        let mut body = self.event(id, &event.event_type, event.created.unwrap_or(now), now);
        let mut context = self.context.clone();
        json::merge(&mut context, &event.context);
        body.insert("context".into(), Value::Object(context));
        body.insert("properties".into(), Value::Object(event.properties.clone()));
        body.insert("config".into(), Value::Object(event.options.clone()));
        body.insert("tags".into(), json!({ "values": event.tags, "count": event.tags.len() }));
        body
    }

    /// An event that the platform adds.
    pub(crate) fn system_event(&self, id: &DocumentId, event_type: &str, now: Timestamp) -> Body {
        self.event(id, event_type, now, now)
    }

    fn event(&self, id: &DocumentId, event_type: &str, created: Timestamp, now: Timestamp) -> Body {
        let entity = |id: Option<&DocumentId>| id.map_or(Value::Null, |id| json!({ "id": id.as_str() }));
        object(json!({
            "id": id.as_str(),
            "name": name_of(event_type),
            "type": event_type,
            "metadata": {
                "time": { "insert": time(now), "create": time(created), "update": null },
                "ip": self.ip, "status": "collected", "channel": self.channel,
                "processed_by": { "rules": [], "flows": [], "third_party": [] },
                "profile_less": self.profile_less,
                "valid": true, "warning": false, "error": false,
            },
            "source": { "id": self.source },
            "session": entity(self.session),
            "profile": entity(self.profile),
            "request": self.request,
            "context": {}, "properties": {}, "traits": {}, "config": {}, "data": {}, "aux": {},
            "tags": { "values": [], "count": 0 },
        }))
    }
}

/// `purchase-order` is called `Purchase order`.
fn name_of(event_type: &str) -> String {
    let words = event_type.replace('-', " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The id of the event at a position of a request: the client's own, else one that is the same whenever the request is
/// sent again with its idempotency key, else a random one.
pub(crate) fn id_of(
    event: &EventPayload,
    position: usize,
    namespace: &Namespace,
    source: &str,
    idempotency_key: Option<&str>,
) -> DocumentId {
    match (&event.id, idempotency_key) {
        (Some(id), _) => id.clone(),
        (None, Some(key)) => stable_id(namespace, &["request", source, key, &position.to_string()]),
        (None, None) => DocumentId::from(Uuid::new_v4()),
    }
}

/// The id of an event that the platform adds at most once for what `about` names.
pub(crate) fn system_id(namespace: &Namespace, about: &DocumentId, event_type: &str) -> DocumentId {
    stable_id(namespace, &["system", about.as_str(), event_type])
}

/// Written as JSON, so that no two lists of parts are the same text.
fn stable_id(namespace: &Namespace, parts: &[&str]) -> DocumentId {
    DocumentId::from(Uuid::new_v5(&namespace.uuid(), json!(parts).to_string().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_events_name_is_made_from_its_type() {
        assert_eq!(name_of("purchase-order"), "Purchase order");
        assert_eq!(name_of("äther"), "Äther");
        assert_eq!(name_of(""), "");
    }
}
