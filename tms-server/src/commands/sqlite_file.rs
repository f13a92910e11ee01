//! What is in an SQLite file, and whether it is a sound database of this service.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};

use crate::repo::{self, VersionError};
use crate::secret::{self, Digest};

/// How long a statement waits for a lock.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileFault {
    /// There is no such file, it is none of SQLite's, or it cannot be read.
    #[error("cannot read {} as an SQLite database", .path.display())]
    Unreadable { path: PathBuf, source: sqlx::Error },
    /// SQLite finds it damaged.
    #[error("{} is damaged: {finding}", .path.display())]
    Damaged { path: PathBuf, finding: String },
    /// It is of a later version, or another program's.
    #[error("{} cannot be used", .path.display())]
    Version { path: PathBuf, source: VersionError },
}

/// What a sound file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Contents {
    pub(crate) tenants: i64,
    /// Its keys, by id.
    pub(crate) keys: Vec<NewestForm>,
    /// The digest of what signs access tokens; `None` where nothing does yet.
    pub(crate) signing: Option<Digest>,
    /// Whether the next start has to bring its tables up to date.
    pub(crate) earlier: bool,
}

/// A key as its newest generation has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewestForm {
    pub(crate) id: String,
    /// Two databases that went apart may count the same generation differently.
    generation: i64,
    sha256: Vec<u8>,
}

impl fmt::Display for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tenants and {} keys", self.tenants, self.keys.len())
    }
}

/// The file of a database's URL; `None` if that is no SQLite.
pub(crate) fn path_of(database_url: &SecretString) -> Option<PathBuf> {
    let database_url = database_url.expose_secret();
    let options: SqliteConnectOptions = database_url.parse().ok()?;
    let path = std::path::absolute(options.get_filename()).ok()?;
    database_url.starts_with("sqlite:").then_some(path)
}

/// Opens a file that exists.
pub(crate) async fn open(path: &Path, read_only: bool) -> Result<SqliteConnection, sqlx::Error> {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(false);
    options.read_only(read_only).busy_timeout(PATIENCE).foreign_keys(false).connect().await
}

/// Copies the database to an empty file, as it is at one moment, without what it has deleted.
pub(crate) async fn copy(connection: &mut SqliteConnection, to: &Path) -> Result<(), sqlx::Error> {
    let to = to.to_str().ok_or_else(|| sqlx::Error::Configuration("the path must be UTF-8".into()))?;
    sqlx::query("VACUUM INTO ?").bind(to).execute(connection).await?;
    Ok(())
}

/// Reads all of a file and says what it holds, if it is sound and of this service.
pub(crate) async fn inspect(path: &Path) -> Result<Contents, FileFault> {
    let unreadable = |source| FileFault::Unreadable { path: path.to_owned(), source };
    let mut file = open(path, true).await.map_err(unreadable)?;
    let contents = contents(&mut file, path).await;
    file.close().await.map_err(unreadable)?;
    contents
}

async fn contents(file: &mut SqliteConnection, path: &Path) -> Result<Contents, FileFault> {
    let unreadable = |source| FileFault::Unreadable { path: path.to_owned(), source };
    let finding: String =
        sqlx::query_scalar("PRAGMA integrity_check(1)").fetch_one(&mut *file).await.map_err(unreadable)?;
    if finding != "ok" {
        return Err(FileFault::Damaged { path: path.to_owned(), finding });
    }
    let version = repo::sqlite_version(file).await;
    let earlier = match version {
        Ok(()) => false,
        Err(VersionError::Earlier { .. }) => true,
        Err(source) => return Err(FileFault::Version { path: path.to_owned(), source }),
    };
    let orphan =
        sqlx::query("PRAGMA foreign_key_check").fetch_optional(&mut *file).await.map_err(unreadable)?;
    if orphan.is_some() {
        let finding = "a row refers to one that is not there".to_owned();
        return Err(FileFault::Damaged { path: path.to_owned(), finding });
    }
    let tenants =
        sqlx::query_scalar("SELECT count(*) FROM tenant").fetch_one(&mut *file).await.map_err(unreadable)?;
    // With a maximum, SQLite takes the other columns from its row.
    let keys = "SELECT id, max(generation) AS generation, sha256 FROM api_key JOIN api_key_secret ON key_id = id \
                GROUP BY id ORDER BY id";
    let keys: Vec<(String, i64, Vec<u8>)> =
        sqlx::query_as(keys).fetch_all(&mut *file).await.map_err(unreadable)?;
    let form = |(id, generation, sha256)| NewestForm { id, generation, sha256 };
    let keys = keys.into_iter().map(form).collect();
    let signing = "SELECT hex(secret) FROM signing_secret ORDER BY id DESC LIMIT 1";
    let signing: Option<String> =
        sqlx::query_scalar(signing).fetch_optional(file).await.map_err(unreadable)?;
    Ok(Contents { tenants, keys, signing: signing.map(|hex| secret::digest(&hex)), earlier })
}
