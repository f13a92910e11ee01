//! [`TrackerPayload`]: what a website sends, checked (contract 6).

use jiff::Timestamp;
use serde_json::{Map, Value};
use storage::DocumentId;
use tenant_core::{FieldError, Reader};

use crate::json;

/// What a website sends in one request.
#[derive(Debug, Clone, PartialEq)]
pub struct TrackerPayload {
    /// Which source sends it; trimmed.
    pub source: String,
    /// The visit, as the client names it; trimmed, `None` where blank.
    pub session: Option<DocumentId>,
    /// The visitor, as the client believes to know it; trimmed, `None` where blank.
    pub profile: Option<DocumentId>,
    /// Facts about the whole request.
    pub context: Map<String, Value>,
    /// Merged into the session.
    pub properties: Map<String, Value>,
    /// What is stored as the events' `request`.
    pub request: Map<String, Value>,
    /// What to save.
    pub options: SaveOptions,
    /// The events, in order.
    pub events: Vec<EventPayload>,
}

/// What of a request is saved; all of it, unless the client says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SaveOptions {
    /// `saveSession`
    pub session: bool,
    /// `saveEvents`
    pub events: bool,
    /// `saveProfile`
    pub profile: bool,
}

/// One event of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct EventPayload {
    /// The client's own id, by which a repeated event is stored once.
    pub id: Option<DocumentId>,
    /// In normal form: `Purchase Order` is `purchase-order`.
    pub event_type: String,
    /// When it happened, by the client's clock.
    pub created: Option<Timestamp>,
    /// What it is about.
    pub properties: Map<String, Value>,
    /// Options of the original; kept with the event, without `source_id`.
    pub options: Map<String, Value>,
    /// Facts about this event; they win over those of the request.
    pub context: Map<String, Value>,
    /// Words to find it by.
    pub tags: Vec<String>,
}

impl TrackerPayload {
    /// The greatest number of events in one request.
    pub const MAX_EVENTS: usize = 1000;

    /// Reads the body of a request. Unknown fields are ignored, `null` objects are empty ones.
    ///
    /// # Errors
    /// Every fault of the body, with its place.
    pub fn parse(body: &Value) -> Result<Self, Vec<FieldError>> {
        let mut reader = Reader::body(body);
        let source = reader.nested("source", |source| source.string("id")).unwrap_or_default();
        let payload = Self {
            source: source.trim().to_owned(),
            session: reader.optional_nested("session", |session| entity_id(session, true)).flatten(),
            profile: reader.optional_nested("profile", |profile| entity_id(profile, false)).flatten(),
            context: reader.object("context"),
            properties: reader.object("properties"),
            request: reader.object("request"),
            options: SaveOptions::read(&reader.object("options")),
            events: reader.each("events", EventPayload::read),
        };
        if payload.events.len() > Self::MAX_EVENTS {
            let msg = format!("A request has at most {} events", Self::MAX_EVENTS);
            reader.fault("events", "too_long", msg);
        }
        reader.finish()?;
        Ok(payload)
    }
}

impl SaveOptions {
    /// Only a real boolean counts; anything else means the default.
    fn read(options: &Map<String, Value>) -> Self {
        let flag = |name: &str| options.get(name).and_then(Value::as_bool).unwrap_or(true);
        Self { session: flag("saveSession"), events: flag("saveEvents"), profile: flag("saveProfile") }
    }
}

/// The trimmed `id` of a session or profile. A profile's may be absent: scripts send an empty object at a first visit.
fn entity_id(reader: &mut Reader<'_>, required: bool) -> Option<DocumentId> {
    let text = if required { Some(reader.string("id")) } else { reader.optional_string("id") };
    let text = text?;
    if text.trim().is_empty() {
        return None;
    }
    document_id(reader, "id", text.trim())
}

fn document_id(reader: &mut Reader<'_>, field: &str, text: &str) -> Option<DocumentId> {
    DocumentId::new(text).map_err(|fault| reader.fault(field, "value_error", fault.to_string())).ok()
}

impl EventPayload {
    fn read(reader: &mut Reader<'_>) -> Self {
        let id = reader.optional_string("id").filter(|id| !id.trim().is_empty());
        let mut options = reader.object("options");
        options.remove("source_id");
        Self {
            id: id.and_then(|id| document_id(reader, "id", id.trim())),
            event_type: read_type(reader),
            created: reader.optional_nested("time", read_created).flatten(),
            properties: reader.object("properties"),
            options,
            context: reader.object("context"),
            tags: reader.strings("tags").unwrap_or_default(),
        }
    }
}

fn read_type(reader: &mut Reader<'_>) -> String {
    let given = reader.string("type");
    if given.trim().is_empty() && reader.get("type").is_some_and(Value::is_string) {
        reader.fault("type", "value_error", "Event type can not be empty");
    }
    given.trim().to_lowercase().replace(' ', "-")
}

fn read_created(reader: &mut Reader<'_>) -> Option<Timestamp> {
    let value = reader.get("create")?;
    let created = json::read_time(value);
    if created.is_none() {
        reader.fault("create", "datetime_parsing", "Input should be a valid datetime");
    }
    created
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn faults(body: Value) -> Vec<(String, Value)> {
        let rows = TrackerPayload::parse(&body).expect_err("faults");
        rows.into_iter().map(|row| (row.kind, json!(row.loc))).collect()
    }

    #[test]
    fn ids_and_types_are_brought_to_their_normal_form() {
        let payload = TrackerPayload::parse(&json!({
            "source": {"id": " web ", "extra": 1}, "session": {"id": " s1 "}, "profile": {"id": " "},
            "context": null, "options": {"saveEvents": false, "saveProfile": "no"},
            "events": [{"type": "  Purchase Order ", "options": {"source_id": "x", "async": true}}],
        }))
        .expect("a payload");
        assert_eq!((payload.source.as_str(), payload.profile), ("web", None));
        assert_eq!(payload.session.as_ref().map(DocumentId::as_str), Some("s1"));
        assert_eq!(payload.options, SaveOptions { session: true, events: false, profile: true });
        assert_eq!(payload.events[0].event_type, "purchase-order");
        assert_eq!(payload.events[0].options.len(), 1);
    }

    #[test]
    fn every_fault_is_told_at_its_place() {
        assert_eq!(
            faults(json!({"session": {"id": 7}, "events": [{"type": " "}, {"time": {"create": "soon"}}]})),
            [
                ("missing".to_owned(), json!(["body", "source"])),
                ("string_type".to_owned(), json!(["body", "session", "id"])),
                ("value_error".to_owned(), json!(["body", "events", 0, "type"])),
                ("missing".to_owned(), json!(["body", "events", 1, "type"])),
                ("datetime_parsing".to_owned(), json!(["body", "events", 1, "time", "create"])),
            ]
        );
        let long = "x".repeat(DocumentId::MAX_BYTES + 1);
        assert_eq!(faults(json!({"source": {"id": "web"}, "session": {"id": long}}))[0].0, "value_error");
    }
}
