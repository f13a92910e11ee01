//! Random questions about random documents, answered as [`MemoryStore`] answers them.

use std::sync::Arc;

use fastrand::Rng;
use serde_json::Value;

use super::filters::{filled, ids};
use super::{During, Failure, THING, equal, generate, schema};
use crate::memory::MemoryStore;
use crate::store::Store;

/// Random searches, counts and aggregations of so many filters; the same seed makes the same ones. The answers of
/// [`MemoryStore`] are the simplest that there are: each looks at every document.
///
/// # Errors
/// The first difference; it names the seed and the call.
pub async fn compared(store: &Arc<dyn Store>, seed: u64, filters: usize) -> Result<(), Failure> {
    let mut rng = Rng::with_seed(seed);
    let documents: Vec<(String, Value)> =
        (0..150).map(|number| (format!("{number:03}"), Value::Object(generate::body(&mut rng)))).collect();
    let reference: Arc<dyn Store> = Arc::new(MemoryStore::new(schema()));
    let expected = filled(&reference, &documents, "writing random documents to the reference").await?;
    let data = filled(store, &documents, "writing random documents").await?;
    for _ in 0..filters {
        let query = generate::query(&mut rng);
        let step = format!("seed {seed}, searching {query:?}");
        let wanted = expected.search(THING, &query).await.during(&format!("the reference, {step}"))?;
        let found = data.search(THING, &query).await.during(&step)?;
        equal(&step, &(found.total, ids(&found.documents)), &(wanted.total, ids(&wanted.documents)))?;

        let filter = query.filter;
        let step = format!("seed {seed}, counting {filter:?}");
        let wanted = expected.count(THING, &filter).await.during(&format!("the reference, {step}"))?;
        equal(&step, &data.count(THING, &filter).await.during(&step)?, &wanted)?;

        let aggregation = generate::aggregation(&mut rng);
        let step = format!("seed {seed}, counting by {aggregation:?} where {filter:?}");
        let wanted = expected.aggregate(THING, &filter, &aggregation).await;
        let wanted = wanted.during(&format!("the reference, {step}"))?;
        equal(&step, &data.aggregate(THING, &filter, &aggregation).await.during(&step)?, &wanted)?;
    }
    Ok(())
}
