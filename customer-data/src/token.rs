//! Logins: tokens of 256 random bits, kept as SHA-256 in the tenant's staging namespace. So a token is good for one tenant,
//! one incarnation and one user, and every process that serves the tenant knows it.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use storage::{Batch, Bound, Document, DocumentId, Filter, NamespacedStore, Query, Scalar};

use crate::error::DataError;
use crate::json::{self, object, time};
use crate::kinds::TOKEN;
use crate::user::{self, User, hashed_id};

/// How long a token is good after it was last used (contract 5).
const LIFETIME: SignedDuration = SignedDuration::from_mins(30);
/// A token is renewed when it has less than this left: not at each use, which would be a write at each read.
const RENEW_BELOW: SignedDuration = SignedDuration::from_mins(25);
/// How many tokens that nobody logged out of are cleared away at a login.
const SWEEP: usize = 100;

/// Makes a token for a user, and clears away tokens of the tenant that have expired.
///
/// # Errors
/// As the store, and [`DataError::Internal`] if the machine has no randomness.
pub async fn issue(store: &NamespacedStore, user: &User, now: Timestamp) -> Result<String, DataError> {
    let mut random = [0u8; 32];
    getrandom::fill(&mut random).map_err(|_| DataError::Internal("the machine has no randomness"))?;
    let token: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut batch = Batch::default();
    batch.create(TOKEN, hashed_id(token.as_bytes()), body(&user.id, now));
    for expired in expired(store, now).await? {
        batch.delete(TOKEN, expired.id);
    }
    store.write(batch).await?;
    Ok(token)
}

fn body(user: &str, now: Timestamp) -> storage::Body {
    object(json!({ "user": user, "expires": time(now.saturating_add(LIFETIME).unwrap_or(now)) }))
}

async fn expired(store: &NamespacedStore, now: Timestamp) -> Result<Vec<Document>, DataError> {
    let to = Bound { value: Scalar::Date(now), inclusive: true };
    let filter = Filter::Range { path: "expires".into(), from: None, to: Some(to) };
    Ok(store
        .search(TOKEN, &Query { filter, limit: SWEEP, count_up_to: 0, ..Query::default() })
        .await?
        .documents)
}

/// The user who is logged in by a token, if the token is good and the account still works. Using a token keeps it good.
///
/// # Errors
/// As the store.
pub async fn check(store: &NamespacedStore, token: &str, now: Timestamp) -> Result<Option<User>, DataError> {
    let Some(document) = store.get(TOKEN, &hashed_id(token.as_bytes())).await? else { return Ok(None) };
    let expires = json::at(&document.body, "expires").and_then(json::read_time);
    let (Some(expires), Some(user_id)) = (expires, json::text(&document.body, "user")) else {
        return Err(DataError::Internal("a stored token is not readable"));
    };
    if expires <= now {
        return Ok(None);
    }
    let Some(user) = user::get(store, user_id).await?.filter(|user| user.check(now).is_ok()) else {
        return Ok(None);
    };
    if expires.duration_since(now) < RENEW_BELOW {
        renew(store, document, &user.id, now).await?;
    }
    Ok(Some(user))
}

/// A token that was logged out of, or renewed, in between stays as it is.
async fn renew(store: &NamespacedStore, read: Document, user: &str, now: Timestamp) -> Result<(), DataError> {
    let mut batch = Batch::default();
    batch.replace(TOKEN, read.id, body(user, now), read.version);
    match store.write(batch).await {
        Err(failure) if !failure.is_conflict() => Err(failure.into()),
        _ => Ok(()),
    }
}

/// Ends a login; a token that nobody knows is ended already.
///
/// # Errors
/// As the store.
pub async fn revoke(store: &NamespacedStore, token: &str) -> Result<(), DataError> {
    let id: DocumentId = hashed_id(token.as_bytes());
    let mut batch = Batch::default();
    batch.delete(TOKEN, id);
    store.write(batch).await?;
    Ok(())
}
