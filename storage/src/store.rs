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
/// What each promise asks of an implementation, and how to prove it: `docs/own-backend.md` in the repository.
///
/// # Every call
/// - is about one [`Namespace`], and must not read, count, change or reveal anything of another.
/// - never creates by opening: a namespace that is not installed, or of another incarnation, is
///   [`NotInstalled`](crate::StoreErrorKind::NotInstalled) for every method but [`install`](Store::install) and
///   [`remove`](Store::remove).
/// - refuses an unknown kind, a query outside the subset and a document that breaks its kind's declaration as
///   [`Invalid`](crate::StoreErrorKind::Invalid), and changes nothing then.
/// - may come at any time, from any task, beside any other. Writes that overlap have no order but that of their guards.
///
/// # What is seen
/// `get` and `scan` show every write that was answered before they began. `search`, `count` and `aggregate` do so in the
/// memory and embedded backends, and everywhere after a [`refresh`](Store::refresh). In memory and embedded each call
/// answers from one state, in which a batch is whole or not at all; two calls, such as those for two pages, may see two
/// states. Elsewhere a batch under way may be seen in part.
///
/// # Waiting
/// What waits to be written is bounded: a backend that cannot keep up refuses as
/// [`Unavailable`](crate::StoreErrorKind::Unavailable), with the time after which to try again. How long a call takes is not
/// bounded: a caller who has a deadline drops the future.
///
/// # Cancellation
/// Dropping a future is safe at any time. What a write, an install, an upgrade or a removal has begun may go on to its end
/// without its caller; sending the same call again is as safe as after `Unavailable`.
///
/// # Errors
/// Besides what the methods name, each call may answer `Unavailable` (send it again), [`Full`](crate::StoreErrorKind::Full)
/// (where it needs room), [`Corrupt`](crate::StoreErrorKind::Corrupt) (this namespace is damaged, no other) and
/// [`Backend`](crate::StoreErrorKind::Backend) (anything else). A failure is never answered as if nothing were there.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// The kinds that this store was built with.
    fn schema(&self) -> &Schema;

    /// Makes a namespace ready for use, creating what is missing; what exists is left as it is, data and all. Answers what
    /// this call made: nothing where all of it existed. Durable when it returns.
    ///
    /// What was removed and is installed again is empty, and none of its versions comes again.
    ///
    /// # Errors
    /// See the trait. Calling it again resumes.
    async fn install(&self, namespace: &Namespace) -> Result<Created, StoreError>;

    /// Brings what an older program has written of a namespace up to this one's format and kinds. Whether anything had to be
    /// done. A backend that does so by itself on the first use does no more here than to bring that forward.
    ///
    /// # Errors
    /// `Backend` names the document that breaks the new declaration; nothing is lost then. Calling it again resumes.
    async fn upgrade(&self, namespace: &Namespace) -> Result<bool, StoreError>;

    /// Removes a namespace and all of its data; one that does not exist is removed already. Durable when it returns. A write
    /// that is under way meanwhile is refused, or its documents go with the others.
    ///
    /// # Errors
    /// See the trait. Calling it again resumes.
    async fn remove(&self, namespace: &Namespace) -> Result<(), StoreError>;

    /// Applies a batch: the guarded changes in order, then the appended ones. Answers one row for each, in that order.
    ///
    /// - **Checked**: every document of it, before anything is applied.
    /// - **Ordered**: a later change, and its guard, sees the earlier ones of the batch.
    /// - **Guarded**: between looking at a guard and applying its change no other write changes that document.
    /// - **Atomic** in the memory and embedded backends: all of it or nothing, for readers, after a failure, and after a
    ///   crash. Elsewhere: nothing after the first guard that does not hold, nothing appended unless all of them hold; a
    ///   failure may leave a part.
    /// - **Durable** when it is answered `Ok`: it survives the process and the machine. In memory it lives with the store.
    ///
    /// # Limits
    /// Those of [`DocumentId`] and [`Kind::check`](crate::Kind::check). A batch has no greatest length, but is in memory as a
    /// whole; a backend may refuse one that is too large for it as `Invalid`.
    ///
    /// # Cancellation
    /// A future that is dropped leaves the outcome unknown; in memory and embedded all of the batch is there, or nothing.
    ///
    /// # Errors
    /// - [`Conflict`](crate::StoreErrorKind::Conflict) names the guarded item, from 0, whose guard did not hold.
    /// - [`Unavailable`](crate::StoreErrorKind::Unavailable): the outcome is unknown. With the same ids it is safe to send
    ///   again: what is put stays one document, and a guard that the first attempt used up is a conflict.
    /// - [`Full`](crate::StoreErrorKind::Full): it was not acknowledged; the same once there is room.
    async fn write(&self, namespace: &Namespace, batch: Batch) -> Result<Vec<Applied>, StoreError>;

    /// One document by its id, as the last write that was answered left it, or a later one; `None` if there is none.
    ///
    /// # Errors
    /// See the trait.
    async fn get(
        &self,
        namespace: &Namespace,
        kind: &str,
        id: &DocumentId,
    ) -> Result<Option<Document>, StoreError>;

    /// The documents that match, a page of them in the order that was asked for, ties by id; and how many there are in all,
    /// as far as the query says to count. A page beyond the last document is empty, and counted all the same.
    ///
    /// # Limits
    /// `offset + limit` is at most [`MAX_WINDOW`](crate::MAX_WINDOW); a [`Filter`] nests at most 32 levels. What goes further
    /// takes [`scan`](Store::scan).
    ///
    /// # Errors
    /// [`Invalid`](crate::StoreErrorKind::Invalid) names what is outside the subset: those limits, a sort by a field that is
    /// not declared, a path with an empty part, a text that is no date for a field of dates, a range without ends or with a
    /// boolean for one.
    async fn search(&self, namespace: &Namespace, kind: &str, query: &Query) -> Result<Page, StoreError>;

    /// How many documents match: exactly, whatever their number.
    ///
    /// # Errors
    /// As for [`search`](Store::search).
    async fn count(&self, namespace: &Namespace, kind: &str, filter: &Filter) -> Result<u64, StoreError>;

    /// How many documents match, by value or by time: exactly, however many values or buckets there are.
    ///
    /// # Limits
    /// [`Terms`](Aggregation::Terms) gives at most [`MAX_WINDOW`](crate::MAX_WINDOW) values; a histogram gives all of its
    /// buckets that are not empty.
    ///
    /// # Errors
    /// As for [`search`](Store::search); also for an unknown time zone, an interval of zero, and one of several months or
    /// years.
    async fn aggregate(
        &self,
        namespace: &Namespace,
        kind: &str,
        filter: &Filter,
        aggregation: &Aggregation,
    ) -> Result<Buckets, StoreError>;

    /// Up to `limit` documents in the order of their ids, after one of them; fewer only where there are no more. No limit of
    /// depth: the last id of one call continues in the next, and a walk so meets each document that is there all the while
    /// exactly once. All of an answer is in memory.
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

    /// Lets search, count and aggregate show everything that was answered before. The memory and embedded backends have
    /// nothing to do. It makes nothing more durable: what is answered is durable already.
    ///
    /// # Errors
    /// See the trait.
    async fn refresh(&self, namespace: &Namespace) -> Result<(), StoreError>;
}
