//! Reading, counting and deleting profiles, sessions and events.

use storage::{Batch, Document, DocumentId, Filter, NamespacedStore, Order, Page, Query, Sort};

use crate::error::DataError;
use crate::kinds::{EVENT, INSERTED, PROFILE, SESSION};

/// The kinds of records that a tenant's people read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordKind {
    /// Visitors.
    Profile,
    /// Visits.
    Session,
    /// What was sent.
    Event,
}

impl RecordKind {
    /// The word in URLs: `profile`, `session` or `event`.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            PROFILE => Some(Self::Profile),
            SESSION => Some(Self::Session),
            EVENT => Some(Self::Event),
            _ => None,
        }
    }

    /// The word in URLs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Profile => PROFILE,
            Self::Session => SESSION,
            Self::Event => EVENT,
        }
    }
}

/// A record by its id; a text that can be no id is nobody's.
///
/// # Errors
/// As the store.
pub async fn get(store: &NamespacedStore, kind: RecordKind, id: &str) -> Result<Option<Document>, DataError> {
    let Ok(id) = DocumentId::new(id) else { return Ok(None) };
    Ok(store.get(kind.as_str(), &id).await?)
}

/// Deletes a record; answers whether there was one.
///
/// # Errors
/// As the store.
pub async fn delete(store: &NamespacedStore, kind: RecordKind, id: &str) -> Result<bool, DataError> {
    let Ok(id) = DocumentId::new(id) else { return Ok(false) };
    let mut batch = Batch::default();
    batch.delete(kind.as_str(), id);
    Ok(store.write(batch).await?.iter().any(|applied| applied.existed))
}

/// How many records there are.
///
/// # Errors
/// As the store.
pub async fn count(store: &NamespacedStore, kind: RecordKind) -> Result<u64, DataError> {
    Ok(store.count(kind.as_str(), &Filter::All).await?)
}

/// The records that were stored last, the latest first, and how many there are in all.
///
/// # Errors
/// As the store; a limit over [`MAX_WINDOW`](storage::MAX_WINDOW) is refused there.
pub async fn latest(store: &NamespacedStore, kind: RecordKind, limit: usize) -> Result<Page, DataError> {
    let newest_first = Sort { path: INSERTED.into(), order: Order::Descending };
    let query = Query { sort: vec![newest_first], limit, ..Query::default() };
    Ok(store.search(kind.as_str(), &query).await?)
}
