//! [`BadHost`]: why a request does not say which host it asks for; and the one reading of an authority.

use tenant_core::{Host, HostError};

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
    /// The target has no form that its method has (RFC 9112 section 3.2, RFC 9113 sections 8.3.1 and 8.5): `*` is for
    /// `OPTIONS`, an authority for `CONNECT`, which needs its port.
    #[error("the request target has no form that its method has")]
    Target,
    /// `user@host`: RFC 9110 section 4.2.4 asks to treat it as an error.
    #[error("the host has user information")]
    UserInfo,
    /// What is named is no host.
    #[error(transparent)]
    Invalid(#[from] HostError),
    /// A trusted proxy forwards a host, and names its own connection by what is no authority at all (RFC 9112 section
    /// 3.2). Any name or address would do.
    #[error("the host that the proxy connected to is malformed")]
    Own,
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

/// Reads an authority, telling user information apart from any other character that no host has.
pub(crate) fn read(authority: &[u8]) -> Result<(Host, Option<u16>), BadHost> {
    if authority.contains(&b'@') {
        return Err(BadHost::UserInfo);
    }
    Ok(Host::parse_with_port(authority)?)
}
