//! Short words for filters, and a namespace with documents to find.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Number, Value};

use super::{During, Failure, THING, body, fresh, id};
use crate::document::{Batch, Document};
use crate::namespace::NamespacedStore;
use crate::query::{Bound, Filter, Scalar};
use crate::store::Store;

/// So many documents go into a batch.
const BATCH: usize = 1000;

pub(super) async fn filled(
    store: &Arc<dyn Store>,
    documents: &[(impl AsRef<str> + Sync, Value)],
    step: &str,
) -> Result<NamespacedStore, Failure> {
    let data = fresh(store, step).await?;
    for documents in documents.chunks(BATCH) {
        let mut batch = Batch::default();
        for (key, value) in documents {
            batch.put(THING, id(key.as_ref()), body(value.clone()));
        }
        data.write(batch).await.during(step)?;
    }
    data.refresh().await.during("refreshing")?;
    Ok(data)
}

pub(super) fn ids(documents: &[Document]) -> String {
    documents.iter().map(|document| document.id.as_str()).collect::<Vec<_>>().join(" ")
}

pub(super) fn date(text: &str) -> Scalar {
    text.parse::<Timestamp>().map_or_else(|_| Scalar::from(text), Scalar::Date)
}

pub(super) fn float(value: f64) -> Scalar {
    Scalar::Number(Number::from_f64(value).unwrap_or_else(|| 0.into()))
}

pub(super) fn between(
    path: &'static str,
    from: Option<(Scalar, bool)>,
    to: Option<(Scalar, bool)>,
) -> Filter {
    let bound = |(value, inclusive)| Bound { value, inclusive };
    Filter::Range { path: path.into(), from: from.map(bound), to: to.map(bound) }
}

pub(super) fn not(filter: Filter) -> Filter {
    Filter::Not(Box::new(filter))
}

pub(super) fn prefix(path: &'static str, text: &str) -> Filter {
    Filter::Prefix { path: path.into(), text: text.to_owned() }
}

pub(super) fn exists(path: &'static str) -> Filter {
    Filter::Exists { path: path.into() }
}

pub(super) fn one_of(path: &'static str, values: Vec<Scalar>) -> Filter {
    Filter::In { path: path.into(), values }
}
