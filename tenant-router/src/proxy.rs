//! Who sent a request, and which senders may speak for somebody else.

use std::net::{IpAddr, SocketAddr};

use http::Extensions;
use ipnet::{IpNet, Ipv4Net};

use crate::explanation::{Effect, Rule, Step};
use crate::observe::Observer;

/// The address of the connection that a request came over, as a request extension.
///
/// A plain hyper server sets it on every request where [trusted proxies](crate::TenantLayer::trusted_proxies) are
/// configured; a request without an address comes from nobody who is trusted. With the feature `axum`,
/// `ConnectInfo<SocketAddr>` counts as well. tonic tells the address in a type of its own; a layer in front of this one
/// passes it on:
///
/// ```
/// use tenant_router::PeerAddr;
/// use tonic::transport::server::TcpConnectInfo;
/// use tower::util::MapRequestLayer;
///
/// fn peer<B>(mut request: http::Request<B>) -> http::Request<B> {
///     if let Some(peer) = request.extensions().get().and_then(TcpConnectInfo::remote_addr) {
///         request.extensions_mut().insert(PeerAddr(peer));
///     }
///     request
/// }
/// let server = tonic::transport::Server::builder().layer(MapRequestLayer::new(peer::<tonic::body::Body>));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerAddr(pub SocketAddr);

/// The networks whose hosts may tell which host a client asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct TrustedProxies(Vec<IpNet>);

impl FromIterator<IpNet> for TrustedProxies {
    fn from_iter<I: IntoIterator<Item = IpNet>>(nets: I) -> Self {
        Self(nets.into_iter().map(canonical).collect())
    }
}

/// A network of IPv4-mapped addresses (`::ffff:10.0.0.0/104`) is the IPv4 network.
fn canonical(net: IpNet) -> IpNet {
    let IpNet::V6(v6) = net else { return net };
    let mapped = v6.addr().to_ipv4_mapped().zip(v6.prefix_len().checked_sub(96));
    mapped.and_then(|(addr, prefix)| Ipv4Net::new(addr, prefix).ok()).map_or(net, IpNet::V4)
}

impl TrustedProxies {
    /// Whether the request came from a trusted proxy.
    pub(crate) fn sent(&self, extensions: &Extensions, observer: &mut impl Observer) -> bool {
        if self.0.is_empty() {
            observer.tell(|| Step::new(Rule::Peer, Effect::Ignored, "no proxies are trusted"));
            return false;
        }
        let peer = peer(extensions);
        let trusted = peer.is_some_and(|ip| self.contain(ip));
        observer.tell(|| match peer {
            Some(ip) if trusted => Step::new(Rule::Peer, Effect::Counts, format!("{ip} is a trusted proxy")),
            Some(ip) => Step::new(Rule::Peer, Effect::Ignored, format!("{ip} is no trusted proxy")),
            None => Step::new(Rule::Peer, Effect::Ignored, "no address is told, so it is no trusted proxy"),
        });
        trusted
    }

    /// An IPv4 address counts as such also where a dual-stack socket reports it as IPv6 (`::ffff:10.0.0.1`).
    pub(crate) fn contain(&self, ip: IpAddr) -> bool {
        let canonical = ip.to_canonical();
        self.0.iter().any(|net| net.contains(&ip) || net.contains(&canonical))
    }
}

/// The address of the connection, if the server tells it.
pub(crate) fn peer(extensions: &Extensions) -> Option<IpAddr> {
    if let Some(PeerAddr(addr)) = extensions.get() {
        return Some(addr.ip());
    }
    #[cfg(feature = "axum")]
    if let Some(axum::extract::ConnectInfo(addr)) = extensions.get::<axum::extract::ConnectInfo<SocketAddr>>()
    {
        return Some(addr.ip());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::Nobody;

    #[test]
    fn a_mapped_ipv4_address_is_the_ipv4_address() {
        let proxies = TrustedProxies::from_iter(["10.0.0.0/8".parse().unwrap()]);
        assert!(proxies.contain("10.1.2.3".parse().unwrap()));
        assert!(proxies.contain("::ffff:10.1.2.3".parse().unwrap()));
        assert!(!proxies.contain("11.0.0.1".parse().unwrap()));
        assert!(!proxies.contain("::1".parse().unwrap()));
    }

    #[test]
    fn a_network_of_mapped_addresses_is_the_ipv4_network() {
        let proxies = TrustedProxies::from_iter(["::ffff:10.0.0.0/104".parse().unwrap()]);
        assert!(proxies.contain("10.1.2.3".parse().unwrap()));
        assert!(proxies.contain("::ffff:10.1.2.3".parse().unwrap()));
        assert!(!proxies.contain("11.0.0.1".parse().unwrap()));
        let all = TrustedProxies::from_iter(["::/0".parse().unwrap()]);
        assert!(all.contain("2001:db8::1".parse().unwrap()) && !all.contain("10.1.2.3".parse().unwrap()));
    }

    #[test]
    fn a_request_without_an_address_comes_from_nobody_trusted() {
        let (mut parts, ()) = http::Request::new(()).into_parts();
        let everyone = TrustedProxies::from_iter(["0.0.0.0/0".parse().unwrap()]);
        assert!(!everyone.sent(&parts.extensions, &mut Nobody));
        parts.extensions.insert(PeerAddr("10.0.0.1:1".parse().unwrap()));
        assert!(everyone.sent(&parts.extensions, &mut Nobody));
        assert!(!TrustedProxies::default().sent(&parts.extensions, &mut Nobody));
    }
}
