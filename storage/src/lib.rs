//! Namespaced documents: a durable store in which no tenant can reach another's data.

mod aggregate;
mod check;
#[cfg(feature = "conformance")]
pub mod conformance;
mod document;
#[cfg(feature = "embedded")]
pub mod embedded;
mod error;
mod histogram;
mod instant;
mod kind;
pub mod lifecycle;
mod matching;
mod memory;
mod namespace;
mod order;
mod path;
mod query;
mod store;

pub use document::{Applied, Batch, Body, Change, Document, DocumentId, Guard, Version};
#[cfg(feature = "embedded")]
pub use embedded::{EmbeddedConfig, EmbeddedStore};
pub use error::{StoreError, StoreErrorKind};
pub use kind::{Field, FieldType, Kind, Schema};
pub use memory::MemoryStore;
pub use namespace::{Namespace, NamespacedStore};
pub use query::{
    Aggregation, Bound, Buckets, Filter, Interval, MAX_WINDOW, Order, Page, Query, Scalar, Sort, TimeUnit,
};
pub use store::Store;
