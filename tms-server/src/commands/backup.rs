//! `tms-server backup`: a copy of the database, taken while it is in use.

use std::path::{Path, PathBuf};

use secrecy::SecretString;
use sqlx::Connection as _;

use super::sqlite_file::{self, FileFault};
use super::unfinished::{Unfinished, size};
use super::{Done, tell};

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BackupError {
    #[error(
        "backup copies an SQLite file; for PostgreSQL use `pg_dump --format=custom`, and pg_restore to get it back"
    )]
    NotSqlite,
    #[error("{} exists; --force replaces it", .0.display())]
    Exists(PathBuf),
    #[error("that is the database itself")]
    Itself,
    #[error("cannot write {}", .path.display())]
    Write { path: PathBuf, source: std::io::Error },
    #[error("cannot copy {}", .path.display())]
    Copy { path: PathBuf, source: sqlx::Error },
    #[error("the copy is not sound, and was not kept")]
    Unsound(#[source] FileFault),
}

pub(crate) async fn run(database_url: &SecretString, file: &Path, force: bool) -> Done {
    let database = sqlite_file::path_of(database_url).ok_or(BackupError::NotSqlite)?;
    let target = std::path::absolute(file)?;
    let failed = |source| BackupError::Write { path: target.clone(), source };
    if same_file(&database, &target) {
        return Err(BackupError::Itself.into());
    }
    if !force && target.symlink_metadata().is_ok() {
        return Err(BackupError::Exists(target).into());
    }
    let copy_failed = |source| BackupError::Copy { path: database.clone(), source };
    let mut from = sqlite_file::open(&database, false).await.map_err(copy_failed)?;

    let copy = Unfinished::beside(&target).map_err(failed)?;
    tell(format!("copying {} ({})", database.display(), size(&database)));
    copy.filled_by(sqlite_file::copy(&mut from, copy.path())).await.map_err(copy_failed)?;
    from.close().await.map_err(copy_failed)?;
    tell("checking the copy");
    let contents = sqlite_file::inspect(copy.path()).await.map_err(BackupError::Unsound)?;
    let kept = if force { copy.replace() } else { copy.create() };
    kept.map_err(|source| match source.kind() {
        std::io::ErrorKind::AlreadyExists => BackupError::Exists(target.clone()),
        _ => failed(source),
    })?;
    tell(format!("wrote {} ({}): {contents}", target.display(), size(&target)));
    Ok(())
}

/// Whether two paths lead to one file.
pub(crate) fn same_file(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => a == b,
    }
}
