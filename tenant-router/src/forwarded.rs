//! The host that a trusted proxy says its client asked for: `Forwarded` (RFC 7239) and `X-Forwarded-Host`.
//!
//! Proxies append, so what stands furthest right was written by the nearest one, and everything else may be the client's
//! own. The nearest trusted hop that names a host decides.

use http::HeaderMap;
use http::header::FORWARDED;
use tenant_core::Host;

use crate::bad_host::{BadHost, read};
use crate::explanation::{Effect, Rule, Step};
use crate::forwarded_element::{Element, next_element};
use crate::observe::{Observer, all_shown, refused, shown};
use crate::proxy::TrustedProxies;

const X_FORWARDED_HOST: &str = "x-forwarded-host";

/// The forwarded host, if the proxy names one; both headers must name the same where both do.
pub(crate) fn host(
    headers: &HeaderMap,
    proxies: &TrustedProxies,
    observer: &mut impl Observer,
) -> Result<Option<Host>, BadHost> {
    let standard = from_forwarded(headers, proxies, observer).inspect_err(|why| {
        observer.tell(|| refused(Rule::Forwarded, *why, &all_shown(headers, FORWARDED)));
    })?;
    let common = from_x_forwarded_host(headers, observer).inspect_err(|why| {
        observer.tell(|| refused(Rule::XForwardedHost, *why, &all_shown(headers, X_FORWARDED_HOST)));
    })?;
    match (standard, common) {
        (Some(standard), Some(common)) if standard != common => {
            let why = BadHost::ForwardedDisagreement;
            observer.tell(|| refused(Rule::XForwardedHost, why, &format!("{standard}, {common}")));
            Err(why)
        }
        (standard, common) => Ok(standard.or(common)),
    }
}

/// Says that somebody who is not trusted forwards a host.
pub(crate) fn tell_ignored<O: Observer>(headers: &HeaderMap, observer: &mut O) {
    if !O::WATCHES {
        return;
    }
    for (rule, name) in [(Rule::Forwarded, FORWARDED.as_str()), (Rule::XForwardedHost, X_FORWARDED_HOST)] {
        for value in headers.get_all(name) {
            let text = format!("{}: not from a trusted proxy", shown(value.as_bytes()));
            observer.tell(|| Step::new(rule, Effect::Ignored, text));
        }
    }
}

/// The last item of the last line. An empty one is refused and not skipped: the one before it may be the client's own.
fn from_x_forwarded_host(headers: &HeaderMap, observer: &mut impl Observer) -> Result<Option<Host>, BadHost> {
    let Some(last) = headers.get_all(X_FORWARDED_HOST).iter().next_back() else { return Ok(None) };
    let item = last.as_bytes().rsplit(|&b| b == b',').next().unwrap_or_default();
    let host = read_forwarded(item.trim_ascii())?;
    observer.tell(|| {
        let text = if item.len() == last.len() {
            host.to_string()
        } else {
            format!("{host}, the last of {}", shown(last.as_bytes()))
        };
        Step::new(Rule::XForwardedHost, Effect::Counts, text)
    });
    Ok(Some(host))
}

/// Goes through the elements from left to right and keeps what going from the right would find: an element with a host
/// replaces what was found; one without hides it, unless the hop before it is trusted too.
fn from_forwarded<O: Observer>(
    headers: &HeaderMap,
    proxies: &TrustedProxies,
    observer: &mut O,
) -> Result<Option<Host>, BadHost> {
    let mut found = None;
    let mut told = Told::default();
    for line in headers.get_all(FORWARDED) {
        let mut rest = line.as_bytes();
        while let Some(element) = next_element(&mut rest)? {
            let trusted = element.client_address().is_some_and(|ip| proxies.contain(ip));
            if O::WATCHES {
                told.keep(&element, trusted);
            }
            if element.host.is_some() {
                found = element.host;
            } else if !trusted {
                found = None;
            }
        }
    }
    told.tell(found.is_some(), observer);
    found.map(|host| read_forwarded(&host)).transpose()
}

/// What is told of the elements, which is clear only when all are read.
#[derive(Default)]
struct Told {
    elements: Vec<(String, bool)>,
}

impl Told {
    fn keep(&mut self, element: &Element<'_>, trusted: bool) {
        let hop = || element.client.as_deref().map_or_else(|| "nobody".to_owned(), |c| shown(c).to_string());
        let text = match &element.host {
            Some(host) => format!("host {}", shown(host)),
            None if trusted => format!("no host, for {}, which is trusted", hop()),
            None => format!("no host, for {}, which is not trusted", hop()),
        };
        self.elements.push((text, element.host.is_some()));
    }

    /// The last one with a host counts, where any does.
    fn tell(self, any: bool, observer: &mut impl Observer) {
        let counts = self.elements.iter().rposition(|(_, names)| *names).filter(|_| any);
        for (number, (text, names)) in self.elements.into_iter().enumerate() {
            let effect = match names {
                true if counts == Some(number) => Effect::Counts,
                true => Effect::Ignored,
                false => Effect::Absent,
            };
            observer.tell(|| Step::new(Rule::Forwarded, effect, text));
        }
    }
}

fn read_forwarded(authority: &[u8]) -> Result<Host, BadHost> {
    read(authority).map(|(host, _)| host).map_err(|_| BadHost::Forwarded)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::observe::Nobody;

    fn ask(lines: &[(&'static str, &str)]) -> Result<Option<String>, BadHost> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let proxies = TrustedProxies::from_iter(["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()]);
        host(&headers, &proxies, &mut Nobody).map(|host| host.map(|host| host.to_string()))
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
        assert_eq!(forwarded("host=spoofed.example, for=10.0.0.7junk"), Ok(None));
        assert_eq!(forwarded("host=spoofed.example, ;"), Ok(None), "a proxy that tells nothing");
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
            "by=a;by=a;host=acme.example",
            "proto=http;PROTO=http;host=acme.example",
            "host =acme.example",
            "host= acme.example",
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
