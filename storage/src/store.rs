//! [`Store`]: what a backend must do.

use async_trait::async_trait;

use crate::document::{Applied, Batch, Document, DocumentId};
use crate::error::StoreError;
use crate::kind::Schema;
use crate::lifecycle::Created;
use crate::namespace::Namespace;
use crate::query::{Aggregation, Buckets, Filter, Page, Query};

/// A backend. Programs work through a [`NamespacedStore`](crate::NamespacedStore), never with this directly.
///
/// Every call is about one [`Namespace`] and must not read, count, change or reveal anything of another. Opening never
/// creates: a namespace that is not installed, or of another incarnation, is
/// [`NotInstalled`](crate::StoreErrorKind::NotInstalled) for every method but [`install`](Store::install) and
/// [`remove`](Store::remove). An unknown kind, a query outside the subset and a document that breaks its kind's
/// declaration are [`Invalid`](crate::StoreErrorKind::Invalid), and change nothing.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// The kinds that this store was built with.
    fn schema(&self) -> &Schema;

    /// Makes a namespace ready for use, creating what is missing; what exists is left as it is. Answers what was made by
    /// this call. Durable when it returns.
    ///
    /// # Errors
    /// [`Unavailable`](crate::StoreErrorKind::Unavailable), [`Full`](crate::StoreErrorKind::Full) and backend failures;
    /// calling it again resumes.
    async fn install(&self, namespace: &Namespace) -> Result<Created, StoreError>;

    /// Brings what an older program has written of a namespace up to this one's format and kinds. Whether anything had to be
    /// done. A backend that does so by itself on the first use does no more here than to bring that forward.
    ///
    /// # Errors
    /// `Backend` names the document that breaks the new declaration; nothing is lost then. Calling it again resumes.
    async fn upgrade(&self, namespace: &Namespace) -> Result<bool, StoreError>;

    /// Removes a namespace and all of its data; one that does not exist is removed already.
    ///
    /// # Errors
    /// Backend failures; calling it again resumes.
    async fn remove(&self, namespace: &Namespace) -> Result<(), StoreError>;

    /// Applies a batch: the guarded changes in order, then the appended ones. Answers one row for each, in that order.
    ///
    /// **Durable**: what was answered survives the process and the machine. **Ordered**: a later change of the batch sees
    /// the earlier ones. **Atomic** in the memory and embedded backends: all or nothing. Elsewhere: nothing after the
    /// first guard that does not hold.
    ///
    /// # Cancellation
    /// Dropping the future leaves the outcome unknown, never half of an atomic batch.
    ///
    /// # Errors
    /// [`Conflict`](crate::StoreErrorKind::Conflict) names the item whose guard did not hold.
    /// [`Unavailable`](crate::StoreErrorKind::Unavailable): the outcome is unknown; with fixed ids it is safe to send again.
    async fn write(&self, namespace: &Namespace, batch: Batch) -> Result<Vec<Applied>, StoreError>;

    /// One document by its id, as the last acknowledged write left it.
    ///
    /// # Errors
    /// See the trait.
    async fn get(
        &self,
        namespace: &Namespace,
        kind: &str,
        id: &DocumentId,
    ) -> Result<Option<Document>, StoreError>;

    /// The documents that match, a page of them, and how many there are in all, as far as the query says to count.
    ///
    /// # Errors
    /// [`Invalid`](crate::StoreErrorKind::Invalid) names what is outside the subset: a sort by a field that is not
    /// declared, a window beyond [`MAX_WINDOW`](crate::MAX_WINDOW), a text that is no date in a date field.
    async fn search(&self, namespace: &Namespace, kind: &str, query: &Query) -> Result<Page, StoreError>;

    /// How many documents match.
    ///
    /// # Errors
    /// As for [`search`](Store::search).
    async fn count(&self, namespace: &Namespace, kind: &str, filter: &Filter) -> Result<u64, StoreError>;

    /// How many documents match, by value or by time.
    ///
    /// # Errors
    /// As for [`search`](Store::search); also for an unknown time zone and an interval of zero.
    async fn aggregate(
        &self,
        namespace: &Namespace,
        kind: &str,
        filter: &Filter,
        aggregation: &Aggregation,
    ) -> Result<Buckets, StoreError>;

    /// Up to `limit` documents in the order of their ids, after one of them. No limit of depth: the last id of one call
    /// continues in the next.
    ///
    /// # Errors
    /// See the trait.
    async fn scan(
        &self,
        namespace: &Namespace,
        kind: &str,
        after: Option<&DocumentId>,
        limit: usize,
    ) -> Result<Vec<Document>, StoreError>;

    /// Makes everything that was acknowledged visible to search, count and aggregate. The memory and embedded backends
    /// have nothing to do.
    ///
    /// # Errors
    /// See the trait.
    async fn refresh(&self, namespace: &Namespace) -> Result<(), StoreError>;
}
