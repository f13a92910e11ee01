//! Random secrets, their digests, and comparisons that take the same time whatever differs.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// A SHA-256 digest: what is kept of a secret.
pub(crate) type Digest = [u8; 32];

/// 256 random bits.
pub(crate) fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the operating system has a random source");
    bytes
}

/// 256 random bits as 43 characters of `[A-Za-z0-9_-]`.
pub(crate) fn random_text() -> String {
    BASE64_URL_SAFE_NO_PAD.encode(random())
}

/// What is kept of a secret. Its inputs have 256 random bits, so that no salt or slow hash is needed.
pub(crate) fn digest(secret: &str) -> Digest {
    Sha256::digest(secret.as_bytes()).into()
}

/// Whether two digests are the same.
pub(crate) fn same(a: &Digest, b: &Digest) -> bool {
    a.ct_eq(b).into()
}

/// Whether `given` is the install token `own`; an empty install token opens nothing.
pub(crate) fn opens_install(given: &SecretString, own: &SecretString) -> bool {
    let (given, own) = (given.expose_secret(), own.expose_secret());
    !own.is_empty() && same(&digest(given), &digest(own))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_texts_differ_and_fit_in_a_path() {
        let (a, b) = (random_text(), random_text());
        assert_ne!(a, b);
        assert_eq!(a.len(), 43);
        assert!(a.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
    }
}
