//! [`Tokens`]: access tokens, which a key is exchanged for and which live five minutes.

mod signer;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use tenant_core::Clock;

use crate::error::ApiError;
use crate::keys::KeyRef;
use crate::repo::{SecretRepo, SigningSecret};
use signer::{Claims, SETTLED, Signer};

/// How long a token is good for, in seconds.
pub(crate) const LIFETIME: i64 = 300;
/// With a shorter overlap, tokens of an earlier secret end before their time.
pub(crate) const WHOLE_OVERLAP: Duration = Duration::from_secs(LIFETIME.unsigned_abs() + SETTLED.as_secs());
/// How long the secrets of the database are used before they are read again; another process may have rotated them.
const FRESH: Duration = Duration::from_secs(1);

/// Issues and reads access tokens: JWT (RFC 7519), HS256.
///
/// The newest secret that all processes have signs, and all that are good verify. A token says which key it was issued for; what that key allows is
/// looked up at each request.
#[derive(Clone)]
pub(crate) struct Tokens(Arc<Inner>);

struct Inner {
    source: Source,
    environment: Option<SecretString>,
    clock: Arc<dyn Clock>,
    /// What was read from the database, and when.
    known: Mutex<Option<(Duration, Arc<[Signer]>)>>,
}

/// Where secrets come from.
pub(crate) enum Source {
    /// From the configuration: this one, as long as the process lives.
    Fixed(Vec<u8>),
    /// From the database.
    Kept(Arc<dyn SecretRepo>),
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens")
    }
}

/// What a bearer token turns out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    /// It was issued for this key, and is good until then.
    Good(KeyRef, Timestamp),
    /// It was issued here, and its time is over.
    Ended,
    /// No secret of ours has signed it.
    Foreign,
}

impl Tokens {
    /// Tokens for the keys of the database and the environment's.
    pub(crate) fn new(source: Source, environment: Option<&SecretString>, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner { source, environment: environment.cloned(), clock, known: Mutex::new(None) }))
    }

    /// A token for a key, good for [`LIFETIME`] seconds.
    pub(crate) async fn issue(&self, key: &KeyRef) -> Result<SecretString, ApiError> {
        let wall = self.0.clock.wall();
        let now = wall.as_second();
        let signers = self.signers().await?;
        let mut good = signers.iter().filter(|signer| signer.is_good(wall));
        // One that not everybody has may sign only where there is no earlier one.
        let settled = good.clone().find(|signer| signer.is_settled(wall));
        let signer = settled.or_else(|| good.next_back()).ok_or(ApiError::NoSecret)?;
        let claims = Claims::new(signer, key, now, now + LIFETIME);
        Ok(signer.sign(&claims)?)
    }

    /// What a token is: which key it was issued for, and until when, if it is good.
    pub(crate) async fn read(&self, token: &str) -> Result<Token, ApiError> {
        let now = self.0.clock.wall();
        let signers = self.signers().await?;
        let mut good = signers.iter().filter(|signer| signer.is_good(now));
        Ok(match good.find_map(|signer| signer.read(token)) {
            Some((key, until)) if now < until => Token::Good(key, until),
            Some(_) => Token::Ended,
            None => Token::Foreign,
        })
    }

    async fn signers(&self) -> Result<Arc<[Signer]>, ApiError> {
        let now = self.0.clock.monotonic();
        if let Some((read, signers)) = &*self.known()
            && (now < *read + FRESH || matches!(self.0.source, Source::Fixed(_)))
        {
            return Ok(signers.clone());
        }
        let secrets = match &self.0.source {
            Source::Fixed(secret) => {
                vec![SigningSecret { secret: secret.clone(), since: Timestamp::MIN, until: None }]
            }
            Source::Kept(repo) => repo.signing_secrets(self.0.clock.wall()).await?,
        };
        let environment = self.0.environment.as_ref().map(|key| key.expose_secret());
        let signers: Result<Vec<_>, _> =
            secrets.iter().map(|secret| Signer::new(secret, environment)).collect();
        let signers: Arc<[Signer]> = signers?.into();
        *self.known() = Some((now, signers.clone()));
        Ok(signers)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Option<(Duration, Arc<[Signer]>)>> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use tenant_core::ManualClock;

    use super::*;
    use crate::keys::ENVIRONMENT;
    use crate::repo::{RepoError, Stamp};

    /// Secrets that a test sets.
    #[derive(Debug, Default)]
    struct Secrets(Mutex<Vec<SigningSecret>>);

    impl Secrets {
        fn set(&self, secrets: Vec<SigningSecret>) {
            *self.0.lock().expect("no panic") = secrets;
        }
    }

    /// Made so many seconds after the tests' clock began.
    fn secret(text: &str, since: i64, until: Option<Timestamp>) -> SigningSecret {
        let since = Timestamp::from_second(since).expect("in range");
        SigningSecret { secret: text.into(), since, until }
    }

    #[async_trait::async_trait]
    impl SecretRepo for Secrets {
        async fn signing_secrets(&self, _: Timestamp) -> Result<Vec<SigningSecret>, RepoError> {
            Ok(self.0.lock().expect("no panic").clone())
        }

        async fn first_signing_secret(&self, _: &[u8], _: &Stamp) -> Result<(), RepoError> {
            Ok(())
        }

        async fn rotate_signing_secret(&self, _: &[u8], _: Timestamp, _: &Stamp) -> Result<(), RepoError> {
            Ok(())
        }
    }

    fn key() -> KeyRef {
        KeyRef { id: "0011223344556677".into(), generation: 2 }
    }

    fn clock() -> Arc<ManualClock> {
        Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH))
    }

    fn fixed(secret: &str, clock: &Arc<ManualClock>) -> Tokens {
        Tokens::new(Source::Fixed(secret.into()), None, clock.clone())
    }

    async fn reads(tokens: &Tokens, token: &SecretString) -> Option<KeyRef> {
        match tokens.read(token.expose_secret()).await.expect("asked") {
            Token::Good(key, _) => Some(key),
            Token::Ended | Token::Foreign => None,
        }
    }

    #[tokio::test]
    async fn a_token_is_good_for_five_minutes() {
        let clock = clock();
        let tokens = fixed("secret", &clock);
        let token = tokens.issue(&key()).await.expect("a token");
        clock.advance(Duration::from_secs(299));
        assert_eq!(reads(&tokens, &token).await, Some(key()));
        clock.advance(Duration::from_secs(1));
        let ended = tokens.read(token.expose_secret()).await.expect("asked");
        assert_eq!(ended, Token::Ended);
    }

    #[tokio::test]
    async fn a_token_of_another_secret_or_algorithm_is_refused() {
        let clock = clock();
        let tokens = fixed("secret", &clock);
        let foreign = fixed("other", &clock).issue(&key()).await.expect("a token");
        let foreign = tokens.read(foreign.expose_secret()).await.expect("asked");
        assert_eq!(foreign, Token::Foreign);
        // {"alg":"none"}
        let mine = tokens.issue(&key()).await.expect("a token");
        let payload = mine.expose_secret().split('.').nth(1).expect("a payload");
        assert_eq!(reads(&tokens, &format!("eyJhbGciOiJub25lIn0.{payload}.").into()).await, None);
    }

    #[tokio::test]
    async fn the_newest_secret_signs_and_an_earlier_one_verifies_until_its_end() {
        let clock = clock();
        let secrets = Arc::new(Secrets::default());
        secrets.set(vec![secret("first", 0, None)]);
        let tokens = Tokens::new(Source::Kept(secrets.clone()), None, clock.clone());
        let by_first = tokens.issue(&key()).await.expect("a token");

        clock.advance(Duration::from_secs(10));
        let end = clock.wall() + SignedDuration::from_secs(60);
        secrets.set(vec![secret("second", 10, None), secret("first", 0, Some(end))]);
        clock.advance(FRESH);
        let too_early = tokens.issue(&key()).await.expect("a token");
        let read = reads(&fixed("first", &clock), &too_early).await;
        assert_eq!(read, Some(key()), "not everybody has the second");
        clock.advance(SETTLED - FRESH);
        let by_second = tokens.issue(&key()).await.expect("a token");
        assert_eq!(reads(&fixed("second", &clock), &by_second).await, Some(key()), "signed by the newest");
        assert_eq!(reads(&tokens, &by_first).await, Some(key()));
        assert_eq!(reads(&tokens, &by_second).await, Some(key()));
        clock.advance(Duration::from_secs(60) - SETTLED);
        assert_eq!(reads(&tokens, &by_first).await, None, "at its end, known or not");
        assert_eq!(reads(&tokens, &by_second).await, Some(key()));

        secrets.set(vec![secret("third", 100, None)]);
        clock.advance(FRESH);
        let alone = tokens.issue(&key()).await.expect("a token");
        assert_eq!(reads(&fixed("third", &clock), &alone).await, Some(key()), "there is no other");

        secrets.set(Vec::new());
        clock.advance(FRESH);
        assert!(tokens.issue(&key()).await.is_err());
        assert_eq!(reads(&tokens, &by_second).await, None);
    }

    #[tokio::test]
    async fn tokens_of_the_environments_key_end_when_it_changes_and_outlive_a_rotation() {
        let clock = clock();
        let environment = KeyRef { id: ENVIRONMENT.into(), generation: 0 };
        let tokens = |secrets: &[(&str, Option<Timestamp>)], key: Option<&str>| {
            let kept = Arc::new(Secrets::default());
            kept.set(secrets.iter().map(|(text, until)| secret(text, 0, *until)).collect());
            let key = key.map(SecretString::from);
            Tokens::new(Source::Kept(kept), key.as_ref(), clock.clone())
        };
        let token = tokens(&[("s", None)], Some("yyy")).issue(&environment).await.expect("a token");
        let end = Some(Timestamp::MAX);
        for (secrets, key, good) in [
            (vec![("s", None)], Some("yyy"), true),
            (vec![("t", None), ("s", end)], Some("yyy"), true),
            (vec![("s", None)], Some("zzz"), false),
            (vec![("s", None)], None, false),
            (vec![("t", None)], Some("yyy"), false),
        ] {
            let read = reads(&tokens(&secrets, key), &token).await;
            assert_eq!(read, good.then(|| environment.clone()), "{key:?}");
        }
    }
}
