//! Request to [`Host`]. Which of the places that can name a host counts is a trust decision, and two that disagree are
//! an error.

use http::request::Parts;
use tenant_core::Host;

use crate::bad_host::BadHost;
use crate::explanation::{Effect, Rule, Step};
use crate::forwarded;
use crate::observe::Observer;
use crate::own::Own;
use crate::proxy::TrustedProxies;

/// The host that a request asks for.
pub(crate) fn host_of(
    parts: &Parts,
    proxies: &TrustedProxies,
    observer: &mut impl Observer,
) -> Result<Host, BadHost> {
    let own = Own::of(parts, observer)?;
    let forwarded = if proxies.sent(&parts.extensions, observer) {
        forwarded::host(&parts.headers, proxies, observer)?
    } else {
        forwarded::tell_ignored(&parts.headers, observer);
        None
    };
    own.tell(forwarded.is_none(), observer);
    let host = match forwarded {
        Some(host) => own.check_loosely().map(|()| host),
        None => own.host(),
    };
    match &host {
        Ok(host) => observer.tell(|| Step::new(Rule::Host, Effect::Holds, host.as_str())),
        Err(why) => observer.tell(|| Step::new(Rule::Host, Effect::Refuses, why.to_string())),
    }
    host
}

#[cfg(test)]
mod tests {
    use http::header::{HOST, HeaderValue};
    use http::{Method, Request, Version};
    use tenant_core::HostError;

    use super::*;
    use crate::observe::Nobody;

    fn ask(version: Version, target: &str, hosts: &[&[u8]]) -> Result<String, BadHost> {
        let mut request = Request::builder().version(version).uri(target);
        for host in hosts {
            request = request.header(HOST, HeaderValue::from_bytes(host).unwrap());
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        host_of(&parts, &TrustedProxies::default(), &mut Nobody).map(|host| host.to_string())
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

    #[test]
    fn a_target_has_the_form_of_its_method() {
        let ask = |method: Method, version, target: &str, host: &str| {
            let request = Request::builder().method(method).version(version).uri(target).header(HOST, host);
            let (parts, ()) = request.body(()).unwrap().into_parts();
            host_of(&parts, &TrustedProxies::default(), &mut Nobody).map(|host| host.to_string())
        };
        let acme = Ok("acme.example".to_owned());
        let (h1, h2) = (Version::HTTP_11, Version::HTTP_2);
        assert_eq!(ask(Method::OPTIONS, h1, "*", "acme.example"), acme);
        assert_eq!(ask(Method::CONNECT, h1, "acme.example:443", "acme.example:443"), acme);
        assert_eq!(ask(Method::CONNECT, h2, "http://acme.example/chat", "acme.example"), acme, "RFC 8441");
        for (method, version, target) in [
            (Method::GET, h1, "*"),
            (Method::GET, h1, "acme.example:443"),
            (Method::CONNECT, h1, "/"),
            (Method::CONNECT, h1, "*"),
            (Method::CONNECT, h1, "http://acme.example/"),
            (Method::CONNECT, h1, "acme.example"),
            (Method::CONNECT, h1, "acme.example:0"),
            (Method::CONNECT, h1, "acme.example:65536"),
        ] {
            assert_eq!(ask(method, version, target, "acme.example:443"), Err(BadHost::Target), "{target}");
        }
    }
}
