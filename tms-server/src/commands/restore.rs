//! `tms-server restore`: a backup in the place of the database.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use secrecy::SecretString;
use sqlx::Connection as _;

use super::backup::same_file;
use super::sqlite_file::{self, Contents, FileFault};
use super::unfinished::{Unfinished, size, sync_folder};
use super::{Done, tell};
use crate::repo::{FolderLock, LockError};

/// Why nothing was restored. Where it is so, the database is as it was.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RestoreError {
    #[error("restore replaces an SQLite file; for PostgreSQL use pg_restore on what pg_dump wrote")]
    NotSqlite,
    #[error("that is the database itself")]
    Itself,
    #[error("a server may run on this database; stop it first")]
    Running(#[source] LockError),
    #[error("another process has the database open; end it first")]
    InUse,
    #[error("nothing was restored")]
    File(#[source] FileFault),
    #[error("cannot copy {}", .path.display())]
    Copy { path: PathBuf, source: sqlx::Error },
    #[error("cannot write {}", .path.display())]
    Write { path: PathBuf, source: io::Error },
}

pub(crate) async fn run(database_url: &SecretString, file: &Path) -> Done {
    let database = sqlite_file::path_of(database_url).ok_or(RestoreError::NotSqlite)?;
    let file = std::path::absolute(file)?;
    let failed = |source| RestoreError::Write { path: database.clone(), source };
    if same_file(&database, &file) {
        return Err(RestoreError::Itself.into());
    }
    tell(format!("checking {} ({})", file.display(), size(&file)));
    sqlite_file::inspect(&file).await.map_err(RestoreError::File)?;

    make_folder(&database).map_err(failed)?;
    let lock = FolderLock::take(&database.with_extension("lock")).map_err(RestoreError::Running)?;
    tell("copying it");
    let copy = Unfinished::beside(&database).map_err(failed)?;
    let copy_failed = |source| RestoreError::Copy { path: file.clone(), source };
    let mut from = sqlite_file::open(&file, true).await.map_err(copy_failed)?;
    copy.filled_by(sqlite_file::copy(&mut from, copy.path())).await.map_err(copy_failed)?;
    from.close().await.map_err(copy_failed)?;
    let restored = sqlite_file::inspect(copy.path()).await.map_err(RestoreError::File)?;

    let replaced = sqlite_file::inspect(&database).await;
    let readable = !matches!(replaced, Err(FileFault::Unreadable { .. } | FileFault::Damaged { .. }));
    let kept = set_aside(&database, readable).await?;
    copy.replace().map_err(failed)?;
    lock.release();
    report(&database, &restored, kept.as_deref(), replaced.ok().as_ref());
    Ok(())
}

fn make_folder(database: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    let folder = database.parent().unwrap_or(Path::new("/"));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Gives the database a second name, under which it stays. `None` if there is none.
async fn set_aside(database: &Path, readable: bool) -> Result<Option<PathBuf>, RestoreError> {
    if !database.exists() {
        // What a vanished database has left behind would be read as a part of the next one.
        move_journal(database, &name_of(database))?;
        return Ok(None);
    }
    let kept = name_of(database);
    let failed = |source| RestoreError::Write { path: kept.clone(), source };
    // SQLite must not get near a damaged one: it would remove a log that it cannot read.
    if !readable || !fold_journal(database).await? {
        // Its parts are kept together, under names that fit.
        move_journal(database, &kept)?;
    }
    fs::hard_link(database, &kept).map_err(failed)?;
    sync_folder(&kept).map_err(failed)?;
    Ok(Some(kept))
}

/// Brings all that is in the write-ahead log into the file, which can be replaced at once then: a log that is left behind
/// would be played into the new one. Whether that was possible.
async fn fold_journal(database: &Path) -> Result<bool, RestoreError> {
    let Ok(mut open) = sqlite_file::open(database, false).await else { return Ok(false) };
    let folded: Result<(i64, i64, i64), _> =
        sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut open).await;
    let closed = open.close().await;
    match folded {
        Err(_) => Ok(false),
        Ok(_) if closed.is_err() => Ok(false),
        // Whoever closes it last removes the log.
        Ok((0, ..)) if !with_suffix(database, "-wal").exists() => Ok(true),
        Ok(_) => Err(RestoreError::InUse),
    }
}

fn move_journal(database: &Path, to: &Path) -> Result<(), RestoreError> {
    for suffix in ["-wal", "-shm", "-journal"] {
        let (from, to) = (with_suffix(database, suffix), with_suffix(to, suffix));
        match fs::rename(&from, &to) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(RestoreError::Write { path: to, source: error });
            }
            _ => {}
        }
    }
    Ok(())
}

fn name_of(database: &Path) -> PathBuf {
    let now = Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
    with_suffix(database, &format!(".replaced-{now}"))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

fn report(database: &Path, restored: &Contents, kept: Option<&Path>, replaced: Option<&Contents>) {
    tell(format!("restored {}: {restored}", database.display()));
    if let Some(kept) = kept {
        let held = replaced.map_or("it could not be read".to_owned(), Contents::to_string);
        tell(format!("what it was before is {}: {held}", kept.display()));
    }
    if restored.earlier {
        tell("it is of an earlier version; the next start brings its tables up to date");
        tell("keys can be changed after that: start it once on 127.0.0.1, out of reach");
    }
    if let Some(replaced) = replaced {
        report_secrets(restored, replaced);
    }
    tell("tenants that were suspended since are not; clients of the change feed start over by themselves");
}

/// What opens the database again, and should not.
fn report_secrets(restored: &Contents, replaced: &Contents) {
    let in_replaced = |id: &str| replaced.keys.iter().find(|key| key.id == id);
    let (mut revoked, mut rotated) = (Vec::new(), Vec::new());
    for key in &restored.keys {
        match in_replaced(&key.id) {
            None => revoked.push(key.id.as_str()),
            Some(newest) if newest != key => rotated.push(key.id.as_str()),
            Some(_) => {}
        }
    }
    if !revoked.is_empty() {
        tell(format!("keys that had been revoked since open it again: {}", revoked.join(", ")));
    }
    if !rotated.is_empty() {
        let ids = rotated.join(", ");
        tell(format!(
            "keys that had been rotated since open it in their earlier form, and not in their later one: {ids}"
        ));
        tell("make a new secret for each: tms-server keys rotate ID --overlap 0s");
    }
    if restored.signing.is_some() && restored.signing != replaced.signing {
        tell(
            "access tokens are signed with an earlier secret again: run tms-server secrets rotate --overlap 0s",
        );
    }
}
