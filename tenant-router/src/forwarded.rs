//! The host that a trusted proxy says its client asked for: `Forwarded` (RFC 7239) and `X-Forwarded-Host`.
//!
//! Proxies append, so what stands furthest right was written by the nearest one, and everything else may be the client's
//! own. The nearest trusted hop that names a host decides.

use std::borrow::Cow;
use std::net::IpAddr;

use http::HeaderMap;
use http::header::FORWARDED;
use tenant_core::Host;

use crate::authority::{BadHost, read};
use crate::proxy::TrustedProxies;

/// The forwarded host, if the proxy names one; both headers must name the same where both do.
pub(crate) fn host(headers: &HeaderMap, proxies: &TrustedProxies) -> Result<Option<Host>, BadHost> {
    let standard = from_forwarded(headers, proxies)?;
    let common = from_x_forwarded_host(headers)?;
    match (standard, common) {
        (Some(standard), Some(common)) if standard != common => Err(BadHost::ForwardedDisagreement),
        (standard, common) => Ok(standard.or(common)),
    }
}

/// The last item of the last line.
fn from_x_forwarded_host(headers: &HeaderMap) -> Result<Option<Host>, BadHost> {
    let Some(last) = headers.get_all("x-forwarded-host").iter().next_back() else { return Ok(None) };
    let item = last.as_bytes().rsplit(|&b| b == b',').next().unwrap_or_default();
    Ok(Some(read_forwarded(item.trim_ascii())?))
}

/// Goes through the elements from left to right and keeps what going from the right would find: an element with a host
/// replaces what was found; one without hides it, unless the hop before it is trusted too.
fn from_forwarded(headers: &HeaderMap, proxies: &TrustedProxies) -> Result<Option<Host>, BadHost> {
    let mut found = None;
    for line in headers.get_all(FORWARDED) {
        let mut rest = line.as_bytes();
        while let Some(element) = next_element(&mut rest)? {
            let hop_before = element.client.as_deref().and_then(node_address);
            if element.host.is_some() {
                found = element.host;
            } else if !hop_before.is_some_and(|ip| proxies.contain(ip)) {
                found = None;
            }
        }
    }
    found.map(|host| read_forwarded(&host)).transpose()
}

fn read_forwarded(authority: &[u8]) -> Result<Host, BadHost> {
    read(authority).map(|(host, _)| host).map_err(|_| BadHost::Forwarded)
}

/// What one proxy said (RFC 7239 section 4), as far as it matters here.
#[derive(Default)]
pub(crate) struct Element<'a> {
    host: Option<Cow<'a, [u8]>>,
    pub(crate) client: Option<Cow<'a, [u8]>>,
}

/// Takes the next element off the line; empty ones are skipped (RFC 9110 section 5.6.1.2). `None` at the end.
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
            Some((b';', more)) => *rest = more,
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

/// A parameter comes at most once in an element (RFC 7239 section 4).
fn set<'a>(element: &mut Element<'a>, name: &[u8], value: Cow<'a, [u8]>) -> Result<(), BadHost> {
    let place = if name.eq_ignore_ascii_case(b"host") {
        &mut element.host
    } else if name.eq_ignore_ascii_case(b"for") {
        &mut element.client
    } else {
        return Ok(());
    };
    if place.replace(value).is_some() { Err(BadHost::Forwarded) } else { Ok(()) }
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

/// The address in `for=`: `192.0.2.1`, `192.0.2.1:80`, `[2001:db8::1]` or `[2001:db8::1]:80`. `None` for `unknown` and
/// for obfuscated names (RFC 7239 section 6).
pub(crate) fn node_address(node: &[u8]) -> Option<IpAddr> {
    let node = std::str::from_utf8(node).ok()?;
    if let Some(v6) = node.strip_prefix('[') {
        let (address, _port) = v6.split_once(']')?;
        return address.parse().ok().map(IpAddr::V6);
    }
    let address = node.split_once(':').map_or(node, |(address, _port)| address);
    address.parse().ok().map(IpAddr::V4)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn ask(lines: &[(&'static str, &str)]) -> Result<Option<String>, BadHost> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let proxies = TrustedProxies::from_iter(["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()]);
        host(&headers, &proxies).map(|host| host.map(|host| host.to_string()))
    }

    fn forwarded(value: &str) -> Result<Option<String>, BadHost> {
        ask(&[("forwarded", value)])
    }

    #[test]
    fn the_nearest_hop_that_names_a_host_decides() {
        for (value, host) in [
            ("host=acme.example", Some("acme.example")),
            ("for=192.0.2.1;HOST=\"Acme.example:443\";proto=https", Some("acme.example")),
            ("host=spoofed.example, host=acme.example", Some("acme.example")),
            ("host=\"acme\\.ex\\ample\"", Some("acme.example")),
            ("for=\"a\\\"b, host=spoofed.example\"; host=acme.example", Some("acme.example")),
            ("host=acme.example:8585", Some("acme.example")),
            (", ;for=_hidden ; host=acme.example ,,", Some("acme.example")),
            ("for=192.0.2.1", None),
            ("", None),
        ] {
            assert_eq!(forwarded(value), Ok(host.map(str::to_owned)), "{value}");
        }
    }

    #[test]
    fn a_host_further_left_counts_only_behind_trusted_hops() {
        let acme = Ok(Some("acme.example".to_owned()));
        assert_eq!(forwarded("host=acme.example, for=10.0.0.7"), acme);
        assert_eq!(forwarded("host=acme.example, for=10.0.0.7, for=\"[fd00::1]:9\""), acme);
        assert_eq!(forwarded("host=spoofed.example, for=192.0.2.1"), Ok(None));
        assert_eq!(forwarded("host=spoofed.example, for=192.0.2.1, for=10.0.0.7"), Ok(None));
        assert_eq!(forwarded("host=spoofed.example, proto=https"), Ok(None));
        assert_eq!(forwarded("host=spoofed.example, for=unknown"), Ok(None));
        let lines = [("forwarded", "host=spoofed.example"), ("forwarded", "for=192.0.2.1")];
        assert_eq!(ask(&lines), Ok(None), "several lines are one list");
    }

    #[test]
    fn a_malformed_header_is_an_error() {
        for value in [
            "host",
            "host=",
            "host=\"acme.example",
            "host=\"acme.example\\",
            "host=a host=b",
            "host=a.example;host=a.example",
            "host=user@acme.example",
            "host=\"\"",
            "host=192.0.2.1",
            "=acme.example",
            "host=acme_x.example",
        ] {
            assert_eq!(forwarded(value), Err(BadHost::Forwarded), "{value}");
        }
    }

    #[test]
    fn of_x_forwarded_host_the_last_item_counts() {
        let x = "x-forwarded-host";
        assert_eq!(ask(&[(x, "acme.example:443")]), Ok(Some("acme.example".into())));
        assert_eq!(ask(&[(x, "spoofed.example , acme.example")]), Ok(Some("acme.example".into())));
        assert_eq!(ask(&[(x, "spoofed.example"), (x, "acme.example")]), Ok(Some("acme.example".into())));
        for value in ["", "acme.example,", "192.0.2.1", "a b"] {
            assert_eq!(ask(&[(x, value)]), Err(BadHost::Forwarded), "{value}");
        }
    }

    #[test]
    fn the_two_headers_agree() {
        let both = |x| ask(&[("forwarded", "host=acme.example"), ("x-forwarded-host", x)]);
        assert_eq!(both("ACME.example."), Ok(Some("acme.example".into())));
        assert_eq!(both("globex.example"), Err(BadHost::ForwardedDisagreement));
    }
}
