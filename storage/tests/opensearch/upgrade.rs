//! A program whose kinds have changed, on what an older one has written.

use std::num::NonZeroU32;
use std::sync::Arc;

use serde_json::json;
use storage::opensearch::EnginePlacement::{Dedicated, Shared};
use storage::{
    Batch, FieldType, Kind, NamespacedStore, OpenSearchStore, Order, Query, Schema, Sort, Store,
    StoreErrorKind, lifecycle,
};
use tenant_core::{Context, Incarnation, Tenant};

use crate::support::{active, body, config, events, id, open};

/// The same kinds, one of which can be sorted by its rank.
fn newer() -> Schema {
    let event = Kind::new("event")
        .with_field("time", FieldType::Date)
        .with_field("rank", FieldType::Number)
        .with_time_field("time");
    Schema::new(2, vec![event, Kind::new("user")]).expect("a schema")
}

#[tokio::test]
async fn what_an_older_program_wrote_is_sorted_by_a_new_field() {
    for placement in [Shared, Dedicated] {
        let Some(mut config) = config() else { return };
        (config.placement, config.own_shards) = (placement, NonZeroU32::MIN);
        let tenant = Tenant::new("acme".parse().expect("a name"), Incarnation::fixed("first"));
        let data = |store: &Arc<dyn Store>| {
            NamespacedStore::new(Arc::clone(store), &active(&tenant), Context::Staging)
        };

        let older = open(&config, events());
        lifecycle::install(&older, &tenant.id(), tenant.incarnation).await.expect("an install");
        let mut batch = Batch::default();
        for (key, rank) in [("a", 2), ("b", 3), ("c", 1)] {
            batch.put("event", id(key), body(json!({"rank": rank, "time": "2026-01-01T00:00:00Z"})));
        }
        data(&older).write(batch).await.expect("written");

        let newer_store = Arc::new(OpenSearchStore::open(&config, newer()).expect("a store"));
        let store: Arc<dyn Store> = newer_store.clone();
        assert_eq!(newer_store.outdated().await.expect("an answer"), [(tenant.id(), tenant.incarnation)]);
        let upgrade = async || lifecycle::upgrade(&store, &tenant.id(), tenant.incarnation).await;
        assert!(upgrade().await.expect("upgraded"), "{placement:?}");
        assert!(newer_store.outdated().await.expect("an answer").is_empty());
        assert!(!upgrade().await.expect("nothing to do"));
        let new = data(&store);
        new.refresh().await.expect("refreshed");
        let by_rank = Sort { path: "rank".into(), order: Order::Descending };
        let page =
            new.search("event", &Query { sort: vec![by_rank], ..Query::default() }).await.expect("a page");
        let ids: Vec<_> = page.documents.iter().map(|document| document.id.as_str()).collect();
        assert_eq!(ids, ["b", "a", "c"], "{placement:?}");
    }
}

#[tokio::test]
async fn a_document_that_breaks_the_new_declaration_is_named_and_kept() {
    let Some(config) = config() else { return };
    let tenant = Tenant::new("acme".parse().expect("a name"), Incarnation::fixed("first"));
    let older = open(&config, events());
    lifecycle::install(&older, &tenant.id(), tenant.incarnation).await.expect("an install");
    let data = NamespacedStore::new(older, &active(&tenant), Context::Production);
    let mut batch = Batch::default();
    batch.put("event", id("odd"), body(json!({"rank": "first"})));
    data.write(batch).await.expect("written");

    let store = open(&config, newer());
    let failed = lifecycle::upgrade(&store, &tenant.id(), tenant.incarnation)
        .await
        .expect_err("`rank` is a number now");
    assert_eq!(failed.kind(), StoreErrorKind::Backend);
    assert!(failed.to_string().contains("`odd`") && failed.to_string().contains("`rank`"), "{failed}");
    assert!(data.get("event", &id("odd")).await.expect("an answer").is_some());
}
