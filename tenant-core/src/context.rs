//! [`Context`]: staging or production.

use std::fmt;

/// Which of a tenant's two sets of data a request works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Context {
    /// Where changes are tried; the default of the private API.
    Staging,
    /// What the public API always works on.
    Production,
}

impl Context {
    /// Both, in the order in which an install prepares them.
    pub const ALL: [Self; 2] = [Self::Staging, Self::Production];

    /// Reads the value of an `x-context` header: exactly `staging` or `production`; anything else is `None`, and the
    /// default of the listener holds (contract 3.5).
    pub fn parse(value: &[u8]) -> Option<Self> {
        match value {
            b"staging" => Some(Self::Staging),
            b"production" => Some(Self::Production),
            _ => None,
        }
    }

    /// `staging` or `production`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Staging => "staging",
            Self::Production => "production",
        }
    }
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
