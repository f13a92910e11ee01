//! [`ServedCertificate`]: which hosts the certificate of a connection is good for.

use std::sync::Arc;

use http::request::Parts;
use tenant_core::Host;

use crate::explanation::{Effect, Rule, Step};
use crate::observe::{Nobody, Observer};
use crate::proxy::TrustedProxies;

/// The DNS names of the certificate that the server showed on the connection that a request came over, as a request
/// extension. Cheap to clone: make one for each certificate, and put it on every request of its connections.
///
/// It counts where [`TenantLayer::check_certificate`](crate::TenantLayer::check_certificate) is on.
///
/// ```
/// use tenant_core::Host;
/// use tenant_router::ServedCertificate;
///
/// let served = ServedCertificate::new(["*.your-domain.com", "your-domain.com"]);
/// let covers = |host: &str| Ok::<_, tenant_core::HostError>(served.covers(&host.parse::<Host>()?));
/// assert!(covers("acme.your-domain.com")? && covers("your-domain.com")?);
/// assert!(!covers("a.b.your-domain.com")? && !covers("shop.example")?);
/// # Ok::<(), tenant_core::HostError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServedCertificate(Arc<[Pattern]>);

#[derive(Debug, PartialEq, Eq)]
enum Pattern {
    Exact(Host),
    /// One label before this.
    Wildcard(Host),
}

impl ServedCertificate {
    /// The `dNSName`s of the certificate's subject alternative names. What is no DNS name covers no host and is left out:
    /// an address, or a wildcard that is not the whole first label (RFC 9525 section 6.3).
    pub fn new<N: AsRef<str>>(names: impl IntoIterator<Item = N>) -> Self {
        Self(names.into_iter().filter_map(|name| Pattern::parse(name.as_ref())).collect())
    }

    /// Whether it is good for a host: by an exact name, or by a wildcard in place of exactly one label (RFC 9110 section
    /// 4.3.4, RFC 6125 section 6.4.3).
    pub fn covers(&self, host: &Host) -> bool {
        self.0.iter().any(|pattern| pattern.matches(host))
    }
}

/// Whether the request came over a connection whose certificate is not for its host.
pub(crate) fn is_misdirected(
    parts: &Parts,
    host: &Host,
    proxies: &TrustedProxies,
    observer: &mut impl Observer,
) -> bool {
    let mut tell = |effect, text: &str| observer.tell(|| Step::new(Rule::Certificate, effect, text));
    match parts.extensions.get::<ServedCertificate>() {
        None => tell(Effect::Absent, "none is told"),
        Some(_) if proxies.sent(&parts.extensions, &mut Nobody) => {
            tell(Effect::Ignored, "the peer is a trusted proxy")
        }
        Some(served) if served.covers(host) => tell(Effect::Holds, "covers the host"),
        Some(_) => {
            tell(Effect::Refuses, "does not cover the host");
            return true;
        }
    }
    false
}

impl Pattern {
    fn parse(name: &str) -> Option<Self> {
        match name.strip_prefix("*.") {
            Some(rest) => name_alone(rest).map(Self::Wildcard),
            None => name_alone(name).map(Self::Exact),
        }
    }

    fn matches(&self, host: &Host) -> bool {
        match self {
            Self::Exact(name) => name == host,
            Self::Wildcard(rest) => {
                host.as_str().split_once('.').is_some_and(|(_, after)| after == rest.as_str())
            }
        }
    }
}

/// A certificate has no port in its names.
fn name_alone(name: &str) -> Option<Host> {
    if name.contains(':') { None } else { name.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(names: &[&str], host: &str) -> bool {
        ServedCertificate::new(names).covers(&host.parse().unwrap())
    }

    #[test]
    fn an_exact_name_covers_itself_alone() {
        assert!(covers(&["Shop.Example."], "shop.example"));
        assert!(covers(&["other.example", "shop.example"], "shop.example"));
        assert!(!covers(&["shop.example"], "www.shop.example"));
        assert!(!covers(&["www.shop.example"], "shop.example"));
        assert!(!covers(&[], "shop.example"));
    }

    #[test]
    fn a_wildcard_covers_exactly_one_label() {
        assert!(covers(&["*.your-domain.com"], "acme.your-domain.com"));
        assert!(covers(&["*.localhost"], "acme.localhost"));
        assert!(covers(&["*.YOUR-domain.com"], "xn--bcher-kva.your-domain.com"));
        for host in
            ["your-domain.com", "a.b.your-domain.com", "acmeyour-domain.com", "acme.your-domain.com.example"]
        {
            assert!(!covers(&["*.your-domain.com"], host), "{host}");
        }
    }

    #[test]
    fn what_is_no_dns_name_covers_nothing() {
        for name in [
            "",
            "*",
            "*.",
            "a*.your-domain.com",
            "*a.your-domain.com",
            "acme.*.com",
            "*.*.com",
            "192.0.2.1",
            "acme.your-domain.com:443",
            "*.your-domain.com:443",
            "bücher.example",
            "user@acme.your-domain.com",
        ] {
            assert_eq!(ServedCertificate::new([name]), ServedCertificate::new::<&str>([]), "{name}");
        }
    }
}
