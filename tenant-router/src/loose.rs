//! The grammar of an authority, whoever's it is: `uri-host [":" port]` (RFC 9110 section 7.2, RFC 3986 section 3.2.2).
//!
//! A proxy may call the server that it connects to by an address or by a name of its own (`10.1.2.3:8585`,
//! `app_servers`), which no tenant has.

use std::net::Ipv6Addr;

/// Host and port of an authority, as they are written but for a last dot; `None` if it is none. Never empty.
pub(crate) fn read(authority: &[u8]) -> Option<(&[u8], Option<u16>)> {
    let end = match authority.first()? {
        b'[' => authority.iter().position(|&b| b == b']')? + 1,
        _ => authority.iter().position(|&b| b == b':').unwrap_or(authority.len()),
    };
    let (host, rest) = authority.split_at(end);
    let port = match rest.split_first() {
        None => None,
        Some((b':', [])) => None,
        Some((b':', digits)) if digits.iter().all(u8::is_ascii_digit) => {
            Some(std::str::from_utf8(digits).ok()?.parse().ok()?)
        }
        Some(_) => return None,
    };
    let host = host.strip_suffix(b".").unwrap_or(host);
    let is_host = match host.strip_prefix(b"[").and_then(|host| host.strip_suffix(b"]")) {
        Some(literal) => is_ip_literal(literal),
        None => is_reg_name(host),
    };
    is_host.then_some((host, port))
}

/// `IPv6address / IPvFuture`.
fn is_ip_literal(literal: &[u8]) -> bool {
    match literal {
        [b'v' | b'V', rest @ ..] => {
            let dot = rest.iter().position(|&b| b == b'.').unwrap_or_default();
            let (version, address) = rest.split_at(dot);
            let in_address = |&b: &u8| is_unreserved(b) || is_sub_delim(b) || b == b':';
            !version.is_empty()
                && version.iter().all(u8::is_ascii_hexdigit)
                && address.len() > 1
                && address[1..].iter().all(in_address)
        }
        _ => std::str::from_utf8(literal).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok()),
    }
}

/// `1*( unreserved / pct-encoded / sub-delims )`, which an IPv4 address is too.
fn is_reg_name(name: &[u8]) -> bool {
    let mut rest = name;
    loop {
        rest = match rest {
            [] => return !name.is_empty(),
            [b'%', a, b, after @ ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => after,
            [b, after @ ..] if is_unreserved(*b) || is_sub_delim(*b) => after,
            _ => return false,
        };
    }
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

fn is_sub_delim(byte: u8) -> bool {
    b"!$&'()*+,;=".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_any_registered_name_are_authorities() {
        for (text, host, port) in [
            ("10.1.2.3:8585", "10.1.2.3", Some(8585)),
            ("app_servers", "app_servers", None),
            ("app.internal.", "app.internal", None),
            ("app.internal:", "app.internal", None),
            ("[fd00::1]:80", "[fd00::1]", Some(80)),
            ("[fd00::1]", "[fd00::1]", None),
            ("[v1.a:b]", "[v1.a:b]", None),
            ("a%2Db", "a%2Db", None),
        ] {
            assert_eq!(read(text.as_bytes()), Some((host.as_bytes(), port)), "{text}");
        }
    }

    #[test]
    fn what_is_no_authority_is_none() {
        for text in [
            "",
            ":80",
            ".",
            "a b",
            "user@a",
            "a/b",
            "a?b",
            "a#b",
            "a:b",
            "a:1:2",
            "a:65536",
            "a%2",
            "a%zz",
            "[::1",
            "::1",
            "[]",
            "[::1]x",
            "[v.a]",
            "[v1.]",
            "[1.2.3.4]",
            "[fd00::1%25eth0]",
            "ä",
        ] {
            assert_eq!(read(text.as_bytes()), None, "{text}");
        }
    }
}
