//! Request to [`Host`]. Which of the places that can name a host counts is a trust decision, and two that disagree are
//! an error.

use http::header::{HOST, HeaderValue};
use http::request::Parts;
use http::uri::{Authority, Scheme, Uri};
use http::{HeaderMap, Version};
use tenant_core::{Host, HostError};

use crate::forwarded;
use crate::proxy::TrustedProxies;

/// Why a request does not say which host it asks for. The message is fit for a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadHost {
    /// No `Host` header in HTTP/1.1, or no host anywhere.
    #[error("the request names no host")]
    Missing,
    /// More than one `Host` header, be they equal (RFC 9112 section 3.2).
    #[error("the request has more than one host header")]
    Duplicate,
    /// The `Host` header names another host or port than the request's target. RFC 9112 section 3.2.2 lets a server
    /// ignore the header then; what stands before this server may have done the opposite.
    #[error("the host header and the request target disagree")]
    Disagreement,
    /// `user@host`: RFC 9110 section 4.2.4 asks to treat it as an error.
    #[error("the host has user information")]
    UserInfo,
    /// What is named is no host.
    #[error(transparent)]
    Invalid(#[from] HostError),
    /// A trusted proxy sent a `Forwarded` or `X-Forwarded-Host` header that cannot be read.
    #[error("the forwarded host is malformed")]
    Forwarded,
    /// `Forwarded` and `X-Forwarded-Host` name different hosts.
    #[error("the forwarded hosts disagree")]
    ForwardedDisagreement,
    /// The tenant header is there more than once, or does not hold one label.
    #[error("the tenant header is malformed")]
    TenantHeader,
}

/// The host that a request asks for.
pub(crate) fn host_of(parts: &Parts, proxies: &TrustedProxies) -> Result<Host, BadHost> {
    let header = the_host_header(&parts.headers)?;
    if header.is_none() && parts.version == Version::HTTP_11 {
        return Err(BadHost::Missing); // RFC 9112 section 3.2, also where the target is in absolute form
    }
    if proxies.sent(parts)
        && let Some(host) = forwarded::host(&parts.headers, proxies)?
    {
        return Ok(host);
    }
    match (parts.uri.authority(), header) {
        (Some(target), Some(header)) => agreed(&parts.uri, target, header),
        (Some(target), None) => Ok(read(target.as_str().as_bytes())?.0),
        (None, Some(header)) => Ok(read(header.as_bytes())?.0),
        (None, None) => Err(BadHost::Missing),
    }
}

/// What the one place says that names a host, where there is no other; it is not read yet.
pub(crate) fn only_authority(parts: &Parts) -> Option<&[u8]> {
    let mut headers = parts.headers.get_all(HOST).iter();
    match (parts.uri.authority(), headers.next(), headers.next()) {
        (None, Some(header), None) => Some(header.as_bytes()),
        (Some(target), None, None) if parts.version != Version::HTTP_11 => Some(target.as_str().as_bytes()),
        _ => None,
    }
}

fn the_host_header(headers: &HeaderMap) -> Result<Option<&HeaderValue>, BadHost> {
    let mut values = headers.get_all(HOST).iter();
    let first = values.next();
    if values.next().is_some() { Err(BadHost::Duplicate) } else { Ok(first) }
}

/// The host that target and header agree on; a port that is not written is the scheme's.
fn agreed(uri: &Uri, target: &Authority, header: &HeaderValue) -> Result<Host, BadHost> {
    let default = default_port(uri.scheme());
    let (target, target_port) = read(target.as_str().as_bytes())?;
    let (header, header_port) = read(header.as_bytes())?;
    if target == header && target_port.or(default) == header_port.or(default) {
        Ok(target)
    } else {
        Err(BadHost::Disagreement)
    }
}

fn default_port(scheme: Option<&Scheme>) -> Option<u16> {
    match scheme?.as_str() {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

/// Reads an authority, telling user information apart from any other character that no host has.
pub(crate) fn read(authority: &[u8]) -> Result<(Host, Option<u16>), BadHost> {
    if authority.contains(&b'@') {
        return Err(BadHost::UserInfo);
    }
    Ok(Host::parse_with_port(authority)?)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn ask(version: Version, target: &str, hosts: &[&[u8]]) -> Result<String, BadHost> {
        let mut request = Request::builder().version(version).uri(target);
        for host in hosts {
            request = request.header(HOST, HeaderValue::from_bytes(host).unwrap());
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        host_of(&parts, &TrustedProxies::default()).map(|host| host.to_string())
    }

    #[test]
    fn http_1_has_exactly_one_host_header() {
        let ask = |hosts: &[&[u8]]| ask(Version::HTTP_11, "/", hosts);
        assert_eq!(ask(&[b"Acme.Example:8585"]), Ok("acme.example".into()));
        assert_eq!(ask(&[]), Err(BadHost::Missing));
        assert_eq!(ask(&[b"acme.example", b"acme.example"]), Err(BadHost::Duplicate));
        assert_eq!(ask(&[b"user@acme.example"]), Err(BadHost::UserInfo));
        assert_eq!(ask(&[b"\xc3\xa4.example"]), Err(BadHost::Invalid(HostError::Character)));
        assert_eq!(ask(&[b""]), Err(BadHost::Invalid(HostError::Empty)));
        assert_eq!(ask(&[b"acme.example:65536"]), Err(BadHost::Invalid(HostError::Port)));
        assert_eq!(tests::ask(Version::HTTP_10, "/", &[]), Err(BadHost::Missing));
    }

    #[test]
    fn an_absolute_target_agrees_with_the_header() {
        let ask = |target, host: &[u8]| ask(Version::HTTP_11, target, &[host]);
        for (target, host) in [
            ("http://acme.example/", &b"acme.example"[..]),
            ("http://ACME.example./", b"acme.example:80"),
            ("https://acme.example:443/", b"acme.example"),
            ("http://acme.example:8585/", b"acme.example:8585"),
            ("http://acme.example:/", b"acme.example"),
        ] {
            assert_eq!(ask(target, host), Ok("acme.example".into()), "{target}");
        }
        for (target, host) in [
            ("http://acme.example/", &b"globex.example"[..]),
            ("http://acme.example/", b"acme.example:8585"),
            ("http://acme.example:1/", b"acme.example:2"),
            ("https://acme.example:80/", b"acme.example"),
        ] {
            assert_eq!(ask(target, host), Err(BadHost::Disagreement), "{target}");
        }
        assert_eq!(ask("http://user@acme.example/", b"acme.example"), Err(BadHost::UserInfo));
        assert_eq!(
            ask("http://acme.example:65536/", b"acme.example"),
            Err(BadHost::Invalid(HostError::Port)),
            "the uri parser lets it through"
        );
    }

    #[test]
    fn only_http_1_1_needs_the_header_beside_an_absolute_target() {
        let target = "http://acme.example/";
        assert_eq!(ask(Version::HTTP_2, target, &[]), Ok("acme.example".into()));
        assert_eq!(ask(Version::HTTP_10, target, &[]), Ok("acme.example".into()));
        assert_eq!(ask(Version::HTTP_11, target, &[]), Err(BadHost::Missing));
    }
}
