//! RFC 9112 sections 3.2.1 to 3.2.4: the forms of a request's target, and what they say of the host.

use super::why;
use crate::table::Ask::H1;
use crate::table::{Must, Outcome, Setup, acme, bad, malformed, row};

pub(super) const RULES: &[Must] = &[
    Must {
        rule: "RFC 9112 3.2.1",
        says: "origin-form: an absolute path, and the host in the Host field",
        accepts: &[
            acme(H1("GET /a/b?c=//shop.example/ HTTP/1.1\nHost: acme.base.example")),
            acme(H1("GET //shop.example/ HTTP/1.1\nHost: acme.base.example")),
        ],
        refuses: &[
            malformed(H1("GET shop.example HTTP/1.1\nHost: acme.base.example")),
            malformed(H1("GET ?a HTTP/1.1\nHost: acme_x.base.example")),
            malformed(H1("GET  HTTP/1.1\nHost: acme.base.example")),
        ],
    },
    Must {
        rule: "RFC 9112 3.2.2",
        says: "a server MUST accept the absolute-form",
        accepts: &[
            acme(H1("GET http://acme.base.example/x HTTP/1.1\nHost: acme.base.example")),
            acme(H1("GET http://acme.base.example HTTP/1.1\nHost: acme.base.example")),
            acme(H1("GET http://acme.base.example?x HTTP/1.1\nHost: acme.base.example")),
            acme(H1("GET http://acme.base.example:8585/ HTTP/1.1\nHost: acme.base.example:8585")),
            acme(H1("GET http://acme.base.example./ HTTP/1.1\nHost: acme.base.example")),
        ],
        refuses: &[
            bad(why::PORT, H1("GET http://acme.base.example:65536/ HTTP/1.1\nHost: acme.base.example:65536")),
            bad(why::CHARACTER, H1("GET http://acme_x.base.example/ HTTP/1.1\nHost: acme_x.base.example")),
            bad(why::ADDRESS, H1("GET http://127.0.0.1/ HTTP/1.1\nHost: 127.0.0.1")),
        ],
    },
    Must {
        rule: "design 3",
        says: "a Host that disagrees with an absolute target is refused, where RFC 9112 3.2.2 ignores it",
        accepts: &[acme(H1("GET http://ACME.base.example:80/ HTTP/1.1\nHost: acme.base.example."))],
        refuses: &[
            bad(why::DISAGREE, H1("GET http://acme.base.example/ HTTP/1.1\nHost: company-x.base.example")),
            bad(why::DISAGREE, H1("GET http://acme.base.example/ HTTP/1.1\nHost: acme.base.example:8585")),
            bad(why::DISAGREE, H1("GET http://acme.base.example:1/ HTTP/1.1\nHost: acme.base.example:2")),
            bad(why::EMPTY, H1("GET http://acme.base.example/ HTTP/1.1\nHost:")),
            bad(
                why::DISAGREE,
                H1("GET http://app/ HTTP/1.1\nHost: other\nForwarded: host=acme.base.example"),
            )
            .to(Setup::Proxy),
        ],
    },
    Must {
        rule: "RFC 9112 3.2.3",
        says: "authority-form is for CONNECT alone, and CONNECT has no other",
        accepts: &[
            row(H1("CONNECT acme.base.example:443 HTTP/1.1\nHost: acme.base.example:443"), Outcome::Handled),
            row(H1("CONNECT ACME.base.example:80 HTTP/1.1\nHost: acme.base.example:80"), Outcome::Handled),
        ],
        refuses: &[
            bad(why::TARGET, H1("GET acme.base.example HTTP/1.1\nHost: acme.base.example")),
            bad(why::TARGET, H1("GET acme.base.example:80 HTTP/1.1\nHost: acme.base.example:80")),
            bad(why::TARGET, H1("OPTIONS acme.base.example:80 HTTP/1.1\nHost: acme.base.example:80")),
            bad(why::TARGET, H1("CONNECT / HTTP/1.1\nHost: acme.base.example")),
            bad(why::TARGET, H1("CONNECT * HTTP/1.1\nHost: acme.base.example")),
            bad(why::TARGET, H1("CONNECT http://acme.base.example:80/ HTTP/1.1\nHost: acme.base.example:80")),
            bad(why::DISAGREE, H1("CONNECT acme.base.example:443 HTTP/1.1\nHost: shop.example:443")),
            bad(why::DISAGREE, H1("CONNECT acme.base.example:443 HTTP/1.1\nHost: acme.base.example")),
            bad(why::MISSING, H1("CONNECT acme.base.example:443 HTTP/1.1")),
        ],
    },
    Must {
        rule: "RFC 9112 3.2.4",
        says: "asterisk-form is for OPTIONS alone",
        accepts: &[
            acme(H1("OPTIONS * HTTP/1.1\nHost: acme.base.example")),
            acme(H1("OPTIONS / HTTP/1.1\nHost: acme.base.example")),
        ],
        refuses: &[
            bad(why::TARGET, H1("GET * HTTP/1.1\nHost: acme.base.example")),
            bad(why::TARGET, H1("POST * HTTP/1.1\nHost: acme.base.example")),
            malformed(H1("OPTIONS ** HTTP/1.1\nHost: acme.base.example")),
            bad(why::MISSING, H1("OPTIONS * HTTP/1.1")),
        ],
    },
];
