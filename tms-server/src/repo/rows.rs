//! What a repository keeps and answers.

use jiff::Timestamp;
use serde_json::Value;
use tenant_core::{TenantBody, TenantRecord};

use crate::cursor::Cursor;
use crate::keys::Scope;
use crate::secret::Digest;

/// A tenant's record, and the change that made it so.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) record: TenantRecord,
    /// The number of that change.
    pub(crate) revision: u64,
}

impl Stored {
    /// All of it, as an operator gets it.
    pub(crate) fn body(&self) -> TenantBody {
        TenantBody { revision: Some(self.revision), ..TenantBody::of_record(&self.record) }
    }
}

/// A page of tenants, in the order of their ids.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) tenants: Vec<Stored>,
    /// The newest change at the moment of the page.
    pub(crate) cursor: Cursor,
}

/// Who changes something, and when: what the audit says of it.
#[derive(Debug, Clone)]
pub(crate) struct Stamp {
    pub(crate) at: Timestamp,
    /// `None` where the program does it by itself, as on a first start or by its command line.
    pub(crate) key: Option<KeyUse>,
}

/// A key that somebody acts with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyUse {
    pub(crate) id: String,
    pub(crate) scope: Scope,
}

/// A line of the audit.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AuditRow {
    /// Counts from 1, in the order of commits.
    pub(crate) seq: i64,
    pub(crate) at: Timestamp,
    /// What was done, such as `tenant.suspend`.
    pub(crate) action: String,
    /// The tenant's id, where it is about one.
    pub(crate) tenant: Option<String>,
    pub(crate) key: Option<KeyUse>,
    pub(crate) before: Option<Value>,
    pub(crate) after: Option<Value>,
}

/// What happened after a cursor.
#[derive(Debug)]
pub(crate) enum Since {
    /// Nobody knows: the cursor is of another database, of a state that was undone, or too old.
    Reset,
    /// The next changes, in their order; several of one tenant are one. None at the head.
    Changes {
        changes: Vec<Change>,
        /// The newest change at that moment.
        head: Cursor,
    },
}

/// A tenant changed.
#[derive(Debug)]
pub(crate) struct Change {
    /// The change, with all before it.
    pub(crate) cursor: Cursor,
    pub(crate) tenant: Changed,
}

/// What became of a tenant.
#[derive(Debug)]
pub(crate) enum Changed {
    /// It is like this now.
    Now(Box<Stored>),
    /// This life of it is over.
    Gone { id: String, incarnation: String },
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

impl KeyRow {
    /// The number of its newest generation.
    pub(crate) fn newest(&self) -> i64 {
        self.generations.iter().map(|generation| generation.number).max().unwrap_or(0)
    }
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

/// What tokens are signed with.
#[derive(Clone)]
pub(crate) struct SigningSecret {
    pub(crate) secret: Vec<u8>,
    /// When it was made.
    pub(crate) since: Timestamp,
    /// When tokens that it signed stop being good; `None` for the newest one.
    pub(crate) until: Option<Timestamp>,
}

impl std::fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningSecret").field("until", &self.until).finish_non_exhaustive()
    }
}
