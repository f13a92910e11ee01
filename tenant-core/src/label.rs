//! [`Label`]: one label of a host, as a tenant's key holds it.

use std::fmt;
use std::ops::Deref;

use crate::name::TenantName;

/// One DNS label, borrowed. Reads as text.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Label<'a>(&'a [u8]);

impl<'a> Label<'a> {
    /// A label that is ASCII.
    #[inline]
    pub(crate) fn of(text: &'a [u8]) -> Self {
        Self(text)
    }

    #[inline]
    pub(crate) fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    /// The label as text.
    #[expect(clippy::missing_panics_doc, reason = "a label is ASCII")]
    pub fn as_str(&self) -> &'a str {
        str::from_utf8(self.0).expect("a label is ASCII")
    }
}

impl Deref for Label<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl<'a> From<&'a TenantName> for Label<'a> {
    fn from(name: &'a TenantName) -> Self {
        Self(name.as_str().as_bytes())
    }
}

impl fmt::Display for Label<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Label<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Label({self})")
    }
}
