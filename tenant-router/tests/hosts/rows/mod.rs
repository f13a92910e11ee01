//! The table, one file for each specification.

mod forwarded;
mod rfc1123;
mod rfc3986;
mod rfc5890;
mod rfc7239;
mod rfc9110;
mod rfc9112;
mod rfc9113;
mod targets;
mod tls;

use crate::table::Must;

pub(crate) fn all() -> impl Iterator<Item = &'static Must> {
    let files = [
        rfc9110::RULES,
        rfc9112::RULES,
        targets::RULES,
        rfc9113::RULES,
        rfc7239::RULES,
        forwarded::RULES,
        rfc3986::RULES,
        rfc1123::RULES,
        rfc5890::RULES,
        tls::RULES,
    ];
    files.into_iter().flatten()
}

/// Texts of the reasons that rows share.
mod why {
    pub(super) const CHARACTER: &str = "the host has a character that is not allowed";
    pub(super) const LABEL: &str = "the host has a malformed label";
    pub(super) const LONG: &str = "the host is too long";
    pub(super) const EMPTY: &str = "the host is empty";
    pub(super) const ADDRESS: &str = "the host is an IP address";
    pub(super) const PORT: &str = "the port is not a port";
    pub(super) const USER: &str = "the host has user information";
    pub(super) const MISSING: &str = "the request names no host";
    pub(super) const TWO: &str = "the request has more than one host header";
    pub(super) const DISAGREE: &str = "the host header and the request target disagree";
    pub(super) const TARGET: &str = "the request target has no form that its method has";
    pub(super) const OWN: &str = "the host that the proxy connected to is malformed";
    pub(super) const FORWARDED: &str = "the forwarded host is malformed";
    pub(super) const FORWARDED_TWO: &str = "the forwarded hosts disagree";
}
