//! Which version of the tables a database has, told without changing them.

use sqlx::migrate::{Migrate, Migrator};

/// Why the tables are not this version's.
#[derive(Debug, thiserror::Error)]
pub enum VersionError {
    /// They lack a part.
    #[error(
        "its tables are of an earlier version ({found} of {wanted}): this version's server has to start on it once"
    )]
    Earlier {
        /// How many steps have been taken.
        found: usize,
        /// How many there are.
        wanted: usize,
    },
    /// They have what this version does not know.
    #[error("its tables are of a later version, or of another program")]
    Later,
    /// There are none that say their version.
    #[error("it is no database of this service")]
    Foreign(#[source] sqlx::migrate::MigrateError),
}

/// Compares the steps that were taken in a database with those that there are.
pub(super) async fn check<C: Migrate>(connection: &mut C, steps: &Migrator) -> Result<(), VersionError> {
    let taken = connection.list_applied_migrations(&steps.table_name).await.map_err(VersionError::Foreign)?;
    let wanted = steps.iter().count();
    let known = |taken: &sqlx::migrate::AppliedMigration| {
        steps.iter().any(|step| step.version == taken.version && step.checksum == taken.checksum)
    };
    match taken.len() {
        _ if !taken.iter().all(known) => Err(VersionError::Later),
        found if found < wanted => Err(VersionError::Earlier { found, wanted }),
        _ => Ok(()),
    }
}
