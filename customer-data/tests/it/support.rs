//! A tenant with a source, and the documents that a request leaves behind.

use std::sync::Arc;

use customer_data::source::{self, EventSource};
use customer_data::{Collected, Collector, DataError, Hit, TrackerPayload, schema};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use storage::{Batch, DocumentId, MemoryStore, NamespacedStore, Order, Query, Sort, Store, lifecycle};
use tenant_core::{Context, Incarnation, Tenant};

pub(crate) struct Platform {
    pub(crate) store: NamespacedStore,
    pub(crate) collector: Collector,
    pub(crate) now: Timestamp,
}

impl Platform {
    /// A tenant with the source `web`.
    pub(crate) async fn new() -> Self {
        Self::with_source(json!({})).await
    }

    /// A tenant with the source `web`, of which some fields are set.
    pub(crate) async fn with_source(fields: Value) -> Self {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new(schema().expect("a schema")));
        let tenant = Tenant::new("acme".parse().expect("a name"), Incarnation::fixed("acme"));
        lifecycle::install(&store, &tenant.id(), tenant.incarnation).await.expect("installed");
        let now = "2026-01-02T03:04:05Z".parse().expect("a time");
        let active = tenant.admit(now).expect("active");
        let store = NamespacedStore::new(store, &active, Context::Production);
        let platform = Self { store, collector: Collector::default(), now };
        let mut body =
            json!({"id": "web", "name": "Web", "type": ["rest"], "bridge": {"id": "b", "name": "REST"}});
        for (name, value) in fields.as_object().expect("fields") {
            body[name] = value.clone();
        }
        let source = EventSource::parse(&body, now).expect("a source");
        source::save(&platform.store, &source).await.expect("saved");
        platform
    }

    pub(crate) async fn try_track(
        &self,
        body: Value,
        profile_less: bool,
    ) -> Result<Option<Collected>, DataError> {
        let hit = Hit {
            payload: TrackerPayload::parse(&body).expect("a payload"),
            endpoint: "rest",
            profile_less,
            headers: Map::new(),
            ip: Some("192.0.2.1".into()),
            idempotency_key: None,
            now: self.now,
        };
        self.collector.collect(&self.store, hit).await
    }

    /// Sends events by the source `web`, with these fields of the payload.
    pub(crate) async fn track(&self, fields: Value, events: &[&str]) -> Collected {
        self.try_track(payload(fields, events), false).await.expect("collected").expect("some events")
    }

    pub(crate) async fn get(&self, kind: &str, id: &str) -> Option<Value> {
        let id = DocumentId::new(id).expect("an id");
        self.store.get(kind, &id).await.expect("read").map(|document| Value::Object(document.body))
    }

    pub(crate) async fn put(&self, kind: &'static str, id: &str, body: Value) {
        let mut batch = Batch::default();
        let body = body.as_object().expect("an object").clone();
        batch.put(kind, DocumentId::new(id).expect("an id"), body);
        self.store.write(batch).await.expect("written");
    }

    pub(crate) async fn delete(&self, kind: &'static str, id: &str) {
        let mut batch = Batch::default();
        batch.delete(kind, DocumentId::new(id).expect("an id"));
        self.store.write(batch).await.expect("written");
    }

    /// All documents of a kind, in the order in which they were stored.
    pub(crate) async fn all(&self, kind: &str) -> Vec<Value> {
        let sort = Sort { path: "metadata.time.insert".into(), order: Order::Ascending };
        let query = Query { sort: vec![sort], limit: 1000, ..Query::default() };
        let page = self.store.search(kind, &query).await.expect("found");
        page.documents.into_iter().map(|document| Value::Object(document.body)).collect()
    }

    pub(crate) async fn event_types(&self) -> Vec<String> {
        self.all("event")
            .await
            .iter()
            .map(|event| event["type"].as_str().expect("a type").to_owned())
            .collect()
    }
}

pub(crate) fn payload(fields: Value, events: &[&str]) -> Value {
    let events: Vec<Value> = events.iter().map(|kind| json!({ "type": kind })).collect();
    let mut body = json!({ "source": { "id": "web" }, "events": events });
    for (name, value) in fields.as_object().expect("fields") {
        body[name] = value.clone();
    }
    body
}
