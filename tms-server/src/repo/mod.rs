//! Where tenants and keys are kept: [`TenantRepo`] and [`KeyRepo`], and the suite that every implementation passes.

mod lock;
mod sqlite;
#[cfg(test)]
mod suite;
mod version;

use std::error::Error;
use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;
use tenant_core::{Host, Incarnation, TenantId, TenantRecord};

use crate::keys::Scope;
use crate::secret::Digest;
use crate::transition::{Transition, TransitionRefused};

pub(crate) use lock::FolderLock;
pub use lock::LockError;
pub use sqlite::SqliteOpenError;
pub(crate) use sqlite::{SqliteRepo, sqlite_version};
pub use version::VersionError;

/// Keeps the records of tenants. Each method is one transaction; what is written is durable when it returns.
#[async_trait]
pub(crate) trait TenantRepo: fmt::Debug + Send + Sync + 'static {
    /// Adds a tenant. Uniqueness of id, incarnation and own domains is decided by the database.
    async fn create(&self, record: &TenantRecord) -> Result<(), RepoError>;

    /// All tenants, by id.
    async fn list(&self) -> Result<Vec<TenantRecord>, RepoError>;

    /// The tenant with this id.
    async fn by_id(&self, id: &TenantId) -> Result<Option<TenantRecord>, RepoError>;

    /// The tenant with this incarnation.
    async fn by_incarnation(&self, incarnation: &Incarnation) -> Result<Option<TenantRecord>, RepoError>;

    /// The tenant with this own domain.
    async fn by_host(&self, host: &Host) -> Result<Option<TenantRecord>, RepoError>;

    /// Changes a tenant's status; `None` if there is no such tenant.
    async fn transition(
        &self,
        id: &TenantId,
        transition: &Transition,
    ) -> Result<Option<TenantRecord>, RepoError>;

    /// How many tenants have each status, those that none has included.
    async fn count_by_status(&self) -> Result<Vec<(tenant_core::TenantStatus, u64)>, RepoError>;

    /// Whether the database answers.
    async fn ready(&self) -> Result<(), RepoError>;
}

/// Keeps keys, as digests, and what tokens are signed with.
#[async_trait]
pub(crate) trait KeyRepo: fmt::Debug + Send + Sync + 'static {
    /// Adds a key.
    async fn insert_key(&self, key: &NewKey) -> Result<(), RepoError>;

    /// Adds a key unless there is any; says whether it did.
    async fn insert_first_key(&self, key: &NewKey) -> Result<bool, RepoError>;

    /// Adds a key and removes all earlier ones of its label.
    async fn replace_keys(&self, key: &NewKey) -> Result<(), RepoError>;

    /// The key with this id.
    async fn key(&self, id: &str) -> Result<Option<KeyRow>, RepoError>;

    /// All keys, by id.
    async fn list_keys(&self) -> Result<Vec<KeyRow>, RepoError>;

    /// Adds a generation to a key and ends the earlier ones at `until` at the latest; says whether there is such a key.
    async fn rotate_key(&self, id: &str, sha256: &Digest, until: Timestamp) -> Result<bool, RepoError>;

    /// Removes a key and all its generations; answers it if there was one.
    async fn delete_key(&self, id: &str) -> Result<Option<KeyRow>, RepoError>;

    /// The signing secret; `candidate` becomes it where there is none yet.
    async fn signing_secret(&self, candidate: &[u8], now: Timestamp) -> Result<Vec<u8>, RepoError>;
}

/// A key that is to be kept, in its first generation.
#[derive(Debug, Clone)]
pub(crate) struct NewKey {
    /// Its public part.
    pub(crate) id: String,
    /// What it allows.
    pub(crate) scope: Scope,
    /// What the operator calls it.
    pub(crate) label: String,
    /// The digest of the whole key.
    pub(crate) sha256: Digest,
    /// When it was made.
    pub(crate) created: Timestamp,
}

/// A key as it is kept.
#[derive(Debug, Clone)]
pub(crate) struct KeyRow {
    /// Its public part.
    pub(crate) id: String,
    /// What it allows.
    pub(crate) scope: Scope,
    /// What the operator calls it.
    pub(crate) label: String,
    /// When it was made.
    pub(crate) created: Timestamp,
    /// Its generations, the oldest first.
    pub(crate) generations: Vec<Generation>,
}

/// One generation of a key.
#[derive(Debug, Clone)]
pub(crate) struct Generation {
    /// Counts from 1.
    pub(crate) number: i64,
    /// The digest of the whole key.
    pub(crate) sha256: Digest,
    /// When it stops opening anything; `None` for the newest one.
    pub(crate) until: Option<Timestamp>,
}

impl Generation {
    /// Whether it opens anything at this moment.
    pub(crate) fn is_live(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// Something that must be unique and is not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Taken {
    /// Another tenant has this id.
    #[error("there is a tenant with the id {0} already")]
    Id(TenantId),
    /// Another tenant has this incarnation.
    #[error("the incarnation {0} is taken")]
    Incarnation(Incarnation),
    /// Another tenant has this own domain.
    #[error("the host {0} belongs to another tenant")]
    Host(String),
}

/// Why a repository did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum RepoError {
    /// Something is taken; nothing was written.
    #[error(transparent)]
    Taken(#[from] Taken),
    /// The tenant's status or install token does not allow it; nothing was written.
    #[error(transparent)]
    Refused(#[from] TransitionRefused),
    /// The database is busy, full or out of reach; asking again may help.
    #[error("the database cannot be asked now")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// The database failed in a way that nobody expected.
    #[error("the database failed")]
    Backend(#[source] Box<dyn Error + Send + Sync>),
}

/// A row that does not say what it must say.
#[derive(Debug, thiserror::Error)]
#[error("a stored {0} is damaged")]
pub(crate) struct DamagedRow(pub(crate) &'static str);

impl From<DamagedRow> for RepoError {
    fn from(damaged: DamagedRow) -> Self {
        Self::Backend(Box::new(damaged))
    }
}
