//! The client's address, and the key that it is counted by.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::header::FORWARDED;
use http::{Extensions, HeaderMap};

use crate::bad_host::BadHost;
use crate::forwarded_element::{next_element, node_address};
use crate::proxy::{TrustedProxies, peer};

/// What a client is counted by: an IPv4 address, or the 64 bits of an IPv6 address that name its network (RFC 4291 section
/// 2.5.4). Whoever has one IPv6 address commonly has all of its /64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum AddressKey {
    V4(u32),
    V6(u64),
}

impl From<IpAddr> for AddressKey {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => Self::V4(v4.to_bits()),
            IpAddr::V6(v6) => {
                embedded(v6).map_or(Self::V6((v6.to_bits() >> 64) as u64), |v4| Self::V4(v4.to_bits()))
            }
        }
    }
}

/// The IPv4 address in one that a dual-stack socket (`::ffff:0:0/96`) or a translator (`64:ff9b::/96`, RFC 6052 section
/// 2.1) made of it: behind the latter all of IPv4 would be one /64.
fn embedded(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let (network, host) = ((v6.to_bits() >> 32), v6.to_bits() as u32);
    let translated = network == 0x0064_ff9b_u128 << 64;
    v6.to_ipv4_mapped().or(translated.then(|| Ipv4Addr::from_bits(host)))
}

/// The address of the client, if it is known.
///
/// It is the peer's, unless that is a trusted proxy: then the nearest hop counts that is not trusted, as `Forwarded`
/// (`for=`, RFC 7239 section 5.2) or `X-Forwarded-For` tell of it. A proxy that tells of no address, or hides it, leaves it
/// unknown. Headers that cannot be read, or disagree, are what the client sent through a proxy that should have set or
/// removed them: all such requests count together, as the proxy's own.
pub(crate) fn client(
    headers: &HeaderMap,
    extensions: &Extensions,
    proxies: &TrustedProxies,
) -> Option<IpAddr> {
    let peer = peer(extensions)?;
    if !proxies.contain(peer) {
        return Some(peer);
    }
    let standard = from_forwarded(headers, proxies);
    match (standard, from_x_forwarded_for(headers, proxies)) {
        (Ok(Some(standard)), Ok(Some(common))) if standard.to_canonical() != common.to_canonical() => {
            Some(peer)
        }
        (Ok(standard), Ok(common)) => standard.or(common),
        _ => Some(peer),
    }
}

/// Goes through the elements from left to right and keeps what going from the right would find: an address that is not
/// trusted replaces what was found, a hidden one hides it.
fn from_forwarded(headers: &HeaderMap, proxies: &TrustedProxies) -> Result<Option<IpAddr>, BadHost> {
    let mut found = None;
    for line in headers.get_all(FORWARDED) {
        let mut rest = line.as_bytes();
        while let Some(element) = next_element(&mut rest)? {
            let hop = element.client_address();
            if !hop.is_some_and(|hop| proxies.contain(hop)) {
                found = hop;
            }
        }
    }
    Ok(found)
}

/// Goes from the right, where the nearest proxy wrote; what stands left of the address that counts is never looked at.
fn from_x_forwarded_for(headers: &HeaderMap, proxies: &TrustedProxies) -> Result<Option<IpAddr>, BadHost> {
    for line in headers.get_all("x-forwarded-for").iter().rev() {
        for item in line.as_bytes().rsplit(|&byte| byte == b',').map(<[u8]>::trim_ascii) {
            if item.is_empty() {
                continue;
            }
            if item.eq_ignore_ascii_case(b"unknown") {
                return Ok(None);
            }
            let hop = bare_address(item).or_else(|| node_address(item)).ok_or(BadHost::Forwarded)?;
            if !proxies.contain(hop) {
                return Ok(Some(hop));
            }
        }
    }
    Ok(None)
}

/// An IPv6 address without brackets is an address here, and not one with a port.
fn bare_address(item: &[u8]) -> Option<IpAddr> {
    std::str::from_utf8(item).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::proxy::PeerAddr;

    fn ask(peer: &str, lines: &[(&'static str, &str)]) -> Option<String> {
        let (mut parts, ()) = http::Request::new(()).into_parts();
        parts.extensions.insert(PeerAddr(std::net::SocketAddr::new(peer.parse().unwrap(), 1)));
        for (name, value) in lines {
            parts.headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let proxies = TrustedProxies::from_iter(["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()]);
        client(&parts.headers, &parts.extensions, &proxies).map(|address| address.to_string())
    }

    #[test]
    fn a_peer_that_is_not_trusted_is_the_client_whatever_it_says() {
        let spoofed = [("forwarded", "for=192.0.2.1"), ("x-forwarded-for", "192.0.2.2")];
        assert_eq!(ask("203.0.113.5", &spoofed), Some("203.0.113.5".into()));
    }

    #[test]
    fn behind_trusted_hops_the_nearest_one_that_is_not_trusted_is_the_client() {
        for (value, client) in [
            ("for=192.0.2.1", Some("192.0.2.1")),
            ("for=\"192.0.2.1:4711\";host=a.example", Some("192.0.2.1")),
            ("For=\"[2001:db8::1]:9\"", Some("2001:db8::1")),
            ("for=198.51.100.9, for=192.0.2.1", Some("192.0.2.1")),
            ("for=192.0.2.1, for=10.0.0.7", Some("192.0.2.1")),
            ("for=198.51.100.9, for=192.0.2.1, for=10.0.0.7, for=\"[fd00::1]\"", Some("192.0.2.1")),
            ("for=192.0.2.1, for=unknown", None),
            ("for=192.0.2.1, for=_hidden, for=10.0.0.7", None),
            ("for=192.0.2.1, proto=https", None),
            ("for=10.0.0.9", None),
            ("for=\"unfinished", Some("10.0.0.1")),
        ] {
            assert_eq!(ask("10.0.0.1", &[("forwarded", value)]).as_deref(), client, "{value}");
        }
        let lines = [("forwarded", "for=198.51.100.9"), ("forwarded", "for=192.0.2.1")];
        assert_eq!(ask("10.0.0.1", &lines), Some("192.0.2.1".into()), "several lines are one list");
    }

    #[test]
    fn x_forwarded_for_is_read_from_the_right() {
        let x = "x-forwarded-for";
        for (value, client) in [
            ("192.0.2.1", Some("192.0.2.1")),
            ("192.0.2.1:4711", Some("192.0.2.1")),
            ("2001:db8::1", Some("2001:db8::1")),
            ("[2001:db8::1]:9", Some("2001:db8::1")),
            ("nonsense, 198.51.100.9, 192.0.2.1 , 10.0.0.7", Some("192.0.2.1")),
            ("192.0.2.1, unknown", None),
            ("10.0.0.9,10.0.0.8", None),
            ("", None),
            ("192.0.2.1, nonsense", Some("10.0.0.1")),
        ] {
            assert_eq!(ask("10.0.0.1", &[(x, value)]).as_deref(), client, "{value}");
        }
        let lines = [(x, "198.51.100.9"), (x, "192.0.2.1")];
        assert_eq!(ask("fd00::5", &lines), Some("192.0.2.1".into()));
    }

    #[test]
    fn headers_that_disagree_are_the_proxys_own() {
        let both = |x| ask("10.0.0.1", &[("forwarded", "for=192.0.2.1"), ("x-forwarded-for", x)]);
        assert_eq!(both("192.0.2.1"), Some("192.0.2.1".into()));
        assert_eq!(both("::ffff:192.0.2.1"), Some("192.0.2.1".into()));
        assert_eq!(both("192.0.2.2"), Some("10.0.0.1".into()));
        assert_eq!(ask("10.0.0.1", &[]), None);
    }

    #[test]
    fn an_ipv6_client_is_its_64_and_an_embedded_ipv4_address_is_itself() {
        let key = |text: &str| AddressKey::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::9"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        for embedded in ["::ffff:192.0.2.1", "64:ff9b::192.0.2.1"] {
            assert_eq!(key(embedded), key("192.0.2.1"), "{embedded}");
        }
        assert_ne!(key("64:ff9b::192.0.2.1"), key("64:ff9b::192.0.2.2"));
    }
}
