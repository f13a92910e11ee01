//! [`RepoError`]: why a repository did not do what it was asked, and what the two databases' errors count as.

use std::error::Error;

use sqlx::error::DatabaseError;
use sqlx::postgres::PgDatabaseError;
use tenant_core::{Incarnation, TenantId};

use crate::transition::TransitionRefused;

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
    /// The tenant's status or install token does not allow it, or it would be too large; nothing was written.
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

impl From<sqlx::Error> for RepoError {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error::{Database, Io, PoolClosed, PoolTimedOut, Protocol, Tls, WorkerCrashed};
        let curable = match &error {
            Database(error) => is_curable(&**error),
            // What answers is no PostgreSQL, as a proxy does where there is none behind it.
            Protocol(_) => true,
            Io(_) | PoolClosed | PoolTimedOut | Tls(_) | WorkerCrashed => true,
            _ => false,
        };
        if curable { Self::Unavailable(Box::new(error)) } else { Self::Backend(Box::new(error)) }
    }
}

/// SQLite's primary result codes that time or an operator may cure: BUSY, LOCKED, READONLY, IOERR, FULL, CANTOPEN.
const SQLITE: [i32; 6] = [5, 6, 8, 10, 13, 14];

/// PostgreSQL's classes of such errors: connection, transaction state (a standby; a session that idled too long),
/// authorization, no such database, rollback, resources, locks, intervention, the system's own.
const POSTGRES: [&str; 10] = ["08", "25", "28", "3D", "40", "53", "55", "57", "58", "F0"];

fn is_curable(error: &(dyn DatabaseError + 'static)) -> bool {
    let code = error.code().unwrap_or_default();
    if error.try_downcast_ref::<PgDatabaseError>().is_some() {
        POSTGRES.iter().any(|class| code.starts_with(class))
    } else {
        code.parse().is_ok_and(|code: i32| SQLITE.contains(&(code & 0xff)))
    }
}
