//! Namespaces and documents for the tests.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::json;
use storage::{Batch, FieldType, Filter, Kind, NamespacedStore, Schema, Store, StoreError, lifecycle};
use tenant_core::{ActiveTenant, Context, Incarnation, Tenant};
use uuid::Uuid;

use crate::support::{active, body, id};

pub(crate) const EVENT: &str = "event";
pub(crate) const SESSION: &str = "session";

/// How many events a [`batch`] brings.
pub(crate) const EVENTS: usize = 20;

pub(crate) fn schema() -> Schema {
    of_version(1)
}

/// The same of a later program.
pub(crate) fn newer() -> Schema {
    of_version(2)
}

fn of_version(version: u32) -> Schema {
    let event = Kind::new(EVENT)
        .with_field("time", FieldType::Date)
        .with_field("name", FieldType::Text)
        .with_time_field("time");
    Schema::new(version, vec![event, Kind::new(SESSION)]).expect("a schema")
}

/// A tenant in a life of its own.
pub(crate) fn tenant(name: &str) -> ActiveTenant {
    let tenant = Tenant::new(name.parse().expect("a name"), Incarnation::from(Uuid::new_v4()));
    active(&tenant)
}

/// The production of a tenant that is not installed.
pub(crate) fn data_of(store: &Arc<dyn Store>, tenant: &ActiveTenant) -> NamespacedStore {
    NamespacedStore::new(Arc::clone(store), tenant, Context::Production)
}

/// An empty namespace.
pub(crate) async fn fresh(store: &Arc<dyn Store>, name: &str) -> NamespacedStore {
    let tenant = tenant(name);
    lifecycle::install(store, tenant.id(), tenant.incarnation()).await.expect("an install");
    data_of(store, &tenant)
}

fn event_id(name: &str, number: usize) -> String {
    format!("{name}-{number}")
}

/// A session that must not exist yet, and its events; the ids are made of the name alone.
pub(crate) fn batch(name: &str) -> Batch {
    Batch { appended: events(name).appended, ..session(name) }
}

/// The session of a [`batch`] alone.
pub(crate) fn session(name: &str) -> Batch {
    let mut batch = Batch::default();
    batch.create(SESSION, id(name), body(json!({"name": name})));
    batch
}

/// The events of a [`batch`] alone.
pub(crate) fn events(name: &str) -> Batch {
    let mut batch = Batch::default();
    for number in 0..EVENTS {
        let event = json!({"name": name, "number": number, "time": "2026-01-01T00:00:00Z"});
        batch.put(EVENT, id(event_id(name, number)), body(event));
    }
    batch
}

/// The ids of all documents of a kind, by scanning; each came once.
async fn scanned(data: &NamespacedStore, kind: &str) -> Result<BTreeSet<String>, StoreError> {
    let mut ids = BTreeSet::new();
    let mut after = None;
    loop {
        let page = data.scan(kind, after.as_ref(), 5000).await?;
        after = page.last().map(|document| document.id.clone());
        if after.is_none() {
            return Ok(ids);
        }
        for document in page {
            let name = document.body["name"].as_str().unwrap_or_default();
            assert!(document.id.as_str().starts_with(name), "{document:?} is another's");
            assert!(ids.insert(document.id.to_string()), "{} came twice", document.id);
        }
    }
}

/// The batches of these names are there, exactly once, and nothing else is.
pub(crate) async fn holds_exactly<'n>(data: &NamespacedStore, names: impl IntoIterator<Item = &'n str>) {
    let sessions: BTreeSet<String> = names.into_iter().map(str::to_owned).collect();
    let events = sessions.iter().flat_map(|name| (0..EVENTS).map(|number| event_id(name, number))).collect();
    data.refresh().await.expect("a refresh");
    for (kind, expected) in [(SESSION, sessions), (EVENT, events)] {
        let found = scanned(data, kind).await.expect("a scan");
        let sample = |ids: &BTreeSet<String>, others: &BTreeSet<String>| {
            let more: Vec<_> = ids.difference(others).collect();
            format!("{} such as {:?}", more.len(), more.first())
        };
        assert!(
            found == expected,
            "{kind}: missing {}; beyond what was written {}",
            sample(&expected, &found),
            sample(&found, &expected)
        );
        let count = data.count(kind, &Filter::All).await.expect("a count");
        assert_eq!(usize::try_from(count), Ok(expected.len()), "{kind}: counted and scanned differ");
    }
}
