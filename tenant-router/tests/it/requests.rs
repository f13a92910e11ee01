//! Random requests, most of them nearly right.

use http::{Method, Version};
use proptest::prelude::*;

/// A request as it would come from a server.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) version: Version,
    pub(crate) target: String,
    pub(crate) peer: &'static str,
    pub(crate) headers: Vec<(&'static str, String)>,
}

/// The labels of every case of the directory, in spellings that are theirs and others.
const LABELS: &[&str] = &[
    "acme",
    "ACME",
    "company-x",
    "companyx",
    "c-ompanyx",
    "new",
    "unpaid",
    "quiet",
    "expired",
    "leav-ing",
    "leaving",
    "missed",
    "missednew",
    "missed-xy",
    "missedxy",
    "missedx-y",
    "nobody",
    "away",
    "stale",
    "stopped",
    "stranded",
    "stranger",
    "shop",
    "xn--a",
    "1-2",
    "a.acme",
    "-a",
    "",
    "eu",
    "acme_x",
    "u@acme",
    "a23456789012345678901234567890123456789012",
    "6f1c3d6e58b24f0e9a571f0b8a2d77c4",
];
const BASES: &[&str] = &["base.example", "Base.EXAMPLE", "eu.base.example", "xbase.example", "any.example"];
const WHOLE: &[&str] = &[
    "base.example",
    "shop.example",
    "SHOP.example",
    "elsewhere.example",
    "lost.example",
    "mistaken.example",
    "127.0.0.1",
    "[::1]",
    "localhost",
];
const TAILS: &[&str] = &[".", ":", ":80", ":8585", ":0", ":65535", ":65536", ".:80", "%", ":80:80"];

/// Heavily on the side of what is right: the short way takes no other.
fn authority() -> impl Strategy<Value = String> {
    let label = prop_oneof![2 => Just("acme"), 3 => prop::sample::select(LABELS)];
    let base = prop_oneof![4 => Just("base.example"), 2 => prop::sample::select(BASES)];
    let host = prop_oneof![
        6 => (label, base).prop_map(|(label, base)| format!("{label}.{base}")),
        1 => prop::sample::select(WHOLE).prop_map(str::to_owned),
    ];
    let tail = prop_oneof![3 => Just(""), 2 => prop::sample::select(TAILS)];
    (host, tail).prop_map(|(host, tail)| host + tail)
}

/// Targets of every form; a server of HTTP/2 makes an absolute one of `:authority`.
fn target() -> impl Strategy<Value = String> {
    let path = || prop::sample::select(vec!["/", "/install", ""]);
    prop_oneof![
        4 => path().prop_map(|path| if path.is_empty() { "/".to_owned() } else { path.to_owned() }),
        4 => (prop::sample::select(vec!["http", "https"]), authority(), path())
            .prop_map(|(scheme, authority, path)| format!("{scheme}://{authority}{path}")),
        1 => authority(),
        1 => Just("*".to_owned()),
    ]
}

fn headers() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let hosts = prop_oneof![
        3 => prop::collection::vec(authority(), 0..=1),
        1 => prop::collection::vec(authority(), 0..=2),
        1 => authority().prop_map(|authority| vec![authority.clone(), authority]),
    ];
    let tenants = prop_oneof![
        3 => Just(Vec::new()),
        1 => prop::collection::vec(prop::sample::select(LABELS).prop_map(str::to_owned), 1..=2),
    ];
    let forwarded = prop_oneof![
        4 => Just(None),
        1 => authority().prop_map(|host| Some(("forwarded", format!("for=192.0.2.1;host=\"{host}\"")))),
        1 => authority().prop_map(|host| Some(("x-forwarded-host", host))),
    ];
    let accept = prop::sample::select(vec![
        None,
        None,
        Some(("accept", "application/problem+json")),
        Some(("content-type", "application/grpc")),
    ]);
    (hosts, tenants, forwarded, accept).prop_map(|(hosts, tenants, forwarded, accept)| {
        let hosts = hosts.into_iter().map(|host| ("host", host));
        let tenants = tenants.into_iter().map(|tenant| ("x-tenant", tenant));
        let accept = accept.map(|(name, value)| (name, value.to_owned()));
        hosts.chain(tenants).chain(forwarded).chain(accept).collect()
    })
}

pub(crate) fn asked() -> impl Strategy<Value = Asked> {
    let method = prop_oneof![
        6 => Just(Method::GET),
        1 => Just(Method::OPTIONS),
        1 => Just(Method::CONNECT),
    ];
    let version = prop_oneof![
        1 => Just(Version::HTTP_10),
        4 => Just(Version::HTTP_11),
        4 => Just(Version::HTTP_2),
        1 => Just(Version::HTTP_3),
    ];
    let peer = prop::sample::select(vec!["10.0.0.1:4711", "[::ffff:10.0.0.1]:4711", "192.0.2.7:4711"]);
    (method, version, target(), peer, headers()).prop_map(|(method, version, target, peer, headers)| Asked {
        method,
        version,
        target,
        peer,
        headers,
    })
}
