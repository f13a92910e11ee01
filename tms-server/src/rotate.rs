//! A new signing secret, beside services that use the database or without one.

use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;

use crate::repo::{self, Stamp};
use crate::secret;
use crate::server::StartError;

/// Makes a new secret that access tokens are signed with, and ends the earlier ones after `overlap`. Keys are not touched.
///
/// Services on the same database know it within 1 s and sign with it after 2 s. A token lives 300 s: with an overlap of 302 s none
/// is cut short.
/// A service whose configuration has a secret goes on with that one.
///
/// # Errors
/// If there is no database of this version, or it does not take the secret.
pub async fn rotate_signing_secret(database_url: &SecretString, overlap: Duration) -> Result<(), StartError> {
    let repo = repo::open_beside(database_url).await?;
    let at = Timestamp::now();
    let until = at.saturating_add(overlap).unwrap_or(Timestamp::MAX);
    let rotated = repo.rotate_signing_secret(&secret::random(), until, &Stamp { at, key: None }).await;
    repo.close().await;
    Ok(rotated?)
}
