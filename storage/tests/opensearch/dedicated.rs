//! Indices of a tenant's own: what the cluster itself says of them, partitions, room, and later lives.

use std::num::NonZeroU32;
use std::sync::Arc;

use serde_json::{Value, json};
use storage::opensearch::{EnginePlacement, Period};
use storage::{Batch, Filter, NamespacedStore, OpenSearchConfig, Query, Store, StoreErrorKind, lifecycle};
use tenant_core::{Context, Incarnation, Tenant, TenantId};

use crate::support::{active, body, cluster, config, events, id, open};

/// Settings for tenants with indices of their own, whose names cannot be another test's.
fn own() -> Option<OpenSearchConfig> {
    let mut config = config()?;
    config.placement = EnginePlacement::Dedicated;
    config.own_shards = NonZeroU32::MIN;
    Some(config)
}

fn acme() -> Tenant {
    Tenant::new("acme".parse().expect("a name"), Incarnation::fixed("first"))
}

async fn install(store: &Arc<dyn Store>, tenant: &Tenant) -> lifecycle::LifecycleHandle {
    lifecycle::install(store, &tenant.id(), tenant.incarnation).await.expect("an install")
}

async fn put(data: &NamespacedStore, key: &str, value: Value) -> bool {
    let mut batch = Batch::default();
    batch.put("event", id(key), body(value));
    data.write(batch).await.expect("written")[0].existed
}

const KINDS: [&str; 6] = ["event", "entity", "log", "session", "profile", "field-update-log"];

#[tokio::test]
async fn the_cluster_has_the_names_of_the_original() {
    let Some(config) = own() else { return };
    let version = config.own_version.clone();
    let store = open(&config, events());
    let handle = install(&store, &acme()).await;
    for (context, mark) in [(Context::Staging, ""), (Context::Production, "prod-")] {
        let created = handle.created(context);
        let aliases: Vec<_> = KINDS.map(|kind| format!("{mark}{version}.acme.tracardi-{kind}")).to_vec();
        assert_eq!(created.aliases, aliases);
        let templates: Vec<_> =
            KINDS.map(|kind| format!("{mark}template.{version}.acme.tracardi-{kind}")).to_vec();
        assert_eq!(created.templates, templates);
        assert_eq!(created.indices.len(), 6);
        for (index, alias) in created.indices.iter().zip(&aliases) {
            let found = cluster("GET", index, None).await;
            assert_eq!(found[index]["aliases"], json!({alias: {}}), "{found}");
            assert_eq!(
                found[index]["settings"]["index"]["number_of_replicas"], "0",
                "one data node has no room for copies"
            );
            assert_eq!(found[index]["settings"]["index"]["translog"]["durability"], "request");
            let incarnation = &found[index]["mappings"]["_meta"]["incarnation"];
            assert_eq!(*incarnation, acme().incarnation.to_string());
            let suffix = index.strip_prefix(&format!("{alias}-")).expect("a partition of the alias");
            let is_month = alias.ends_with("log");
            assert_eq!(suffix.contains("-q"), !is_month, "{suffix}");
        }
        for (template, alias) in templates.iter().zip(&aliases) {
            let found = cluster("GET", &format!("_index_template/{template}"), None).await;
            let found = &found["index_templates"][0]["index_template"];
            assert_eq!(found["index_patterns"], json!([format!("{alias}-*-*")]));
            assert_eq!(found["template"]["mappings"]["dynamic"], false);
        }
    }
    let again = install(&store, &acme()).await;
    assert_eq!(again.created(Context::Staging), &lifecycle::Created::default());
    lifecycle::remove(&store, &acme().id(), acme().incarnation).await.expect("removed");
    let left = cluster("GET", &format!("_resolve/index/*{version}.acme*"), None).await;
    assert_eq!((&left["indices"], &left["aliases"]), (&json!([]), &json!([])));
    let left = cluster("GET", &format!("_index_template/*template.{version}.acme*"), None).await;
    assert_eq!(
        left.get("index_templates").map_or(0, |found| found.as_array().map_or(0, Vec::len)),
        0,
        "{left}"
    );
}

#[tokio::test]
async fn a_document_stays_in_its_partition() {
    let Some(mut config) = own() else { return };
    config.own_kinds = vec![("event".to_owned(), Period::Year)];
    let store = open(&config, events());
    let tenant = acme();
    install(&store, &tenant).await;
    let at = "2026-01-01T00:00:00Z";
    {
        let data = NamespacedStore::new(Arc::clone(&store), &active(&tenant), Context::Production);
        for key in ["sent-again", "changed", "gone"] {
            assert!(!put(&data, key, json!({"time": at, "type": "old"})).await);
        }
    }
    // What is written now goes to another index, as after the end of a quarter.
    config.own_kinds = vec![("event".to_owned(), Period::Quarter)];
    let store = open(&config, events());
    let data = NamespacedStore::new(Arc::clone(&store), &active(&tenant), Context::Production);
    assert!(put(&data, "sent-again", json!({"time": at, "type": "new"})).await, "it is the same document");
    assert!(!put(&data, "first", json!({"time": at, "type": "new"})).await);
    let read = data.get("event", &id("changed")).await.expect("an answer").expect("a document");
    let mut batch = Batch::default();
    batch.replace("event", id("changed"), body(json!({"time": at, "type": "new"})), read.version);
    data.write(batch.clone()).await.expect("it is as it was read");
    let refused = data.write(batch).await.expect_err("it is not any more");
    assert_eq!(refused.kind(), StoreErrorKind::Conflict { item: 0 });
    let mut batch = Batch::default();
    batch.create("event", id("sent-again"), body(json!({"time": at})));
    assert!(data.write(batch).await.expect_err("it exists").is_conflict());
    let mut batch = Batch::default();
    batch.delete("event", id("gone"));
    assert!(data.write(batch).await.expect("deleted")[0].existed);

    data.refresh().await.expect("refreshed");
    let all = data.search("event", &Query::default()).await.expect("a page");
    let ids: Vec<_> = all.documents.iter().map(|document| document.id.as_str()).collect();
    assert_eq!((all.total, ids), (3, vec!["changed", "first", "sent-again"]));
    assert_eq!(data.count("event", &Filter::equals("type", "new")).await.expect("a count"), 3);
    let partitions =
        cluster("GET", &format!("_alias/prod-{}.acme.tracardi-event", config.own_version), None).await;
    assert_eq!(partitions.as_object().map(|partitions| partitions.len()), Some(2), "{partitions}");
}

#[tokio::test]
async fn an_install_that_has_no_room_leaves_nothing_behind() {
    let Some(mut config) = own() else { return };
    config.own_shards = NonZeroU32::new(200).expect("not zero");
    let greedy = open(&config, events());
    let other: TenantId = "globex".parse().expect("an id");
    let refused = lifecycle::install(&greedy, &other, acme().incarnation).await.err().expect("no room");
    assert!(matches!(refused.kind(), StoreErrorKind::Unavailable { .. }), "{refused}");
    // Before anything is made: the engine would refuse one index after some others.
    let counted = "they take 2400 shards";
    assert!(refused.to_string().contains(counted), "{refused}");
    assert!(refused.to_string().contains("max_shards_per_node"), "{refused}");
    let left = cluster("GET", &format!("_resolve/index/*{}.globex*", config.own_version), None).await;
    assert_eq!((&left["indices"], &left["aliases"]), (&json!([]), &json!([])));
    let mut tenant = acme();
    tenant.name = "globex".parse().expect("a name");
    let data = NamespacedStore::new(Arc::clone(&greedy), &active(&tenant), Context::Staging);
    assert_eq!(data.refresh().await.expect_err("it is not installed").kind(), StoreErrorKind::NotInstalled);
}

#[tokio::test]
async fn a_late_deletion_spares_the_next_life() {
    let Some(config) = own() else { return };
    let store = open(&config, events());
    let (first, mut second) = (acme(), acme());
    second.incarnation = Incarnation::fixed("second");
    install(&store, &first).await;
    let data = NamespacedStore::new(Arc::clone(&store), &active(&first), Context::Staging);
    put(&data, "of the first", json!({})).await;
    install(&store, &second).await;
    let next = NamespacedStore::new(Arc::clone(&store), &active(&second), Context::Staging);
    put(&next, "of the second", json!({})).await;
    lifecycle::remove(&store, &first.id(), first.incarnation).await.expect("removed");
    assert_eq!(
        data.get("event", &id("of the first")).await.expect_err("removed").kind(),
        StoreErrorKind::NotInstalled
    );
    assert!(next.get("event", &id("of the second")).await.expect("an answer").is_some());
    next.refresh().await.expect("refreshed");
    assert_eq!(next.count("event", &Filter::All).await.expect("a count"), 1);
    lifecycle::remove(&store, &second.id(), second.incarnation).await.expect("removed");
    let left = cluster("GET", &format!("_resolve/index/*{}.acme*", config.own_version), None).await;
    assert_eq!(left["indices"], json!([]), "the last life takes them along");
}
