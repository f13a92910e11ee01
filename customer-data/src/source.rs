//! [`EventSource`]: where events may come from, per context (contract 7).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use storage::{Batch, Body, DocumentId, MAX_WINDOW, NamespacedStore, Order, Query, Sort};
use tenant_core::{FieldError, Reader};

use crate::error::{DataError, SourceRefusal};
use crate::json;
use crate::kinds::EVENT_SOURCE;

/// The types that a source can be of.
const TYPES: [&str; 7] = ["imap", "mqtt", "queue", "rest", "redirect", "webhook", "internal"];

/// Where events may come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventSource {
    /// Its key, lower case.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// How it may send: some of `imap`, `mqtt`, `queue`, `rest`, `redirect`, `webhook`, `internal`.
    #[serde(rename = "type")]
    pub types: Vec<String>,
    /// Whether it may send at all.
    pub enabled: bool,
    /// Whether nothing of its sessions and events is kept.
    pub transitional: bool,
    /// Stored with its events.
    pub channel: String,
    /// What the platform keeps for its clients and does not use itself: description, tags, bridge and so on.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl EventSource {
    /// Reads the body of a request; what is absent gets the original's default.
    ///
    /// # Errors
    /// Every fault of the body, with its place.
    pub fn parse(body: &Value, now: Timestamp) -> Result<Self, Vec<FieldError>> {
        let mut reader = Reader::body(body);
        let id = reader.string("id").trim().to_lowercase();
        if reader.get("id").is_some_and(Value::is_string) {
            check_id(&mut reader, &id);
        }
        let source = Self {
            id,
            name: reader.string("name"),
            types: read_types(&mut reader),
            enabled: reader.boolean("enabled", true),
            transitional: reader.boolean("transitional", false),
            channel: reader.optional_string("channel").unwrap_or_default(),
            rest: read_rest(&mut reader, now),
        };
        reader.finish()?;
        Ok(source)
    }
}

fn check_id(reader: &mut Reader<'_>, id: &str) {
    if let Err(fault) = DocumentId::new(id) {
        reader.fault("id", "value_error", fault.to_string());
    } else if id.starts_with('@') {
        reader.fault("id", "value_error", "An id that begins with @ belongs to an internal source");
    }
}

fn read_types(reader: &mut Reader<'_>) -> Vec<String> {
    let types = match reader.get("type") {
        Some(Value::String(one)) => vec![one.clone()],
        Some(_) => reader.strings("type").unwrap_or_default(),
        None => {
            reader.fault("type", "missing", "Field required");
            return Vec::new();
        }
    };
    if let Some(unknown) = types.iter().find(|given| !TYPES.contains(&given.as_str())) {
        reader.fault(
            "type",
            "value_error",
            format!("Unknown event source type `{unknown}`: use {}", TYPES.join(", ")),
        );
    } else if types.is_empty() {
        reader.fault("type", "value_error", format!("Name at least one type of {}", TYPES.join(", ")));
    }
    types
}

fn read_rest(reader: &mut Reader<'_>, now: Timestamp) -> Map<String, Value> {
    let bridge = reader.nested("bridge", |bridge| {
        let name = bridge.optional_string("name").unwrap_or_default();
        serde_json::json!({ "id": bridge.string("id"), "name": name })
    });
    let mut rest = Map::new();
    rest.insert("bridge".into(), bridge.unwrap_or_default());
    rest.insert("timestamp".into(), reader.get("timestamp").cloned().unwrap_or_else(|| json::time(now)));
    let description = reader.optional_string("description");
    rest.insert("description".into(), description.unwrap_or_else(|| "No description provided".into()).into());
    rest.insert("tags".into(), reader.strings("tags").unwrap_or_else(|| vec!["general".into()]).into());
    rest.insert("groups".into(), reader.strings("groups").unwrap_or_default().into());
    for (flag, default) in [
        ("permanent_profile_id", false),
        ("requires_consent", false),
        ("locked", false),
        ("synchronize_profiles", true),
        ("production", false),
        ("running", false),
    ] {
        rest.insert(flag.into(), reader.boolean(flag, default).into());
    }
    for free in ["manual", "config"] {
        rest.insert(free.into(), reader.get(free).cloned().unwrap_or_default());
    }
    rest
}

fn to_body(source: &EventSource) -> Result<Body, DataError> {
    match serde_json::to_value(source) {
        Ok(Value::Object(body)) => Ok(body),
        _ => Err(DataError::Internal("an event source did not become a document")),
    }
}

fn of_body(body: Body) -> Result<EventSource, DataError> {
    serde_json::from_value(Value::Object(body))
        .map_err(|_| DataError::Internal("a stored event source is not readable"))
}

/// Stores a source, replacing the one with its id.
///
/// # Errors
/// As the store.
pub async fn save(store: &NamespacedStore, source: &EventSource) -> Result<(), DataError> {
    let mut batch = Batch::default();
    batch.put(EVENT_SOURCE, DocumentId::new(source.id.as_str())?, to_body(source)?);
    store.write(batch).await?;
    Ok(())
}

/// A source by its id.
///
/// # Errors
/// As the store.
pub async fn get(store: &NamespacedStore, id: &str) -> Result<Option<EventSource>, DataError> {
    let Ok(id) = DocumentId::new(id) else { return Ok(None) };
    store.get(EVENT_SOURCE, &id).await?.map(|document| of_body(document.body)).transpose()
}

/// Removes a source and answers what it was.
///
/// # Errors
/// As the store.
pub async fn delete(store: &NamespacedStore, id: &str) -> Result<Option<EventSource>, DataError> {
    let Some(source) = get(store, id).await? else { return Ok(None) };
    let mut batch = Batch::default();
    batch.delete(EVENT_SOURCE, DocumentId::new(id)?);
    let existed = store.write(batch).await?.iter().any(|applied| applied.existed);
    Ok(existed.then_some(source))
}

/// The sources whose name contains a text, in any case, by name; at most `limit`.
///
/// # Errors
/// As the store.
pub async fn list(
    store: &NamespacedStore,
    name_contains: &str,
    limit: usize,
) -> Result<Vec<EventSource>, DataError> {
    let by_name = Sort { path: "name".into(), order: Order::Ascending };
    let query = Query { sort: vec![by_name], limit: MAX_WINDOW, count_up_to: 0, ..Query::default() };
    let wanted = name_contains.to_lowercase();
    let sources: Result<Vec<_>, _> = store
        .search(EVENT_SOURCE, &query)
        .await?
        .documents
        .into_iter()
        .map(|document| of_body(document.body))
        .collect();
    let mut sources = sources?;
    sources.retain(|source| source.name.to_lowercase().contains(&wanted));
    sources.truncate(limit);
    Ok(sources)
}

/// The source that may send through an endpoint of this type (`rest` for `/track`).
///
/// # Errors
/// A [`SourceRefusal`], and as the store.
pub async fn admit(
    store: &NamespacedStore,
    id: &str,
    endpoint: &'static str,
) -> Result<EventSource, DataError> {
    if id.starts_with('@') {
        let text = "Internal event sources are not allowed via API.";
        let mut fault = FieldError::in_body("source", "value_error", text);
        fault.loc.push("id".into());
        return Err(DataError::Invalid(vec![fault]));
    }
    let source = get(store, id).await?.ok_or_else(|| SourceRefusal::Unknown(id.to_owned()))?;
    if !source.enabled {
        return Err(SourceRefusal::Disabled.into());
    }
    if !source.types.iter().any(|kind| kind == endpoint) {
        let EventSource { id, name, types, .. } = source;
        return Err(SourceRefusal::WrongType { endpoint, name, id, types }.into());
    }
    Ok(source)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_absent_gets_the_default() {
        let body = json!({"id": "Web", "name": "Web", "type": "rest", "bridge": {"id": "b", "name": "REST"}});
        let source = EventSource::parse(&body, Timestamp::UNIX_EPOCH).expect("a source");
        assert_eq!((source.id.as_str(), source.types.as_slice()), ("web", &["rest".to_owned()][..]));
        let row = Value::Object(to_body(&source).expect("a document"));
        assert_eq!(
            (&row["enabled"], &row["tags"], &row["type"]),
            (&json!(true), &json!(["general"]), &json!(["rest"]))
        );
        assert_eq!(row["description"], json!("No description provided"));
        assert_eq!(of_body(to_body(&source).expect("a document")).expect("the same"), source);
    }

    #[test]
    fn an_unknown_type_and_missing_fields_are_told() {
        let body = json!({"id": "@internal", "type": ["rest", "carrier-pigeon"]});
        let rows = EventSource::parse(&body, Timestamp::UNIX_EPOCH).expect_err("faults");
        let places: Vec<_> = rows.iter().map(|row| json!(row.loc)[1].clone()).collect();
        assert_eq!(places, [json!("id"), json!("name"), json!("type"), json!("bridge")]);
    }
}
