//! [`TenantId`] and [`Incarnation`]: the stable key of a tenant, and which life of it.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use uuid::Uuid;

use crate::swar;

/// The stable key of a tenant: 1 to 40 characters of `[a-z0-9]`, never all digits, never 32 hex digits.
///
/// It names the tenant in storage and at the tenant management service. It is derived from the tenant's
/// [name](crate::TenantName) by dropping everything else, so `company-x` has the id `companyx`; two names with
/// the same id cannot both exist.
///
/// Copying it costs no allocation.
///
/// ```
/// use tenant_core::TenantId;
///
/// let id: TenantId = "companyx".parse()?;
/// assert_eq!(id.as_str(), "companyx");
/// assert!("company-x".parse::<TenantId>().is_err(), "an id is never cleaned up on the way");
/// assert_eq!(TenantId::derive("company-x")?, id);
/// # Ok::<(), tenant_core::TenantIdError>(())
/// ```
#[derive(Clone, Copy, Eq, PartialOrd, Ord)]
#[repr(align(8))]
pub struct TenantId {
    /// ASCII, and zeros behind it: two ids are equal, and in order, as these bytes are.
    text: [[u8; 8]; WORDS],
    length: u8,
}

/// The longest text in words of eight bytes.
const WORDS: usize = TenantId::MAX_LENGTH / 8;

/// Why a text is no [`TenantId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TenantIdError {
    /// Nothing of the text can be part of an id.
    #[error("a tenant id cannot be empty")]
    Empty,
    /// More than [`TenantId::MAX_LENGTH`] characters.
    #[error("a tenant id has at most 40 characters")]
    TooLong,
    /// Something other than `a-z` and `0-9`.
    #[error("a tenant id consists of a-z and 0-9")]
    Alphabet,
    /// Only digits: it could be confused with a number.
    #[error("a tenant id cannot consist of digits alone")]
    AllDigits,
    /// 32 hex digits: it could be confused with an incarnation.
    #[error("a tenant id cannot look like a uuid")]
    LooksLikeUuid,
}

/// How many digits a uuid has.
const UUID_DIGITS: usize = 32;

impl TenantId {
    /// The greatest number of characters.
    pub const MAX_LENGTH: usize = 40;

    /// Reads an id exactly as it is written.
    ///
    /// # Errors
    /// If the text breaks the rule of [`TenantId`]; nothing is dropped or lower-cased first.
    pub fn parse(text: &str) -> Result<Self, TenantIdError> {
        if !text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()) {
            return Err(TenantIdError::Alphabet);
        }
        Self::derive(text)
    }

    /// The id that a label or name stands for: its letters, lower-cased, and its digits; all else is dropped.
    ///
    /// # Errors
    /// If what is left is not an id.
    pub fn derive(label: &str) -> Result<Self, TenantIdError> {
        let (mut text, mut length) = ([[0; 8]; WORDS], 0);
        for byte in label.bytes().filter(u8::is_ascii_alphanumeric) {
            let place = text.as_flattened_mut().get_mut(length).ok_or(TenantIdError::TooLong)?;
            *place = byte.to_ascii_lowercase();
            length += 1;
        }
        Self::checked(text, length)
    }

    fn checked(text: [[u8; 8]; WORDS], length: usize) -> Result<Self, TenantIdError> {
        let id = &text.as_flattened()[..length];
        if id.is_empty() {
            Err(TenantIdError::Empty)
        } else if id.iter().all(u8::is_ascii_digit) {
            Err(TenantIdError::AllDigits)
        } else if id.len() == UUID_DIGITS && id.iter().all(u8::is_ascii_hexdigit) {
            Err(TenantIdError::LooksLikeUuid)
        } else {
            let length = u8::try_from(length).map_err(|_| TenantIdError::TooLong)?;
            Ok(Self { text, length })
        }
    }

    /// The id of letters and digits in lower case, not of digits alone, with zeros behind them; `None` where it takes a closer
    /// look to see whether it is one.
    #[inline]
    pub(crate) fn of_words<const N: usize>(words: [u64; N], length: usize) -> Option<Self> {
        if length == UUID_DIGITS || length > Self::MAX_LENGTH {
            return None;
        }
        Some(Self { text: swar::padded(words), length: u8::try_from(length).ok()? })
    }

    /// The id as text.
    #[inline]
    #[expect(clippy::missing_panics_doc, reason = "an id is ASCII")]
    pub fn as_str(&self) -> &str {
        str::from_utf8(self.as_bytes()).expect("an id is ASCII")
    }

    /// The id as the bytes of its text.
    #[inline]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.text.as_flattened()[..usize::from(self.length).min(Self::MAX_LENGTH)]
    }
}

/// Without a call, and without a branch for each byte.
impl PartialEq for TenantId {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        let differ = |at: usize| swar::word(self.text[at]) ^ swar::word(other.text[at]);
        differ(0) | differ(1) | differ(2) | differ(3) | differ(4) == 0
    }
}

/// Eight bytes at a time: most ids are one or two steps.
impl Hash for TenantId {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        let words = usize::from(self.length).div_ceil(8);
        for word in &self.text[..words.min(WORDS)] {
            state.write_u64(swar::word(*word));
        }
    }
}

impl FromStr for TenantId {
    type Err = TenantIdError;

    fn from_str(text: &str) -> Result<Self, TenantIdError> {
        Self::parse(text)
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TenantId({self})")
    }
}

/// Which life of a tenant: an id may be registered again after its tenant was removed, and must not find the old data.
///
/// Written as a hyphenated, lower-case uuid.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Incarnation(Uuid);

/// The namespace of incarnations that are derived from a name, see [`Incarnation::fixed`].
const FIXED: Uuid = Uuid::from_u128(0x6f1c_3d6e_58b2_4f0e_9a57_1f0b_8a2d_77c4);

impl Incarnation {
    /// The incarnation of a tenant that no management service registers: always the same for the same name.
    pub fn fixed(name: &str) -> Self {
        Self(Uuid::new_v5(&FIXED, name.as_bytes()))
    }

    /// The uuid.
    pub fn as_uuid(&self) -> &Uuid {
        &self.0
    }
}

impl From<Uuid> for Incarnation {
    fn from(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

impl FromStr for Incarnation {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self)
    }
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

impl fmt::Debug for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Incarnation({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_name_keeps_letters_and_digits() {
        for (name, id) in
            [("company-x", "companyx"), ("A-1", "a1"), ("name-of-the-tenant", "nameofthetenant")]
        {
            assert_eq!(TenantId::derive(name).map(|id| id.to_string()), Ok(id.to_owned()));
        }
    }

    #[test]
    fn what_could_be_confused_is_refused() {
        for (text, why) in [
            ("", TenantIdError::Empty),
            ("123", TenantIdError::AllDigits),
            ("6f1c3d6e58b24f0e9a571f0b8a2d77c4", TenantIdError::LooksLikeUuid),
            ("company-x", TenantIdError::Alphabet),
            ("Company", TenantIdError::Alphabet),
            ("é", TenantIdError::Alphabet),
            ("a23456789012345678901234567890123456789012", TenantIdError::TooLong),
        ] {
            assert_eq!(TenantId::parse(text), Err(why), "{text}");
        }
        assert!(TenantId::parse("a234567890123456789012345678901234567890").is_ok(), "40 characters");
    }
}
