//! [`Host`]: the checked normal form of the authority that a client sent.

use std::fmt;
use std::str::FromStr;

use arrayvec::ArrayString;

/// The greatest length of one label (RFC 1035 section 2.3.4).
const MAX_LABEL: usize = 63;

/// A host name in normal form: lower-case ASCII labels, without port and last dot.
///
/// Lives on the stack; reading one allocates nothing. IP literals, empty labels, user information, percent signs and
/// anything that is not ASCII are refused. Internationalised names arrive as A-labels (`xn--…`, RFC 5890); none are
/// converted here.
///
/// ```
/// use tenant_core::Host;
///
/// let host: Host = "Company-X.Your-Domain.com.:8585".parse()?;
/// assert_eq!(host.as_str(), "company-x.your-domain.com");
/// assert!(Host::parse(b"192.168.1.10").is_err());
/// # Ok::<(), tenant_core::HostError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Host(ArrayString<{ Host::MAX_LENGTH }>);

/// Why some bytes are no [`Host`]. The message is fit for a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// No host at all.
    #[error("the host is empty")]
    Empty,
    /// Longer than 253 characters, or a label longer than 63.
    #[error("the host is too long")]
    TooLong,
    /// A label is empty, or begins or ends with a hyphen.
    #[error("the host has a malformed label")]
    Label,
    /// A character that no host name has (RFC 1123 section 2.1).
    #[error("the host has a character that is not allowed")]
    Character,
    /// An IPv4 or IPv6 address: a tenant is found by name alone.
    #[error("the host is an IP address")]
    IpLiteral,
    /// What follows the colon is no port (RFC 3986 section 3.2.3, at most 65535).
    #[error("the port is not a port")]
    Port,
}

impl Host {
    /// The greatest length of a host name without its last dot (RFC 1035 section 2.3.4, as text).
    pub(crate) const MAX_LENGTH: usize = 253;

    /// Reads `host [":" port]` (RFC 9110 section 7.2), dropping the port and a last dot.
    ///
    /// # Errors
    /// If the bytes are not a host name.
    pub fn parse(authority: &[u8]) -> Result<Self, HostError> {
        Self::parse_with_port(authority).map(|(host, _)| host)
    }

    /// Like [`Host::parse`], and gives the port where one is written. An empty port (`host:`) is none.
    ///
    /// # Errors
    /// If the bytes are not a host name.
    pub fn parse_with_port(authority: &[u8]) -> Result<(Self, Option<u16>), HostError> {
        if authority.first() == Some(&b'[') {
            return Err(HostError::IpLiteral);
        }
        let (name, port) = match authority.iter().position(|&b| b == b':') {
            Some(colon) => (&authority[..colon], parse_port(&authority[colon + 1..])?),
            None => (authority, None),
        };
        Ok((Self::normal(name.strip_suffix(b".").unwrap_or(name))?, port))
    }

    fn normal(name: &[u8]) -> Result<Self, HostError> {
        if name.is_empty() {
            return Err(HostError::Empty);
        }
        let mut host = ArrayString::new();
        for &byte in name {
            if !(byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.') {
                return Err(HostError::Character);
            }
            host.try_push(char::from(byte.to_ascii_lowercase())).map_err(|_| HostError::TooLong)?;
        }
        for label in host.split('.') {
            if label.len() > MAX_LABEL {
                return Err(HostError::TooLong);
            }
            if !is_label(label.as_bytes()) {
                return Err(HostError::Label);
            }
        }
        if ends_in_number(&host) {
            return Err(HostError::IpLiteral);
        }
        Ok(Self(host))
    }

    /// A label, in lower case and checked, before a host that leaves room for it.
    pub(crate) fn under(label: &str, base: &Self) -> Self {
        let mut host = ArrayString::new();
        for part in [label, ".", base.as_str()] {
            host.push_str(part);
        }
        Self(host)
    }

    /// The host as text.
    #[inline]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether the bytes are one label of a host name (RFC 1123 section 2.1).
pub(crate) fn is_label(label: &[u8]) -> bool {
    (1..=MAX_LABEL).contains(&label.len())
        && label.iter().all(|&b| b.is_ascii_alphanumeric() || b == b'-')
        && label.first() != Some(&b'-')
        && label.last() != Some(&b'-')
}

/// Whether clients read the host as an IPv4 address: its last label is a number, decimal or hexadecimal
/// (WHATWG URL, "ends in a number").
fn ends_in_number(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or(host);
    let hex = last.strip_prefix("0x").is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
    hex || last.bytes().all(|b| b.is_ascii_digit())
}

fn parse_port(digits: &[u8]) -> Result<Option<u16>, HostError> {
    if digits.is_empty() {
        return Ok(None);
    }
    let mut port: u16 = 0;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return Err(HostError::Port);
        }
        port = port
            .checked_mul(10)
            .and_then(|p| p.checked_add(u16::from(digit - b'0')))
            .ok_or(HostError::Port)?;
    }
    Ok(Some(port))
}

impl FromStr for Host {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, HostError> {
        Self::parse(text.as_bytes())
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Host({self})")
    }
}
