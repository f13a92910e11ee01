//! RFC 9110, HTTP semantics: the `Host` field, the URI it stands for, values of fields.

use super::why;
use crate::table::Ask::{Any, H1, H2};
use crate::table::{Must, Outcome, acme, at, bad, malformed, row};

pub(super) const RULES: &[Must] = &[
    Must {
        rule: "RFC 9110 7.2",
        says: "Host = uri-host [ \":\" port ]",
        accepts: &[
            acme(Any("acme.base.example")),
            acme(Any("acme.base.example:8585")),
            at("shop.example", Any("shop.example")),
        ],
        refuses: &[
            bad(why::CHARACTER, Any("acme.base.example/")),
            bad(why::CHARACTER, Any("acme.base.example?x")),
            bad(why::CHARACTER, Any("acme.base.example#x")),
            bad(why::CHARACTER, Any("acme.base.example,acme.base.example")),
            bad(why::CHARACTER, Any("acme.base.example;x")),
            bad(why::CHARACTER, H1("GET / HTTP/1.1\nHost: acme.base.example acme.base.example")),
            bad(why::PORT, Any("http://acme.base.example")),
            bad(why::PORT, Any("acme.base.example:80:80")),
        ],
    },
    Must {
        rule: "RFC 9110 4.2.1",
        says: "a recipient that processes an http URI with an empty host MUST reject it as invalid",
        accepts: &[acme(H1("GET http://acme.base.example/ HTTP/1.1\nHost: acme.base.example"))],
        refuses: &[
            bad(why::EMPTY, H1("GET / HTTP/1.1\nHost:")),
            bad(why::EMPTY, H1("GET / HTTP/1.1\nHost: :8585")),
            bad(why::EMPTY, H1("GET / HTTP/1.1\nHost: .")),
            bad(why::EMPTY, H2("host: ")),
            malformed(H1("GET http:/// HTTP/1.1\nHost: acme.base.example")),
            malformed(H1("GET http://:80/ HTTP/1.1\nHost: acme.base.example")),
            malformed(H2(":authority: ")),
            malformed(H2(":authority: :80")),
        ],
    },
    Must {
        rule: "RFC 9110 4.2.3",
        says: "scheme and host are case-insensitive, and an empty or default port is none",
        accepts: &[
            acme(Any("ACME.Base.EXAMPLE")),
            acme(Any("acme.base.example:")),
            acme(H1("GET HTTP://Acme.base.example:80/ HTTP/1.1\nHost: acme.base.example")),
            acme(H1("GET https://acme.base.example/ HTTP/1.1\nHost: acme.base.example:443")),
            acme(H2(":authority: acme.base.example\nhost: ACME.base.example:80")),
            acme(H2(":scheme: https\n:authority: acme.base.example\nhost: acme.base.example:443")),
        ],
        refuses: &[
            bad(why::DISAGREE, H1("GET https://acme.base.example/ HTTP/1.1\nHost: acme.base.example:80")),
            bad(why::DISAGREE, H1("GET http://acme.base.example:8585/ HTTP/1.1\nHost: acme.base.example")),
            bad(
                why::DISAGREE,
                H2(":scheme: https\n:authority: acme.base.example\nhost: acme.base.example:80"),
            ),
        ],
    },
    Must {
        rule: "RFC 9110 4.2.4",
        says: "user information from an untrusted source is treated as an error",
        accepts: &[acme(Any("acme.base.example"))],
        refuses: &[
            bad(why::USER, Any("user@acme.base.example")),
            bad(why::USER, Any("user:secret@acme.base.example")),
            bad(why::USER, Any("acme.base.example@shop.example")),
            bad(why::USER, Any("@acme.base.example")),
            bad(why::USER, H1("GET http://user@acme.base.example/ HTTP/1.1\nHost: acme.base.example")),
            bad(why::USER, H1("GET http://user@acme.base.example/ HTTP/1.1\nHost: user@acme.base.example")),
        ],
    },
    Must {
        rule: "RFC 9110 5.5",
        says: "a value with CR, LF or NUL is invalid; white space around a value is no part of it",
        accepts: &[
            acme(H1("GET / HTTP/1.1\nHost:acme.base.example")),
            acme(H1("GET / HTTP/1.1\nHost: \t acme.base.example \t ")),
        ],
        refuses: &[
            malformed(Any("acme.base.example\0")),
            malformed(Any("acme\0.base.example")),
            malformed(Any("acme.base.example\x01")),
            malformed(Any("acme.base.example\x7f")),
            malformed(H1("GET / HTTP/1.1\nHost: acme.base.example\rx")),
            malformed(H2("host: acme.base.example\rx")),
            bad(why::CHARACTER, H1("GET / HTTP/1.1\nHost: acme\t.base.example")),
        ],
    },
    Must {
        rule: "RFC 9110 6.5.1",
        says: "what routes a request is no trailer field",
        accepts: &[acme(H1(concat!(
            "POST / HTTP/1.1\nHost: acme.base.example\nTransfer-Encoding: chunked\nTrailer: Host\n\n",
            "0\nHost: shop.example\nX-Forwarded-Host: shop.example"
        )))],
        refuses: &[bad(
            why::MISSING,
            H1("POST / HTTP/1.1\nTransfer-Encoding: chunked\nTrailer: Host\n\n0\nHost: acme.base.example"),
        )],
    },
    Must {
        rule: "RFC 9110 9.3.6",
        says: "a server MUST reject a CONNECT that targets an empty or invalid port",
        accepts: &[row(
            H1("CONNECT acme.base.example:443 HTTP/1.1\nHost: acme.base.example:443"),
            Outcome::Handled,
        )],
        refuses: &[
            bad(why::TARGET, H1("CONNECT acme.base.example HTTP/1.1\nHost: acme.base.example")),
            bad(why::TARGET, H1("CONNECT acme.base.example: HTTP/1.1\nHost: acme.base.example")),
            bad(why::TARGET, H1("CONNECT acme.base.example:0 HTTP/1.1\nHost: acme.base.example:0")),
            bad(why::TARGET, H1("CONNECT acme.base.example:65536 HTTP/1.1\nHost: acme.base.example:65536")),
            malformed(H1("CONNECT acme.base.example:http HTTP/1.1\nHost: acme.base.example:http")),
        ],
    },
];
