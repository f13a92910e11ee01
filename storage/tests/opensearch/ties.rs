//! Documents of one time: the pages of a list are as in memory, wherever they are cut.

use std::sync::Arc;

use serde_json::json;
use storage::opensearch::EnginePlacement;
use storage::{Batch, MemoryStore, NamespacedStore, Order, Query, Sort, Store, lifecycle};

use crate::data::{self, EVENT};
use crate::support::{self, body, id};

const DOCUMENTS: usize = 40;

/// Many of one time, some with a time of their own, and some without any; their ids are in no order.
fn documents() -> Batch {
    let mut batch = Batch::default();
    for number in 0..DOCUMENTS {
        let time = match number % 8 {
            0..4 => json!("2026-01-01T00:00:00Z"),
            4 => json!("2026-01-01T00:00:00.0001Z"),
            5 => json!(null),
            _ => json!(format!("2026-01-02T00:00:{number:02}Z")),
        };
        batch.put(EVENT, id(format!("{}", (number * 17) % DOCUMENTS)), body(json!({"time": time})));
    }
    batch
}

async fn filled(store: Arc<dyn Store>) -> NamespacedStore {
    let tenant = data::tenant("ties");
    lifecycle::install(&store, tenant.id(), tenant.incarnation()).await.expect("an install");
    let data = data::data_of(&store, &tenant);
    data.write(documents()).await.expect("a write");
    data.refresh().await.expect("a refresh");
    data
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_of_one_time_are_on_the_same_pages_as_in_memory() {
    let reference = filled(Arc::new(MemoryStore::new(data::schema()))).await;
    for placement in [EnginePlacement::Shared, EnginePlacement::Dedicated] {
        let Some(mut config) = support::config() else { return };
        config.placement = placement;
        let data = filled(support::open(&config, data::schema())).await;
        for order in [Order::Ascending, Order::Descending] {
            for (offset, limit) in windows() {
                let sort = vec![Sort { path: "time".into(), order }];
                let query = Query { sort, offset, limit, count_up_to: 25, ..Query::default() };
                let of = async |data: &NamespacedStore| {
                    let page = data.search(EVENT, &query).await.expect("a page");
                    let ids = page.documents.into_iter().map(|document| document.id.to_string());
                    (page.total, ids.collect::<Vec<_>>())
                };
                let at = format!("{placement:?} {order:?} {offset} {limit}");
                assert_eq!(of(&data).await, of(&reference).await, "{at}");
            }
        }
    }
}

fn windows() -> impl Iterator<Item = (usize, usize)> {
    let offsets = 0..=DOCUMENTS + 1;
    offsets.flat_map(|offset| [0, 1, 3, 10, DOCUMENTS, 10_000 - offset].map(|limit| (offset, limit)))
}
