//! [`User`]: one of the customer's people (contract 5). Users live in the tenant's staging namespace, whatever context
//! a request works on; every function here wants the store of that namespace.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use storage::{Batch, Body, DocumentId, NamespacedStore, Version};
use uuid::Uuid;

use crate::error::{DataError, LoginRefusal};
use crate::json::object;
use crate::kinds::{USER, USER_CLAIM};
use crate::password::Passwords;

/// What a user may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Manages users and everything else.
    Admin,
    /// Connects sources and reads data.
    Developer,
    /// Reads data.
    Marketer,
    /// Looks after the installation.
    Maintainer,
}

/// One of the customer's people, without the password.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct User {
    /// A random id.
    pub id: String,
    /// What people call the user.
    pub name: String,
    /// What the user logs in by.
    pub email: Email,
    /// What the user may do.
    pub roles: Vec<Role>,
    /// Whether the user may log in at all.
    pub enabled: bool,
    /// What the user's own programs keep.
    pub preference: Map<String, Value>,
    /// Until when the user may log in, in seconds since 1970; `None` for ever.
    pub expiration_timestamp: Option<i64>,
}

impl User {
    /// Whether the user may use the platform at this moment.
    ///
    /// # Errors
    /// If not, why.
    pub fn check(&self, now: Timestamp) -> Result<(), LoginRefusal> {
        if !self.enabled {
            Err(LoginRefusal::Disabled)
        } else if self.expiration_timestamp.is_some_and(|end| end <= now.as_second()) {
            Err(LoginRefusal::Expired)
        } else {
            Ok(())
        }
    }
}

/// An e-mail address by the rule of the HTML standard (4.10.5.1.5), which takes `tenant@email` too. At most 254 bytes.
/// Kept as it was written; two addresses that differ in case alone are the same user's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Email(String);

/// A text is no e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("value is not a valid email address")]
pub struct EmailError;

impl FromStr for Email {
    type Err = EmailError;

    fn from_str(text: &str) -> Result<Self, EmailError> {
        let (local, domain) = text.split_once('@').ok_or(EmailError)?;
        let local_ok = !local.is_empty()
            && local.bytes().all(|b| b.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&b));
        let label_ok = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        if text.len() <= 254 && local_ok && domain.split('.').all(label_ok) {
            Ok(Self(text.to_owned()))
        } else {
            Err(EmailError)
        }
    }
}

impl Email {
    /// The address as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn claim(&self) -> DocumentId {
        claim_of(&self.0)
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The id of the document that says who has an address.
fn claim_of(address: &str) -> DocumentId {
    hashed_id(address.to_lowercase().as_bytes())
}

/// A document id that gives away nothing of what it was made from.
pub(crate) fn hashed_id(secret: &[u8]) -> DocumentId {
    // 64 hex digits are always an id.
    DocumentId::new(format!("{:x}", Sha256::digest(secret))).unwrap_or_else(|_| Uuid::nil().into())
}

/// A user as it is stored.
struct Stored {
    user: User,
    password: String,
    version: Version,
}

const PASSWORD: &str = "password";

fn to_body(user: &User, password: &str) -> Result<Body, DataError> {
    match serde_json::to_value(user) {
        Ok(Value::Object(mut body)) => {
            body.insert(PASSWORD.to_owned(), password.into());
            Ok(body)
        }
        _ => Err(DataError::Internal("a user did not become a document")),
    }
}

async fn by_id(store: &NamespacedStore, id: &str) -> Result<Option<Stored>, DataError> {
    let Ok(id) = DocumentId::new(id) else { return Ok(None) };
    let Some(mut document) = store.get(USER, &id).await? else { return Ok(None) };
    let unreadable = || DataError::Internal("a stored user is not readable");
    let Some(Value::String(password)) = document.body.remove(PASSWORD) else { return Err(unreadable()) };
    let user = serde_json::from_value(Value::Object(document.body)).map_err(|_| unreadable())?;
    Ok(Some(Stored { user, password, version: document.version }))
}

async fn by_address(store: &NamespacedStore, address: &str) -> Result<Option<Stored>, DataError> {
    let Some(claim) = store.get(USER_CLAIM, &claim_of(address)).await? else { return Ok(None) };
    match claim.body.get("user").and_then(Value::as_str) {
        Some(id) => by_id(store, id).await,
        None => Err(DataError::Internal("a stored claim is not readable")),
    }
}

/// A user by id.
///
/// # Errors
/// As the store.
pub async fn get(store: &NamespacedStore, id: &str) -> Result<Option<User>, DataError> {
    Ok(by_id(store, id).await?.map(|stored| stored.user))
}

/// The user with this address and password.
///
/// # Errors
/// A [`LoginRefusal`], and as the store.
pub async fn log_in(
    store: &NamespacedStore,
    passwords: &Passwords,
    address: &str,
    password: &str,
    now: Timestamp,
) -> Result<User, DataError> {
    let stored = by_address(store, address).await?;
    let hash = stored.as_ref().map(|stored| stored.password.clone());
    let right = passwords.verify(password, hash).await?;
    match stored {
        Some(stored) if right => {
            stored.user.check(now)?;
            Ok(stored.user)
        }
        _ => Err(LoginRefusal::Incorrect.into()),
    }
}

/// Makes sure that there is an admin with this address and password: creates the user, or gives the one who has the
/// address this password, the admin's roles, and a working account. For an install that has not finished; idempotent.
///
/// # Errors
/// As the store.
pub async fn ensure_admin(
    store: &NamespacedStore,
    passwords: &Passwords,
    email: &Email,
    password: &str,
) -> Result<(), DataError> {
    let hash = passwords.hash(password).await?;
    for _ in 0..8 {
        let existing = by_address(store, email.as_str()).await?;
        match store.write(admin_batch(existing, email, &hash)?).await {
            Err(failure) if failure.is_conflict() => {}
            written => return Ok(written.map(drop)?),
        }
    }
    Err(DataError::Contended)
}

fn admin_batch(existing: Option<Stored>, email: &Email, hash: &str) -> Result<Batch, DataError> {
    let mut batch = Batch::default();
    let roles = vec![Role::Admin, Role::Maintainer];
    if let Some(Stored { user, version, .. }) = existing {
        let user = User { roles, enabled: true, expiration_timestamp: None, ..user };
        batch.replace(USER, DocumentId::new(user.id.as_str())?, to_body(&user, hash)?, version);
    } else {
        let id = Uuid::new_v4();
        let user = User {
            id: id.to_string(),
            name: "Default Admin".to_owned(),
            email: email.clone(),
            roles,
            enabled: true,
            preference: Map::new(),
            expiration_timestamp: None,
        };
        // The claim comes first: it is what two creations of one address conflict on.
        batch.create(USER_CLAIM, email.claim(), object(serde_json::json!({ "user": id.to_string() })));
        batch.create(USER, id.into(), to_body(&user, hash)?);
    }
    Ok(batch)
}

/// Whether some user is an admin.
///
/// # Errors
/// As the store.
pub async fn has_admin(store: &NamespacedStore) -> Result<bool, DataError> {
    let filter = storage::Filter::equals("roles", "admin");
    if store.count(USER, &filter).await? > 0 {
        return Ok(true);
    }
    // A count may be late, and whoever hears of none may make the first one.
    store.refresh().await?;
    Ok(store.count(USER, &filter).await? > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_follow_the_rule_of_the_html_standard() {
        for good in ["tenant@email", "admin@company-x.com", "a.b+c@d-e.f", "o'neil@x"] {
            assert!(good.parse::<Email>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "a",
            "@b",
            "a@",
            "a@b@c",
            "a b@c",
            "a@-b",
            "a@b-",
            "a@b..c",
            "ä@b",
            &format!("a@{}", "b".repeat(64)),
        ] {
            assert_eq!(bad.parse::<Email>(), Err(EmailError), "{bad}");
        }
    }

    #[test]
    fn an_address_is_claimed_whatever_its_case() {
        let claim = |text: &str| text.parse::<Email>().expect("an address").claim();
        assert_eq!(claim("Admin@Acme.com"), claim("admin@acme.COM"));
        assert_ne!(claim("admin@acme.com"), claim("admin@acme.co"));
        let sha256_of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hashed_id(b"abc").as_str(), sha256_of_abc);
    }
}
