//! Where everything is kept: [`Repo`], the traits that it is made of, and the suite that every database passes.

mod engine;
mod error;
mod lock;
mod open;
mod poll;
mod postgres;
mod rows;
mod sql;
mod sqlite;
mod store;
#[cfg(test)]
mod suite;
#[cfg(test)]
#[path = "../../tests/it/support/postgres.rs"]
mod test_postgres;
mod version;

use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;
use tenant_core::{Host, Incarnation, TenantId, TenantRecord, TenantStatus};
use tokio::sync::watch;

use crate::cursor::Cursor;
use crate::edit::Edit;
use crate::secret::Digest;

pub use error::{RepoError, Taken};
pub(crate) use lock::FolderLock;
pub use lock::LockError;
pub use open::OpenError;
pub(crate) use open::{open, open_beside};
pub(crate) use rows::{
    AuditRow, Change, Changed, Generation, KeyRow, KeyUse, NewKey, Page, SigningSecret, Since, Stamp, Stored,
};
pub(crate) use sqlite::sqlite_version;
pub use version::VersionError;

/// A database of the service. Each method is one transaction; what is written is durable when it returns.
///
/// Every change of a tenant bumps the head of the feed, and is written to the feed and to the audit, in its transaction.
#[async_trait]
pub(crate) trait Repo: TenantRepo + FeedRepo + AuditRepo + KeyRepo + SecretRepo {
    /// Lets go of the database.
    async fn close(&self);
}

/// Keeps the records of tenants.
#[async_trait]
pub(crate) trait TenantRepo: fmt::Debug + Send + Sync + 'static {
    /// Adds a tenant. Uniqueness of id, incarnation and own domains is decided by the database.
    async fn create(&self, record: &TenantRecord, stamp: &Stamp) -> Result<Stored, RepoError>;

    /// Changes a tenant; `None` if there is no such tenant. What would leave it as it is writes nothing.
    async fn edit(&self, id: &TenantId, edit: &Edit, stamp: &Stamp) -> Result<Option<Stored>, RepoError>;

    /// The tenant with this id.
    async fn by_id(&self, id: &TenantId) -> Result<Option<Stored>, RepoError>;

    /// The tenant with this incarnation.
    async fn by_incarnation(&self, incarnation: &Incarnation) -> Result<Option<Stored>, RepoError>;

    /// The tenant with this own domain.
    async fn by_host(&self, host: &Host) -> Result<Option<Stored>, RepoError>;

    /// At most `limit` tenants, by id, from the first one after `after`.
    async fn page(&self, after: Option<&TenantId>, limit: u32) -> Result<Page, RepoError>;

    /// All tenants as they are at this moment, to be read in pieces.
    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, RepoError>;

    /// How many tenants have each status, those that none has included.
    async fn count_by_status(&self) -> Result<Vec<(TenantStatus, u64)>, RepoError>;

    /// Whether the database answers.
    async fn ready(&self) -> Result<(), RepoError>;
}

/// All tenants at one moment.
#[async_trait]
pub(crate) trait Snapshot: Send {
    /// The newest change at that moment.
    fn cursor(&self) -> &Cursor;

    /// The next tenants, by id, at most `limit`; none at the end.
    async fn next(&mut self, limit: u32) -> Result<Vec<Stored>, RepoError>;
}

/// Says what changed. The order of changes is the order of commits.
#[async_trait]
pub(crate) trait FeedRepo: fmt::Debug + Send + Sync + 'static {
    /// The newest change.
    async fn head(&self) -> Result<Cursor, RepoError>;

    /// What happened after a cursor: at most `limit` changes.
    async fn since(&self, cursor: &Cursor, limit: u32) -> Result<Since, RepoError>;

    /// Forgets what changed before a time, as far as nothing later is forgotten with it. The newest change is never forgotten.
    async fn trim(&self, before: Timestamp) -> Result<(), RepoError>;

    /// Hears of changes, by whichever process.
    fn listen(&self) -> watch::Receiver<()>;
}

/// Remembers who changed what.
#[async_trait]
pub(crate) trait AuditRepo: fmt::Debug + Send + Sync + 'static {
    /// At most `limit` lines after `after`, the oldest first; those of one tenant alone, if it is named.
    async fn audit(
        &self,
        tenant: Option<&TenantId>,
        after: i64,
        limit: u32,
    ) -> Result<Vec<AuditRow>, RepoError>;
}

/// Keeps keys, as digests.
#[async_trait]
pub(crate) trait KeyRepo: fmt::Debug + Send + Sync + 'static {
    /// Adds a key.
    async fn insert_key(&self, key: &NewKey, stamp: &Stamp) -> Result<(), RepoError>;

    /// Adds a key unless there is any; says whether it did.
    async fn insert_first_key(&self, key: &NewKey, stamp: &Stamp) -> Result<bool, RepoError>;

    /// Adds a key and removes all earlier ones of its label.
    async fn replace_keys(&self, key: &NewKey, stamp: &Stamp) -> Result<(), RepoError>;

    /// The key with this id.
    async fn key(&self, id: &str) -> Result<Option<KeyRow>, RepoError>;

    /// All keys, by id.
    async fn list_keys(&self) -> Result<Vec<KeyRow>, RepoError>;

    /// Adds a generation to a key and ends the earlier ones at `until` at the latest; says whether there is such a key.
    async fn rotate_key(
        &self,
        id: &str,
        sha256: &Digest,
        until: Timestamp,
        stamp: &Stamp,
    ) -> Result<bool, RepoError>;

    /// Removes a key and all its generations; answers it if there was one.
    async fn delete_key(&self, id: &str, stamp: &Stamp) -> Result<Option<KeyRow>, RepoError>;
}

/// Keeps what tokens are signed with.
#[async_trait]
pub(crate) trait SecretRepo: fmt::Debug + Send + Sync + 'static {
    /// The secrets that are good at this moment, the newest first; none before the first start.
    async fn signing_secrets(&self, now: Timestamp) -> Result<Vec<SigningSecret>, RepoError>;

    /// Keeps a secret if there is none yet.
    async fn first_signing_secret(&self, candidate: &[u8], stamp: &Stamp) -> Result<(), RepoError>;

    /// Adds a secret, which signs from now on, and ends the earlier ones at `until` at the latest. Tokens that those signed
    /// are good until then: at least as long as a token lives, if none is to be cut short.
    async fn rotate_signing_secret(
        &self,
        secret: &[u8],
        until: Timestamp,
        stamp: &Stamp,
    ) -> Result<(), RepoError>;
}
