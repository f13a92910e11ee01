//! Namespaced documents: a durable store in which no tenant can reach another's data.

mod document;
mod error;
mod kind;
pub mod lifecycle;
mod namespace;
mod query;
mod store;

pub use document::{Applied, Batch, Body, Change, Document, DocumentId, Guard, Version};
pub use error::{StoreError, StoreErrorKind};
pub use kind::{Field, FieldType, Kind, Schema};
pub use namespace::{Namespace, NamespacedStore};
pub use query::{
    Aggregation, Bound, Buckets, Filter, Interval, MAX_WINDOW, Order, Page, Query, Scalar, Sort, TimeUnit,
};
pub use store::Store;
