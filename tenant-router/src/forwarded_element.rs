//! The elements of a `Forwarded` header (RFC 7239 section 4).

use std::borrow::Cow;
use std::mem;
use std::net::IpAddr;

use crate::bad_host::BadHost;

/// What one proxy said (RFC 7239 section 4), as far as it matters here.
#[derive(Default)]
pub(crate) struct Element<'a> {
    /// `host=`
    pub(crate) host: Option<Cow<'a, [u8]>>,
    /// `for=`: the hop before.
    pub(crate) client: Option<Cow<'a, [u8]>>,
    has_by: bool,
    has_proto: bool,
}

impl Element<'_> {
    /// The address of the hop before, where it is told and no obfuscated name.
    pub(crate) fn client_address(&self) -> Option<IpAddr> {
        self.client.as_deref().and_then(node_address)
    }
}

/// Takes the next element off the line; empty ones are skipped (RFC 9110 section 5.6.1.2). `None` at the end.
///
/// # Errors
/// If what comes is no element.
pub(crate) fn next_element<'a>(rest: &mut &'a [u8]) -> Result<Option<Element<'a>>, BadHost> {
    let mut element = None;
    loop {
        *rest = rest.trim_ascii_start();
        if rest.first().is_some_and(|&b| is_token(b)) {
            let (name, value) = pair(rest)?;
            set(element.get_or_insert_default(), name, value)?;
            *rest = rest.trim_ascii_start();
        }
        match rest.split_first() {
            None => return Ok(element),
            Some((b';', more)) => {
                // Without a parameter it is an element all the same, of a proxy that tells nothing.
                element.get_or_insert_default();
                *rest = more;
            }
            Some((b',', more)) => {
                *rest = more;
                if element.is_some() {
                    return Ok(element);
                }
            }
            Some(_) => return Err(BadHost::Forwarded),
        }
    }
}

/// A parameter comes at most once in an element (RFC 7239 section 4); of extensions nothing is known.
fn set<'a>(element: &mut Element<'a>, name: &[u8], value: Cow<'a, [u8]>) -> Result<(), BadHost> {
    let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
    let was_there = if is(b"host") {
        element.host.replace(value).is_some()
    } else if is(b"for") {
        element.client.replace(value).is_some()
    } else if is(b"by") {
        mem::replace(&mut element.has_by, true)
    } else if is(b"proto") {
        mem::replace(&mut element.has_proto, true)
    } else {
        false
    };
    if was_there { Err(BadHost::Forwarded) } else { Ok(()) }
}

/// `token "=" (token / quoted-string)`.
fn pair<'a>(rest: &mut &'a [u8]) -> Result<(&'a [u8], Cow<'a, [u8]>), BadHost> {
    let name = take_while(rest, is_token);
    *rest = rest.strip_prefix(b"=").ok_or(BadHost::Forwarded)?;
    if let Some(quoted) = rest.strip_prefix(b"\"") {
        *rest = quoted;
        return Ok((name, unquote(rest)?));
    }
    // A port or an IPv6 address without the quotes it needs is a common fault, and harmless.
    let value = take_while(rest, |b| is_token(b) || matches!(b, b':' | b'[' | b']'));
    if value.is_empty() { Err(BadHost::Forwarded) } else { Ok((name, Cow::Borrowed(value))) }
}

/// The rest of a quoted string (RFC 9110 section 5.6.4), after its first quote.
fn unquote<'a>(rest: &mut &'a [u8]) -> Result<Cow<'a, [u8]>, BadHost> {
    let plain = take_while(rest, |b| b != b'"' && b != b'\\');
    if let Some(after) = rest.strip_prefix(b"\"") {
        *rest = after;
        return Ok(Cow::Borrowed(plain));
    }
    let mut text = plain.to_vec();
    loop {
        match **rest {
            [b'"', ref after @ ..] => {
                *rest = after;
                return Ok(Cow::Owned(text));
            }
            [b'\\', escaped, ref after @ ..] => {
                text.push(escaped);
                *rest = after;
            }
            [b'\\'] | [] => return Err(BadHost::Forwarded),
            [byte, ref after @ ..] => {
                text.push(byte);
                *rest = after;
            }
        }
    }
}

fn take_while<'a>(rest: &mut &'a [u8], keep: impl Fn(u8) -> bool) -> &'a [u8] {
    let end = rest.iter().position(|&b| !keep(b)).unwrap_or(rest.len());
    let (taken, after) = rest.split_at(end);
    *rest = after;
    taken
}

/// RFC 9110 section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// The address in `for=`: `192.0.2.1`, `192.0.2.1:80`, `[2001:db8::1]` or `[2001:db8::1]:80`. `None` for `unknown`, for
/// obfuscated names, and for what is no node (RFC 7239 section 6).
pub(crate) fn node_address(node: &[u8]) -> Option<IpAddr> {
    let node = std::str::from_utf8(node).ok()?;
    let (address, rest) = match node.strip_prefix('[') {
        Some(v6) => v6.split_once(']').map(|(address, rest)| (address.parse().ok().map(IpAddr::V6), rest))?,
        None => {
            let (address, rest) = node.split_at(node.find(':').unwrap_or(node.len()));
            (address.parse().ok().map(IpAddr::V4), rest)
        }
    };
    let is_node = rest.is_empty() || rest.strip_prefix(':').is_some_and(is_node_port);
    address.filter(|_| is_node)
}

/// `1*5DIGIT`, or `"_" 1*( ALPHA / DIGIT / "." / "_" / "-")`.
fn is_node_port(port: &str) -> bool {
    match port.strip_prefix('_') {
        Some(name) => {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        }
        None => (1..=5).contains(&port.len()) && port.bytes().all(|b| b.is_ascii_digit()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_an_address_with_or_without_a_port() {
        for (node, address) in [
            ("192.0.2.1", "192.0.2.1"),
            ("192.0.2.1:47011", "192.0.2.1"),
            ("192.0.2.1:_gazonk", "192.0.2.1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:47011", "2001:db8::1"),
            ("[::ffff:192.0.2.1]", "::ffff:192.0.2.1"),
        ] {
            assert_eq!(node_address(node.as_bytes()), address.parse().ok(), "{node}");
        }
        for node in [
            "",
            "unknown",
            "_hidden",
            "192.0.2.1:",
            "192.0.2.1:123456",
            "192.0.2.1:x",
            "192.0.2.1:_",
            "2001:db8::1",
            "[2001:db8::1",
            "[2001:db8::1]x",
            "[192.0.2.1]",
            "192.0.2.01",
            "[fe80::1%eth0]",
        ] {
            assert_eq!(node_address(node.as_bytes()), None, "{node}");
        }
    }
}
