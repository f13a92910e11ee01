//! [`Passwords`]: argon2id, with a cap on how much of it runs at once.

use std::sync::{Arc, LazyLock};

use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use tokio::sync::Semaphore;

use crate::error::DataError;

/// How many hashes are worked on at once; each takes 19 MiB for some 20 ms.
const AT_ONCE: usize = 2;
/// How many callers may wait for their turn; more are turned away at once.
const WAITING: usize = 128;

/// Hashes and checks passwords with argon2id (RFC 9106; 19 MiB, 2 passes). The work runs on the blocking threads, a
/// bounded number at once, so that logins cannot take the machine from everything else. Cheap to clone.
#[derive(Clone)]
pub struct Passwords {
    permits: Arc<Semaphore>,
    queue: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { permits: Arc::new(Semaphore::new(AT_ONCE)), queue: Arc::new(Semaphore::new(WAITING)) }
    }
}

impl Passwords {
    /// The hash of a password, in PHC format.
    ///
    /// # Errors
    /// [`DataError::Busy`] if too many wait already; [`DataError::Internal`] if the machine has no randomness or the work
    /// was stopped.
    pub async fn hash(&self, password: &str) -> Result<String, DataError> {
        let password = password.to_owned();
        self.run(move || hash(&password)).await?
    }

    /// Whether the password is the hashed one. Without a hash it does the same work and says no: a login of somebody
    /// unknown takes as long as any other.
    ///
    /// # Errors
    /// [`DataError::Busy`] if too many wait already; [`DataError::Internal`] if the work was stopped.
    pub async fn verify(&self, password: &str, hash: Option<String>) -> Result<bool, DataError> {
        let password = password.to_owned();
        self.run(move || verify(&password, hash.as_deref())).await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, DataError> {
        let _place = self.queue.try_acquire().map_err(|_| DataError::Busy)?;
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.map_err(|_| DataError::Internal("password checks are closed"))?;
        let task = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(permit);
            result
        });
        task.await.map_err(|_| DataError::Internal("a password check was stopped"))
    }
}

fn hash(password: &str) -> Result<String, DataError> {
    let mut random = [0u8; 16];
    getrandom::fill(&mut random).map_err(|_| DataError::Internal("the machine has no randomness"))?;
    let hashed = SaltString::encode_b64(&random)
        .and_then(|salt| Ok(Argon2::default().hash_password(password.as_bytes(), &salt)?.to_string()));
    hashed.map_err(|_| DataError::Internal("a password could not be hashed"))
}

fn verify(password: &str, stored: Option<&str>) -> bool {
    static NOBODY: LazyLock<String> = LazyLock::new(|| hash("nobody").unwrap_or_default());
    let Ok(parsed) = PasswordHash::new(stored.unwrap_or(&NOBODY)) else { return false };
    Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok() && stored.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_hashed_password_is_right() {
        let passwords = Passwords::default();
        let hash = passwords.hash("correct horse").await.expect("a hash");
        assert!(hash.starts_with("$argon2id$"), "{hash}");
        assert!(passwords.verify("correct horse", Some(hash.clone())).await.expect("a check"));
        assert!(!passwords.verify("battery staple", Some(hash)).await.expect("a check"));
        assert!(!passwords.verify("nobody", None).await.expect("a check"), "the stand-in opens nothing");
    }

    #[tokio::test]
    async fn a_flood_of_logins_is_turned_away_and_nobody_who_waits_is_lost() {
        let passwords = Passwords::default();
        let flood = (0..WAITING + 20).map(|_| passwords.verify("guess", None));
        let outcomes = futures_util::future::join_all(flood).await;
        let busy = outcomes.iter().filter(|outcome| matches!(outcome, Err(DataError::Busy))).count();
        assert_eq!(busy, 20);
        assert!(outcomes.iter().flatten().all(|right| !right));
        assert!(passwords.hash("later").await.is_ok(), "the places are free again");
    }
}
