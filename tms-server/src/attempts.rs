//! [`Attempts`]: whoever fails to show a valid key is slowed down, by address.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use hashlink::LruCache;
use tenant_core::Clock;

use crate::error::ApiError;
use crate::meters::Meters;

/// How many failures of an address are told apart from an attack, one after the other.
const BURST: u32 = 20;
/// How long it takes until one of them is forgotten.
const FORGET: Duration = Duration::from_secs(3);
/// Addresses that are remembered; beyond them the one that failed longest ago is forgotten.
const ADDRESSES: usize = 16 * 1024;

/// Counts wrong keys by the peer's address, as a token bucket for each.
///
/// A key is looked at first, and only what is wrong is counted: a valid one is never slowed, whoever else fails from its
/// address. Access tokens are not counted. Whoever has one that is good no more has to learn that, to exchange the key again:
/// after a restored backup or a new SECRET that is every client at once. And nobody guesses a signature.
#[derive(Debug, Clone)]
pub(crate) struct Attempts {
    /// When all failures of a network will be forgotten, by the monotonic clock.
    forgotten: Arc<Mutex<LruCache<Network, Duration>>>,
    clock: Arc<dyn Clock>,
    meters: Meters,
}

impl Attempts {
    pub(crate) fn new(clock: Arc<dyn Clock>, meters: Meters) -> Self {
        Self { forgotten: Arc::new(Mutex::new(LruCache::new(ADDRESSES))), clock, meters }
    }

    /// Counts a wrong key, and gives what the client is told of it.
    pub(crate) fn refuse(&self, peer: Peer) -> ApiError {
        let wait = self.count(peer.network());
        self.meters.wrong_key(wait.is_some());
        wait.map_or(ApiError::KeyRefused, |wait| ApiError::TooManyAttempts { wait })
    }

    /// How long until the network may fail again, if it has failed too often.
    fn count(&self, network: Network) -> Option<Duration> {
        let now = self.clock.monotonic();
        let mut forgotten = self.forgotten.lock().unwrap_or_else(PoisonError::into_inner);
        let until = forgotten.get(&network).map_or(now, |until| (*until).max(now)) + FORGET;
        let wait = until.checked_sub(now + FORGET * BURST).filter(|wait| !wait.is_zero());
        if wait.is_none() {
            forgotten.insert(network, until);
        }
        wait
    }
}

/// The peer of the connection that a request came by. Headers that claim another one do not count.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(IpAddr);

impl Peer {
    pub(crate) fn of(parts: &Parts) -> Self {
        let peer = parts.extensions.get::<ConnectInfo<std::net::SocketAddr>>();
        // Without a connection, as in a test that calls the router, all are one.
        Self(peer.map_or(Ipv6Addr::UNSPECIFIED.into(), |ConnectInfo(addr)| addr.ip()))
    }

    /// What one person has to themselves: an IPv4 address, or an IPv6 network of 64 bits.
    fn network(self) -> Network {
        match self.0.to_canonical() {
            IpAddr::V4(addr) => Network::V4(addr.octets()),
            IpAddr::V6(addr) => {
                let [a, b, c, d, e, f, g, h, ..] = addr.octets();
                Network::V6([a, b, c, d, e, f, g, h])
            }
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Peer {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::of(parts))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Network {
    V4([u8; 4]),
    V6([u8; 8]),
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use tenant_core::ManualClock;

    use super::*;

    fn attempts() -> (Arc<ManualClock>, Attempts) {
        let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
        (clock.clone(), Attempts::new(clock, Meters::new()))
    }

    fn network(text: &str) -> Network {
        Peer(text.parse().expect("an address")).network()
    }

    #[test]
    fn an_address_may_fail_often_and_then_slowly() {
        let (clock, attempts) = attempts();
        let (mine, other) = (network("192.0.2.1"), network("192.0.2.2"));
        for _ in 0..BURST {
            assert_eq!(attempts.count(mine), None);
        }
        assert_eq!(attempts.count(mine), Some(FORGET));
        assert_eq!(attempts.count(other), None, "nobody pays for another");
        clock.advance(FORGET / 3);
        assert_eq!(attempts.count(mine), Some(FORGET / 3 * 2), "a refused attempt costs nothing more");
        clock.advance(FORGET / 3 * 2);
        assert_eq!(attempts.count(mine), None);
        assert_eq!(attempts.count(mine), Some(FORGET));
        clock.advance(FORGET * BURST * 2);
        for _ in 0..BURST {
            assert_eq!(attempts.count(mine), None, "no more than a burst is saved up");
        }
        assert!(attempts.count(mine).is_some());
    }

    #[test]
    fn a_network_of_64_bits_counts_as_one_address_and_so_does_a_mapped_one() {
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff::2"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
    }

    #[test]
    fn the_addresses_that_are_remembered_are_bounded() {
        let (_, attempts) = attempts();
        for number in 0..2 * ADDRESSES as u32 {
            attempts.count(Network::V4(number.to_be_bytes()));
        }
        assert_eq!(attempts.forgotten.lock().expect("a lock").len(), ADDRESSES);
    }
}
