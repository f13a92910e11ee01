//! [`Signer`]: one secret that signs tokens.

use std::time::Duration;

use jiff::Timestamp;
use jsonwebtoken::errors::Error as JwtError;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::LIFETIME;
use crate::keys::{ENVIRONMENT, KeyRef};
use crate::repo::SigningSecret;
use crate::secret;

/// How old a secret is that others must have read; they do so each second, and clocks differ a little.
pub(super) const SETTLED: Duration = Duration::from_secs(2);

pub(super) struct Signer {
    encoding: EncodingKey,
    decoding: DecodingKey,
    since: Timestamp,
    until: Option<Timestamp>,
    /// Stands for the environment's key in tokens, so that they end when it changes. Derived with the secret: tokens carry it,
    /// and nobody may try keys out on one.
    environment: Option<i64>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Claims {
    sub: String,
    #[serde(rename = "gen")]
    generation: i64,
    iat: i64,
    exp: i64,
}

impl Claims {
    pub(super) fn new(signer: &Signer, key: &KeyRef, iat: i64, exp: i64) -> Self {
        let own = signer.environment.filter(|_| key.id == ENVIRONMENT);
        Self { sub: key.id.clone(), generation: own.unwrap_or(key.generation), iat, exp }
    }
}

impl Signer {
    pub(super) fn new(secret: &SigningSecret, environment: Option<&str>) -> Result<Self, JwtError> {
        let encoding = EncodingKey::from_secret(&secret.secret);
        let generation = environment.map(|key| generation(key, &encoding)).transpose()?;
        let decoding = DecodingKey::from_secret(&secret.secret);
        let (since, until) = (secret.since, secret.until);
        Ok(Self { encoding, decoding, since, until, environment: generation })
    }

    pub(super) fn is_good(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }

    /// Whether every process on the database has it by now.
    pub(super) fn is_settled(&self, now: Timestamp) -> bool {
        now >= self.since.saturating_add(SETTLED).unwrap_or(Timestamp::MAX)
    }

    pub(super) fn sign(&self, claims: &Claims) -> Result<SecretString, JwtError> {
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &self.encoding).map(SecretString::from)
    }

    /// The key that a token was issued for and when it expires, if this secret signed it. We make none that live longer than
    /// [`LIFETIME`].
    pub(super) fn read(&self, token: &str) -> Option<(KeyRef, Timestamp)> {
        let mut validation = Validation::new(Algorithm::HS256);
        // Expiry is for the caller to check, by our own clock.
        validation.validate_exp = false;
        validation.required_spec_claims.clear();
        let claims = jsonwebtoken::decode::<Claims>(token, &self.decoding, &validation).ok()?.claims;
        if claims.exp.checked_sub(claims.iat).is_none_or(|lifetime| lifetime > LIFETIME) {
            return None;
        }
        let until = Timestamp::from_second(claims.exp).ok()?;
        if claims.sub != ENVIRONMENT {
            return Some((KeyRef { id: claims.sub, generation: claims.generation }, until));
        }
        let same = self.environment == Some(claims.generation);
        same.then_some((KeyRef { id: claims.sub, generation: 0 }, until))
    }
}

fn generation(key: &str, encoding: &EncodingKey) -> Result<i64, JwtError> {
    let mac = jsonwebtoken::crypto::sign(key.as_bytes(), encoding, Algorithm::HS256)?;
    let [a, b, c, d, e, f, g, h, ..] = secret::digest(&mac);
    Ok(i64::from_be_bytes([a, b, c, d, e, f, g, h]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_algorithm_is_refused() {
        let secret = SigningSecret { secret: b"secret".into(), since: Timestamp::UNIX_EPOCH, until: None };
        let signer = Signer::new(&secret, None).expect("a signer");
        let key = KeyRef { id: "0011223344556677".into(), generation: 2 };
        let claims = Claims::new(&signer, &key, 0, 300);
        let token = signer.sign(&claims).expect("a token");
        let expected = (key, Timestamp::from_second(300).expect("in range"));
        assert_eq!(signer.read(secrecy::ExposeSecret::expose_secret(&token)), Some(expected));
        let other = jsonwebtoken::encode(&Header::new(Algorithm::HS512), &claims, &signer.encoding);
        assert_eq!(signer.read(&other.expect("a token")), None);
    }

    #[test]
    fn a_token_that_lives_longer_than_ours_is_refused() {
        let secret = SigningSecret { secret: b"secret".into(), since: Timestamp::UNIX_EPOCH, until: None };
        let signer = Signer::new(&secret, None).expect("a signer");
        let key = KeyRef { id: "0011223344556677".into(), generation: 2 };
        for (iat, exp, ours) in
            [(1000, 1000 + LIFETIME, true), (1000, 1001 + LIFETIME, false), (i64::MIN, 1000, false)]
        {
            let token = signer.sign(&Claims::new(&signer, &key, iat, exp)).expect("a token");
            assert_eq!(
                signer.read(secrecy::ExposeSecret::expose_secret(&token)).is_some(),
                ours,
                "{iat} {exp}"
            );
        }
    }

    #[test]
    fn the_environments_key_has_a_generation_of_its_own() {
        let generation = |secret: &str, key: &str| {
            generation(key, &EncodingKey::from_secret(secret.as_bytes())).expect("a generation")
        };
        assert_eq!(generation("s", "yyy"), generation("s", "yyy"));
        assert_ne!(generation("s", "yyy"), generation("s", "zzz"));
        assert_ne!(generation("s", "yyy"), generation("t", "yyy"));
    }
}
