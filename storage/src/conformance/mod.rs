//! The suites that prove a backend: what the [`Store`] contract says, and that no namespace reaches another.
//!
//! They work on any store that was built with [`schema`], through the public calls alone, in namespaces of their own that
//! they leave behind. A suite answers the first [`Failure`], which says what was being done.
//!
//! ```
//! use std::sync::Arc;
//!
//! use storage::{MemoryStore, Store, conformance};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), conformance::Failure> {
//! let store: Arc<dyn Store> = Arc::new(MemoryStore::new(conformance::schema()));
//! conformance::all(&store, 1).await?;
//! conformance::documents::atomicity(&store).await
//! # }
//! ```

pub mod aggregations;
pub mod concurrency;
pub mod documents;
mod filters;
mod generate;
pub mod isolation;
pub mod lifecycle;
mod model;
pub mod pages;
pub mod reference;
pub mod search;

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use tenant_core::{ActiveTenant, Context, Incarnation, Tenant};
use uuid::Uuid;

use crate::document::{Body, DocumentId};
use crate::error::{StoreError, StoreErrorKind};
use crate::kind::{FieldType, Kind, Schema};
use crate::namespace::NamespacedStore;
use crate::store::Store;

/// What a backend did not do as the contract says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What the suite was doing.
    pub step: String,
    /// What came instead of what was expected.
    pub message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.step, self.message)
    }
}

impl std::error::Error for Failure {}

/// The kinds that the suites use.
///
/// # Panics
/// Never: the names are well-formed.
pub fn schema() -> Schema {
    let thing = Kind::new("thing")
        .with_field("name", FieldType::Text)
        .with_field("rank", FieldType::Number)
        .with_field("time.insert", FieldType::Date)
        .with_index(&["name", "time.insert"])
        .with_time_field("time.insert");
    Schema::new(1, vec![thing, Kind::new("other-thing")]).expect("the names are well-formed")
}

/// All that every backend must do. `seed` makes what is random the same again.
///
/// # Errors
/// The first failure.
pub async fn all(store: &Arc<dyn Store>, seed: u64) -> Result<(), Failure> {
    documents::all(store).await?;
    search::all(store).await?;
    pages::all(store).await?;
    aggregations::all(store).await?;
    reference::compared(store, seed, 500).await?;
    lifecycle::all(store).await?;
    concurrency::all(store).await?;
    isolation::attack(store, seed, 3000).await
}

/// The kind with declared fields, and the one without.
const THING: &str = "thing";
const OTHER: &str = "other-thing";

/// A tenant of this name, in a life of its own.
fn tenant(name: &str, step: &str) -> Result<ActiveTenant, Failure> {
    let name = name.parse().map_err(|_| failed(step, "the suite's own tenant has no name"))?;
    let tenant = Tenant::new(name, Incarnation::from(Uuid::new_v4()));
    tenant.admit(Timestamp::UNIX_EPOCH).map_err(|_| failed(step, "the suite's own tenant is not active"))
}

/// An empty namespace.
async fn fresh(store: &Arc<dyn Store>, step: &str) -> Result<NamespacedStore, Failure> {
    let tenant = tenant("acme", step)?;
    let installed = crate::lifecycle::install(store, tenant.id(), tenant.incarnation()).await;
    installed.during("installing a namespace")?;
    Ok(NamespacedStore::new(Arc::clone(store), &tenant, Context::Production))
}

fn id(text: &str) -> DocumentId {
    DocumentId::new(text).expect("the suites' ids are well-formed")
}

/// The body that a `json!` object makes.
fn body(value: Value) -> Body {
    match value {
        Value::Object(body) => body,
        other => Body::from_iter([("value".to_owned(), other)]),
    }
}

fn failed(step: &str, message: impl Into<String>) -> Failure {
    Failure { step: step.to_owned(), message: message.into() }
}

trait During<T> {
    /// What was being done, if it failed.
    fn during(self, step: &str) -> Result<T, Failure>;
}

impl<T> During<T> for Result<T, StoreError> {
    fn during(self, step: &str) -> Result<T, Failure> {
        self.map_err(|error| failed(step, format!("{:?}: {error}", error.kind())))
    }
}

fn equal<T: PartialEq + fmt::Debug>(step: &str, found: &T, expected: &T) -> Result<(), Failure> {
    if found == expected {
        return Ok(());
    }
    Err(failed(step, format!("found {found:?}, expected {expected:?}")))
}

fn refused<T: fmt::Debug>(
    step: &str,
    answer: Result<T, StoreError>,
    expected: StoreErrorKind,
) -> Result<(), Failure> {
    match answer {
        Err(error) if error.kind() == expected => Ok(()),
        Err(error) => Err(failed(step, format!("refused as {:?} ({error}), not {expected:?}", error.kind()))),
        Ok(answer) => Err(failed(step, format!("answered {answer:?}, expected {expected:?}"))),
    }
}
