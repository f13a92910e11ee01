//! [`TenantName`]: what a tenant is called, and [`NamePolicy`]: which names may be taken.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use arrayvec::ArrayString;

use crate::host::is_label;
use crate::id::{TenantId, TenantIdError};

/// What a tenant is called: one DNS label, and so the first label of its host (`company-x.your-domain.com`).
///
/// Lower-cased on input. Not with `--` in the third and fourth place (RFC 5890 section 2.3.1 keeps those labels for
/// `xn--` and its like), and never one whose [id](TenantId) breaks the rule for ids.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TenantName {
    text: ArrayString<63>,
    id: TenantId,
}

/// Why a text is no [`TenantName`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TenantNameError {
    /// Not one DNS label (RFC 1123 section 2.1): letters, digits and inner hyphens, 63 at most.
    #[error("a tenant name is one DNS label: a-z, 0-9 and hyphens within, at most 63 characters")]
    NotALabel,
    /// `--` in the third and fourth place.
    #[error(
        "a tenant name cannot have hyphens in both its third and fourth place (such labels are reserved, as xn-- is)"
    )]
    ReservedHyphens,
    /// The id that belongs to the name is none.
    #[error("no tenant can have this name: {0}")]
    Id(#[from] TenantIdError),
}

impl TenantName {
    /// Reads a name; upper case becomes lower case.
    ///
    /// # Errors
    /// If the text breaks the rule of [`TenantName`].
    pub fn parse(text: &str) -> Result<Self, TenantNameError> {
        let mut text = ArrayString::from(text).map_err(|_| TenantNameError::NotALabel)?;
        text.make_ascii_lowercase();
        if !is_label(text.as_bytes()) {
            return Err(TenantNameError::NotALabel);
        }
        if text.get(2..4) == Some("--") {
            return Err(TenantNameError::ReservedHyphens);
        }
        Ok(Self { id: TenantId::derive(&text)?, text })
    }

    /// The name as text.
    #[inline]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The id that belongs to the name.
    #[inline]
    pub fn id(&self) -> TenantId {
        self.id
    }
}

impl FromStr for TenantName {
    type Err = TenantNameError;

    fn from_str(text: &str) -> Result<Self, TenantNameError> {
        Self::parse(text)
    }
}

impl fmt::Display for TenantName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for TenantName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TenantName({self})")
    }
}

/// Names that an operator needs for other things, by id; see [`NamePolicy`].
const RESERVED: &[&str] = &[
    "about",
    "account",
    "admin",
    "administrator",
    "api",
    "app",
    "assets",
    "auth",
    "autoconfig",
    "autodiscover",
    "billing",
    "cdn",
    "collector",
    "console",
    "dashboard",
    "docs",
    "ftp",
    "gui",
    "help",
    "host",
    "hostmaster",
    "imap",
    "install",
    "internal",
    "isatap",
    "localdomain",
    "localhost",
    "login",
    "mail",
    "metrics",
    "ns1",
    "ns2",
    "null",
    "ops",
    "pop",
    "postmaster",
    "private",
    "prod",
    "production",
    "public",
    "root",
    "security",
    "smtp",
    "ssl",
    "staging",
    "static",
    "status",
    "support",
    "system",
    "template",
    "tenant",
    "tenants",
    "tms",
    "track",
    "undefined",
    "webmaster",
    "wpad",
    "www",
];

/// Which names may be taken by a new tenant. An existing tenant keeps its name whatever the policy becomes.
///
/// The default wants an id of at least 3 characters (the original's documentation says 5) and keeps a list of names back,
/// such as `www`, `api` and `admin`. Names are compared by id, so `ad-min` is reserved too.
#[derive(Debug, Clone)]
pub struct NamePolicy {
    min_length: usize,
    reserved: HashSet<TenantId>,
}

/// Why a [`NamePolicy`] refuses a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameRefused {
    /// The id has fewer characters than the policy wants.
    #[error("a tenant name needs at least {min_length} letters and digits")]
    TooShort {
        /// The fewest characters that the policy allows.
        min_length: usize,
    },
    /// The name is kept back.
    #[error("this name is reserved")]
    Reserved,
}

impl Default for NamePolicy {
    fn default() -> Self {
        Self {
            min_length: 3,
            reserved: RESERVED.iter().filter_map(|name| TenantId::parse(name).ok()).collect(),
        }
    }
}

impl NamePolicy {
    /// Sets the fewest characters that an id must have.
    #[must_use]
    pub fn with_min_length(mut self, min_length: usize) -> Self {
        self.min_length = min_length;
        self
    }

    /// Keeps more names back.
    #[must_use]
    pub fn with_reserved(mut self, names: impl IntoIterator<Item = TenantId>) -> Self {
        self.reserved.extend(names);
        self
    }

    /// Whether a new tenant may have this id.
    ///
    /// # Errors
    /// If it may not, the reason.
    pub fn check(&self, id: &TenantId) -> Result<(), NameRefused> {
        if id.as_str().len() < self.min_length {
            Err(NameRefused::TooShort { min_length: self.min_length })
        } else if self.reserved.contains(id) {
            Err(NameRefused::Reserved)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_label() {
        for name in ["company-x", "Company-X", "a", "0a", &"a".repeat(40)] {
            assert_eq!(TenantName::parse(name).expect(name).as_str(), name.to_ascii_lowercase());
        }
        for (name, why) in [
            ("", TenantNameError::NotALabel),
            ("-a", TenantNameError::NotALabel),
            ("a-", TenantNameError::NotALabel),
            ("a.b", TenantNameError::NotALabel),
            ("a_b", TenantNameError::NotALabel),
            ("ä", TenantNameError::NotALabel),
            ("xn--nxasmq6b", TenantNameError::ReservedHyphens),
            ("ab--c", TenantNameError::ReservedHyphens),
            ("1-2", TenantNameError::Id(TenantIdError::AllDigits)),
            ("6f1c3d6e-58b2-4f0e-9a57-1f0b8a2d77c4", TenantNameError::Id(TenantIdError::LooksLikeUuid)),
        ] {
            assert_eq!(TenantName::parse(name), Err(why), "{name}");
        }
    }

    #[test]
    fn every_reserved_name_is_an_id_and_other_spellings_are_reserved_too() {
        let policy = NamePolicy::default();
        for name in RESERVED {
            let id = TenantId::parse(name).expect(name);
            assert_eq!(policy.check(&id), Err(NameRefused::Reserved), "{name}");
        }
        let spelled = TenantName::parse("ad-min").expect("a label");
        assert_eq!(policy.check(&spelled.id()), Err(NameRefused::Reserved));
    }

    #[test]
    fn the_policy_can_be_stricter() {
        let id = TenantId::parse("acme").expect("an id");
        assert_eq!(NamePolicy::default().check(&id), Ok(()));
        let strict = NamePolicy::default().with_min_length(5);
        assert_eq!(strict.check(&id), Err(NameRefused::TooShort { min_length: 5 }));
        assert_eq!(NamePolicy::default().with_reserved([id]).check(&id), Err(NameRefused::Reserved));
    }
}
