//! What a request itself says of its host: its target and its `Host` header.

use http::header::{HOST, HeaderValue};
use http::request::Parts;
use http::uri::{Authority, Scheme};
use http::{HeaderMap, Method, Version};
use tenant_core::Host;

use crate::bad_host::{BadHost, read};
use crate::explanation::{Effect, Rule, Step};
use crate::head::Head;
use crate::loose;
use crate::observe::{Observer, all_shown, refused, shown};

/// The authority of a request's target, and its one `Host` header.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Own<'a> {
    target: Option<&'a Authority>,
    header: Option<&'a HeaderValue>,
    default_port: Option<u16>,
}

impl<'a> Own<'a> {
    /// Checks that target and header are there as their version of HTTP has them, and not yet what they say.
    pub(crate) fn of(parts: &'a Parts, observer: &mut impl Observer) -> Result<Self, BadHost> {
        if !target_is_proper(Head::from(parts)) {
            observer.tell(|| refused(Rule::Target, BadHost::Target, &parts.uri.to_string()));
            return Err(BadHost::Target);
        }
        let header = the_host_header(&parts.headers).inspect_err(|why| {
            observer.tell(|| refused(Rule::HostHeader, *why, &all_shown(&parts.headers, HOST)));
        })?;
        if header.is_none() && parts.version == Version::HTTP_11 {
            // RFC 9112 section 3.2, also where the target is in absolute form
            observer.tell(|| Step::new(Rule::HostHeader, Effect::Refuses, BadHost::Missing.to_string()));
            return Err(BadHost::Missing);
        }
        Ok(Self { target: parts.uri.authority(), header, default_port: default_port(parts.uri.scheme()) })
    }

    /// The host that target and header agree on; a port that is not written is the scheme's.
    pub(crate) fn host(&self) -> Result<Host, BadHost> {
        match (self.target, self.header) {
            (Some(target), Some(header)) => {
                let (target, target_port) = read(target.as_str().as_bytes())?;
                let (header, header_port) = read(header.as_bytes())?;
                if target == header && self.port(target_port) == self.port(header_port) {
                    Ok(target)
                } else {
                    Err(BadHost::Disagreement)
                }
            }
            (Some(target), None) => Ok(read(target.as_str().as_bytes())?.0),
            (None, Some(header)) => Ok(read(header.as_bytes())?.0),
            (None, None) => Err(BadHost::Missing),
        }
    }

    /// Whether a proxy may name its connection so. It need not use a name that a tenant could have, but what is no
    /// authority at all, or two of them, is refused whoever sends it (RFC 9112 section 3.2).
    pub(crate) fn check_loosely(&self) -> Result<(), BadHost> {
        let read = |bytes| loose::read(bytes).ok_or(BadHost::Own);
        let target = self.target.map(|target| read(target.as_str().as_bytes())).transpose()?;
        let header = self.header.map(|header| read(header.as_bytes())).transpose()?;
        match (target, header) {
            (Some((target, target_port)), Some((header, header_port)))
                if !target.eq_ignore_ascii_case(header)
                    || self.port(target_port) != self.port(header_port) =>
            {
                Err(BadHost::Disagreement)
            }
            _ => Ok(()),
        }
    }

    fn port(&self, written: Option<u16>) -> Option<u16> {
        written.or(self.default_port)
    }

    /// Says which of the two there are. `counts` is whether they decide.
    pub(crate) fn tell<O: Observer>(&self, counts: bool, observer: &mut O) {
        if !O::WATCHES {
            return;
        }
        let (effect, why) =
            if counts { (Effect::Counts, "") } else { (Effect::Ignored, ": the proxy's own") };
        let texts = [
            (Rule::Target, self.target.map(|target| target.as_str().as_bytes())),
            (Rule::HostHeader, self.header.map(HeaderValue::as_bytes)),
        ];
        for (rule, said) in texts {
            observer.tell(|| match said {
                Some(bytes) => Step::new(rule, effect, format!("{}{why}", shown(bytes))),
                None => Step::new(rule, Effect::Absent, "names no host"),
            });
        }
    }
}

/// What the one place says that names a host, where there is no other; it is not read yet.
pub(crate) fn only_place(head: Head<'_>) -> Option<&[u8]> {
    let mut headers = head.headers.get_all(HOST).iter();
    match (head.uri.authority(), headers.next(), headers.next()) {
        _ if !target_is_proper(head) => None,
        (None, Some(header), None) => Some(header.as_bytes()),
        (Some(target), None, None) if head.version != Version::HTTP_11 => Some(target.as_str().as_bytes()),
        _ => None,
    }
}

/// Whether the target has a form that its method has (RFC 9112 section 3.2, RFC 9113 sections 8.3.1 and 8.5).
fn target_is_proper(head: Head<'_>) -> bool {
    let (uri, connects) = (head.uri, *head.method == Method::CONNECT);
    if let (None, Some(authority)) = (uri.scheme(), uri.authority()) {
        // A tunnel has no default port (RFC 9110 section 9.3.6).
        return connects && authority.port_u16().is_some_and(|port| port > 0);
    }
    let path = uri.path();
    if path.starts_with('/') {
        // RFC 8441: in HTTP/2 an extended CONNECT has a scheme and a path.
        !connects || (head.version > Version::HTTP_11 && uri.scheme().is_some())
    } else {
        path == "*" && *head.method == Method::OPTIONS
    }
}

fn the_host_header(headers: &HeaderMap) -> Result<Option<&HeaderValue>, BadHost> {
    let mut values = headers.get_all(HOST).iter();
    let first = values.next();
    if values.next().is_some() { Err(BadHost::Duplicate) } else { Ok(first) }
}

fn default_port(scheme: Option<&Scheme>) -> Option<u16> {
    match scheme?.as_str() {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}
