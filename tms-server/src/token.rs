//! [`Tokens`]: access tokens, which a key is exchanged for and which live five minutes.

use std::fmt;
use std::sync::Arc;

use jsonwebtoken::errors::Error as JwtError;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use tenant_core::Clock;

use crate::keys::{EnvironmentKey, KeyRef};
use crate::secret;

/// How long a token is good for, in seconds.
pub(crate) const LIFETIME: i64 = 300;

/// Issues and reads access tokens: JWT (RFC 7519), HS256.
///
/// A token says which key it was issued for; what that key allows is looked up at each request.
#[derive(Clone)]
pub(crate) struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens")
    }
}

/// Why a token opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenRefused {
    /// We did not issue it.
    Foreign,
    /// We did, and its time is over.
    Expired,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: String,
    #[serde(rename = "gen")]
    generation: i64,
    iat: i64,
    exp: i64,
}

impl Tokens {
    /// Tokens that are signed with this secret.
    pub(crate) fn new(secret: &[u8], clock: Arc<dyn Clock>) -> Self {
        Self { encoding: EncodingKey::from_secret(secret), decoding: DecodingKey::from_secret(secret), clock }
    }

    /// A token for a key, good for [`LIFETIME`] seconds.
    pub(crate) fn issue(&self, key: &KeyRef) -> Result<SecretString, JwtError> {
        let now = self.clock.wall().as_second();
        let (sub, generation) = (key.id.clone(), key.generation);
        let claims = Claims { sub, generation, iat: now, exp: now + LIFETIME };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding).map(SecretString::from)
    }

    /// The key that a token was issued for, if we issued it and it has not expired.
    pub(crate) fn read(&self, token: &str) -> Result<KeyRef, TokenRefused> {
        let mut validation = Validation::new(Algorithm::HS256);
        // Expiry is checked below, by our own clock.
        validation.validate_exp = false;
        validation.required_spec_claims.clear();
        let decoded = jsonwebtoken::decode::<Claims>(token, &self.decoding, &validation);
        let claims = decoded.map_err(|_| TokenRefused::Foreign)?.claims;
        let live = self.clock.wall().as_second() < claims.exp;
        if !live {
            return Err(TokenRefused::Expired);
        }
        Ok(KeyRef { id: claims.sub, generation: claims.generation })
    }

    /// The environment's key. Its generation is derived with the signing secret: tokens carry it, and nobody may try
    /// keys out on one.
    pub(crate) fn environment_key(&self, key: &SecretString) -> Result<EnvironmentKey, JwtError> {
        let key = key.expose_secret();
        let mac = jsonwebtoken::crypto::sign(key.as_bytes(), &self.encoding, Algorithm::HS256)?;
        let [a, b, c, d, e, f, g, h, ..] = secret::digest(&mac);
        let generation = i64::from_be_bytes([a, b, c, d, e, f, g, h]);
        Ok(EnvironmentKey { sha256: secret::digest(key), generation })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;
    use tenant_core::ManualClock;

    use super::*;

    fn key() -> KeyRef {
        KeyRef { id: "0011223344556677".into(), generation: 2 }
    }

    #[test]
    fn a_token_is_good_for_five_minutes() {
        let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
        let tokens = Tokens::new(b"secret", clock.clone());
        let token = tokens.issue(&key()).expect("a token");
        clock.advance(Duration::from_secs(299));
        assert_eq!(tokens.read(token.expose_secret()), Ok(key()));
        clock.advance(Duration::from_secs(1));
        assert_eq!(tokens.read(token.expose_secret()), Err(TokenRefused::Expired));
    }

    #[test]
    fn a_token_of_another_secret_or_algorithm_is_refused() {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
        let tokens = Tokens::new(b"secret", clock.clone());
        let foreign = Tokens::new(b"other", clock).issue(&key()).expect("a token");
        assert_eq!(tokens.read(foreign.expose_secret()), Err(TokenRefused::Foreign));

        let claims = Claims { sub: key().id, generation: 2, iat: 0, exp: LIFETIME };
        let other = jsonwebtoken::encode(&Header::new(Algorithm::HS512), &claims, &tokens.encoding);
        assert_eq!(tokens.read(&other.expect("a token")), Err(TokenRefused::Foreign));
        // {"alg":"none"}
        let mine = tokens.issue(&key()).expect("a token");
        let payload = mine.expose_secret().split('.').nth(1).expect("a payload");
        let unsigned = format!("eyJhbGciOiJub25lIn0.{payload}.");
        assert_eq!(tokens.read(&unsigned), Err(TokenRefused::Foreign));
    }

    #[test]
    fn the_environments_key_has_a_generation_of_its_own() {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
        let generation = |secret: &[u8], key: &str| {
            Tokens::new(secret, clock.clone()).environment_key(&key.into()).expect("a key").generation
        };
        assert_eq!(generation(b"s", "yyy"), generation(b"s", "yyy"));
        assert_ne!(generation(b"s", "yyy"), generation(b"s", "zzz"));
        assert_ne!(generation(b"s", "yyy"), generation(b"t", "yyy"));
    }
}
