//! Namespaced documents: a durable store in which no tenant can reach another's data.
//!
//! A program declares its [`Kind`]s of documents in a [`Schema`] and builds a [`Store`] with it. [`lifecycle::install`]
//! prepares a tenant's [`Namespace`]s; from then on a [`NamespacedStore`] for an `ActiveTenant` is the only way to that
//! tenant's documents, and it has no way to another's.
//!
//! ```
//! use std::sync::Arc;
//!
//! use jiff::Timestamp;
//! use serde_json::json;
//! use storage::{
//!     Batch, DocumentId, EmbeddedConfig, EmbeddedStore, FieldType, Filter, Kind, NamespacedStore, Order, Query, Schema,
//!     Sort, Store, lifecycle,
//! };
//! use tenant_core::{Context, Incarnation, Tenant};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let data_dir = folder.path();
//! // Once in a program: what it keeps, and the folder where. Only declared fields can be sorted by.
//! let event = Kind::new("event").with_field("time", FieldType::Date).with_time_field("time");
//! let store: Arc<dyn Store> =
//!     Arc::new(EmbeddedStore::open(EmbeddedConfig::new(data_dir), Schema::new(1, vec![event])?)?);
//!
//! // Once in a tenant's life: its files.
//! let tenant = Tenant::new("company-x".parse()?, Incarnation::fixed("company-x"));
//! lifecycle::install(&store, &tenant.id(), tenant.incarnation).await?;
//!
//! // For each request: its tenant's documents. Where there is a tenant layer, that has admitted the tenant.
//! let active = tenant.admit(Timestamp::now()).expect("an active tenant");
//! let data = NamespacedStore::new(store, &active, Context::Production);
//!
//! let mut batch = Batch::default();
//! let view = json!({"time": "2026-01-01T12:00:00Z", "type": "page-view", "properties": {"url": "/"}});
//! batch.create("event", DocumentId::new("e1")?, view.as_object().cloned().unwrap_or_default());
//! data.write(batch).await?; // on disk now
//!
//! let latest = Query {
//!     filter: Filter::equals("properties.url", "/"),
//!     sort: vec![Sort { path: "time".into(), order: Order::Descending }],
//!     count_up_to: 1000, // exactly, unless there are more
//!     ..Query::default()
//! };
//! assert_eq!(data.search("event", &latest).await?.total, 1);
//! # Ok(()) }
//! ```
//!
//! # What acknowledged means
//! A write that was answered with `Ok` is durable: in [`EmbeddedStore`] the whole batch has been synced to the disk before,
//! so it outlives `kill -9` and a power cut. [`MemoryStore`] keeps it as long as the store lives.
//! [`Unavailable`](StoreErrorKind::Unavailable), like a future that was dropped, leaves the outcome unknown; a batch of
//! fixed ids can be sent again. In both backends a batch is never there in part. [`Store`] has the whole contract.
//!
//! # Limits
//!
//! | of | |
//! |---|---|
//! | an id | 512 bytes, no control characters |
//! | a document | 100 levels of nesting; a declared field holds one value of its type, or nothing |
//! | a query | `offset + limit` up to [`MAX_WINDOW`], filters of 32 levels; [`scan`](NamespacedStore::scan) has no limit of depth |
//! | an aggregation | [`MAX_WINDOW`] terms |
//! | what waits to be written | [`queued_bytes`](EmbeddedConfig::queued_bytes); what comes beyond is `Unavailable` |
//! | the journal | [`journal_bytes`](EmbeddedConfig::journal_bytes) of disk |
//!
//! # The embedded backend
//! One SQLite file for each tenant and context; [`embedded`] says what is in the folder.
//!
//! - **Group commit**: batches that wait for one file share a transaction, and files that wait at the same time share one sync
//!   of a **journal**. The files follow a moment later, after a crash when the store is opened again: open it before anything
//!   else looks at them.
//! - **[`detach`](EmbeddedStore::detach)** closes a tenant's files. Each is then one plain file to copy or to move; one that
//!   is open is not whole.
//! - **[`open_files`](EmbeddedConfig::open_files)** (100): as many as are in use at the same moment, two for a tenant whose
//!   contexts both are. Beyond it the one that was not used for longest is closed; opened again, its next write pays for a
//!   sync of its own. Each takes up to seven file descriptors (three, and two for each of two readers) and 6 MB of cache:
//!   1000 files want `ulimit -n` above 7000, sockets not counted.
//!
//! # Backends
//! [`MemoryStore`] is the reference, [`EmbeddedStore`] what to run; with the feature `opensearch` a cluster takes its place, whose
//! searches lag behind by a moment. One's own implements [`Store`], with [`evaluate`] if it
//! looks at documents itself, and proves itself with the suites in `conformance`: `docs/own-backend.md` in the repository
//! walks through the example that does so. All give the same answers to the same [`Query`]: what is outside the subset is
//! refused.
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `embedded` | yes | [`EmbeddedStore`]: one SQLite file per tenant and context; needs a tokio runtime |
//! | `opensearch` | no | `OpenSearchStore`: all tenants in a fixed set of indices of a cluster, or in indices of their own; needs a tokio runtime |
//! | `conformance` | no | the suites that prove a backend |

mod aggregate;
mod check;
#[cfg(feature = "conformance")]
pub mod conformance;
mod document;
#[cfg(feature = "embedded")]
pub mod embedded;
mod error;
pub mod evaluate;
mod histogram;
mod instant;
mod kind;
pub mod lifecycle;
mod matching;
mod memory;
mod namespace;
#[cfg(feature = "opensearch")]
pub mod opensearch;
mod order;
mod path;
mod query;
mod store;

pub use document::{Applied, Batch, Body, Change, Document, DocumentId, Guard, Version};
#[cfg(feature = "embedded")]
pub use embedded::{EmbeddedConfig, EmbeddedStore, StoredFile};
pub use error::{StoreError, StoreErrorKind};
pub use kind::{Field, FieldType, Kind, Schema};
pub use memory::MemoryStore;
pub use namespace::{Namespace, NamespacedStore};
#[cfg(feature = "opensearch")]
pub use opensearch::{OpenSearchConfig, OpenSearchStore};
pub use query::{
    Aggregation, Bound, Buckets, Filter, Interval, MAX_WINDOW, Order, Page, Query, Scalar, Sort, TimeUnit,
};
pub use store::Store;

/// The start in README.md compiles.
#[cfg(all(doctest, feature = "embedded"))]
#[doc = include_str!("../README.md")]
struct Readme;
