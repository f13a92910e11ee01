//! [`Keys`]: the keys that open the service, what each allows, and their rotation (design 6).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use tenant_core::Clock;

use crate::repo::{KeyRepo, KeyRow, KeyUse, NewKey, RepoError, Stamp};
use crate::secret::{self, Digest};

/// What a key allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// To read what routing needs, and to finish an install with the tenant's install token.
    Directory,
    /// Everything.
    Operator,
}

impl Scope {
    /// The word on the wire: `directory` or `operator`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Directory => "directory",
            Self::Operator => "operator",
        }
    }

    /// Reads the word on the wire.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Directory, Self::Operator].into_iter().find(|scope| scope.as_str() == word)
    }
}

/// A key that was just made. It is shown this once: only its digest is kept.
#[derive(Debug, Clone)]
pub struct IssuedKey {
    /// Its public part, by which it is rotated and revoked.
    pub id: String,
    /// The key: `tk_<id>_<secret>`, the secret being 256 random bits.
    pub key: SecretString,
}

/// What is known of a key that is kept; never the key itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInfo {
    /// Its public part.
    pub id: String,
    /// What it allows.
    pub scope: Scope,
    /// What the operator calls it.
    pub label: String,
    /// How often it was made: 1, and one more with each rotation.
    pub generation: i64,
    /// When it was first made.
    pub created: Timestamp,
}

/// Which key, in which generation, a token was issued for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyRef {
    pub(crate) id: String,
    pub(crate) generation: i64,
}

/// The longest overlap of a rotation, in seconds: 30 days.
pub(crate) const LONGEST_OVERLAP: u64 = 30 * 24 * 60 * 60;

/// The id of the environment's key. No stored id has it: those are 16 hex digits.
pub(crate) const ENVIRONMENT: &str = "env";

/// The keys that open the service: those in its database, and the one from the environment.
///
/// Changes are durable when a call returns, and act on the next request; tokens of a revoked key end with it.
#[derive(Clone)]
pub struct Keys {
    repo: Arc<dyn KeyRepo>,
    /// The digest of the environment's key, so that neither content nor length can be measured.
    environment: Option<Digest>,
    clock: Arc<dyn Clock>,
    /// Who asks for changes; `None` where the program does.
    by: Option<KeyUse>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("environment", &self.environment.is_some()).finish_non_exhaustive()
    }
}

impl Keys {
    pub(crate) fn new(
        repo: Arc<dyn KeyRepo>,
        environment: Option<&SecretString>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let environment = environment.map(|key| secret::digest(key.expose_secret()));
        Self { repo, environment, clock, by: None }
    }

    /// The same keys, changed by whoever acts with this one.
    pub(crate) fn by(&self, key: KeyUse) -> Self {
        Self { by: Some(key), ..self.clone() }
    }

    fn stamp(&self) -> Stamp {
        Stamp { at: self.clock.wall(), key: self.by.clone() }
    }

    /// Makes a key.
    ///
    /// # Errors
    /// If the database does not take it.
    pub async fn issue(&self, scope: Scope, label: &str) -> Result<IssuedKey, RepoError> {
        let (new, issued) = self.generate(scope, label);
        self.repo.insert_key(&new, &self.stamp()).await?;
        Ok(issued)
    }

    /// Makes a key and revokes all earlier ones of its label, in one transaction.
    ///
    /// # Errors
    /// If the database does not take it; then nothing was revoked.
    pub async fn replace(&self, scope: Scope, label: &str) -> Result<IssuedKey, RepoError> {
        let (new, issued) = self.generate(scope, label);
        self.repo.replace_keys(&new, &self.stamp()).await?;
        Ok(issued)
    }

    /// Makes an operator key if there is no key at all.
    pub(crate) async fn issue_first(&self) -> Result<Option<IssuedKey>, RepoError> {
        let (new, issued) = self.generate(Scope::Operator, "first start");
        Ok(self.repo.insert_first_key(&new, &self.stamp()).await?.then_some(issued))
    }

    /// What a key allows; `None` if it is no key of ours.
    ///
    /// # Errors
    /// If the database cannot be asked.
    pub async fn scope_of(&self, key: &SecretString) -> Result<Option<Scope>, RepoError> {
        let Some(key) = self.recognise(key).await? else { return Ok(None) };
        self.scope_of_ref(&key).await
    }

    /// All keys in the database, by id.
    ///
    /// # Errors
    /// If the database cannot be asked.
    pub async fn list(&self) -> Result<Vec<KeyInfo>, RepoError> {
        Ok(self.repo.list_keys().await?.into_iter().map(info).collect())
    }

    /// Makes a new secret for a key. Earlier ones, and their tokens, are good for `overlap` more.
    ///
    /// `None` if there is no such key.
    ///
    /// # Errors
    /// If the database does not take it.
    pub async fn rotate(&self, id: &str, overlap: Duration) -> Result<Option<IssuedKey>, RepoError> {
        if !is_id(id) {
            return Ok(None);
        }
        let key = compose(id);
        let until = self.clock.wall().saturating_add(overlap).unwrap_or(Timestamp::MAX);
        let rotated = self.repo.rotate_key(id, &secret::digest(&key), until, &self.stamp()).await?;
        Ok(rotated.then(|| IssuedKey { id: id.to_owned(), key: key.into() }))
    }

    /// Removes a key; it and its tokens open nothing from the next request on. Answers what it was.
    ///
    /// # Errors
    /// If the database does not take it.
    pub async fn revoke(&self, id: &str) -> Result<Option<KeyInfo>, RepoError> {
        if !is_id(id) {
            return Ok(None);
        }
        Ok(self.repo.delete_key(id, &self.stamp()).await?.map(info))
    }

    /// Which key this is, if it is one of ours and still opens something.
    pub(crate) async fn recognise(&self, key: &SecretString) -> Result<Option<KeyRef>, RepoError> {
        let key = key.expose_secret();
        let sha256 = secret::digest(key);
        if self.environment.as_ref().is_some_and(|environment| secret::same(&sha256, environment)) {
            return Ok(Some(KeyRef { id: ENVIRONMENT.to_owned(), generation: 0 }));
        }
        let id = key.strip_prefix("tk_").and_then(|rest| rest.split_once('_')).map(|(id, _)| id);
        let Some(id) = id.filter(|id| is_id(id)) else { return Ok(None) };
        let Some(row) = self.repo.key(id).await? else { return Ok(None) };
        let now = self.clock.wall();
        let generation = row
            .generations
            .iter()
            .find(|generation| generation.is_live(now) && secret::same(&sha256, &generation.sha256));
        Ok(generation.map(|generation| KeyRef { id: row.id.clone(), generation: generation.number }))
    }

    /// What the key of a token allows at this moment; `None` if it was revoked or its generation has ended.
    pub(crate) async fn scope_of_ref(&self, key: &KeyRef) -> Result<Option<Scope>, RepoError> {
        if key.id == ENVIRONMENT {
            // Its tokens were compared with it when they were read.
            return Ok(self.environment.map(|_| Scope::Operator));
        }
        let Some(row) = self.repo.key(&key.id).await? else { return Ok(None) };
        let now = self.clock.wall();
        let live = row.generations.iter().any(|g| g.number == key.generation && g.is_live(now));
        Ok(live.then_some(row.scope))
    }

    fn generate(&self, scope: Scope, label: &str) -> (NewKey, IssuedKey) {
        let id = secret::random_id();
        let key = compose(&id);
        let created = self.clock.wall();
        let sha256 = secret::digest(&key);
        let new = NewKey { id: id.clone(), scope, label: label.to_owned(), sha256, created };
        (new, IssuedKey { id, key: key.into() })
    }
}

fn compose(id: &str) -> String {
    format!("tk_{id}_{}", secret::random_text())
}

/// Whether a text can be the public part of a key. Nothing else gets as far as the database.
fn is_id(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

fn info(row: KeyRow) -> KeyInfo {
    let generation = row.newest();
    KeyInfo { id: row.id, scope: row.scope, label: row.label, generation, created: row.created }
}

/// Keys that are in everybody's guess list, the original's documentation first.
const WELL_KNOWN: [&str; 8] =
    ["yyy", "xxx", "tms-api-key", "tms_api_key", "tracardi", "api-key", "changeme", "secret"];
/// Fewer characters than this can be tried out.
const SHORT: usize = 20;

/// Why a key from the environment is easy to guess, if it is.
pub(crate) fn weakness(key: &SecretString) -> Option<&'static str> {
    let key = key.expose_secret();
    if WELL_KNOWN.contains(&key.to_ascii_lowercase().as_str()) {
        Some("it is well known")
    } else if key.chars().count() < SHORT {
        Some("it has fewer than 20 characters")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_keys_are_told_apart() {
        for (key, weak) in
            [("yyy", true), ("TMS-API-KEY", true), ("short", true), ("a-long-and-random-operator-key", false)]
        {
            assert_eq!(weakness(&key.into()).is_some(), weak, "{key}");
        }
    }

    #[test]
    fn an_issued_key_does_not_show_itself() {
        let issued = IssuedKey { id: "1".into(), key: "tk_1_secret".into() };
        assert!(!format!("{issued:?}").contains("secret_"), "{issued:?}");
        assert!(!format!("{issued:?}").contains("tk_1"), "{issued:?}");
    }
}
