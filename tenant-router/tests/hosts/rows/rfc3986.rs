//! RFC 3986 section 3.2: what an authority is made of. Of its hosts, names alone can be a tenant's.

use super::why;
use crate::table::Ask::{Any, H1, H2};
use crate::table::{Must, acme, at, bad};

pub(super) const RULES: &[Must] = &[
    Must {
        rule: "RFC 3986 3.2.2",
        says: "a host is case-insensitive, and one last dot says that it is rooted",
        accepts: &[
            acme(Any("ACME.BASE.EXAMPLE")),
            acme(Any("acme.base.example.")),
            acme(Any("acme.base.example.:8585")),
            at("shop.example", Any("Shop.Example.")),
        ],
        refuses: &[
            bad(why::LABEL, Any("acme.base.example..")),
            bad(why::LABEL, Any(".acme.base.example")),
            bad(why::LABEL, Any("acme..base.example")),
        ],
    },
    Must {
        rule: "RFC 3986 3.2.2",
        says: "an IP literal stands in brackets, and is no tenant's; nor is an IPv4 address, however it is written",
        accepts: &[at("1.2.3.4.example", Any("1.2.3.4.example"))],
        refuses: &[
            bad(why::ADDRESS, Any("[::1]")),
            bad(why::ADDRESS, Any("[2001:db8::1]:8585")),
            bad(why::ADDRESS, H1("GET / HTTP/1.1\nHost: [v1.a]")),
            bad(why::ADDRESS, H1("GET / HTTP/1.1\nHost: [::1")),
            bad(why::PORT, H1("GET / HTTP/1.1\nHost: ::1")),
            bad(why::PORT, H1("GET / HTTP/1.1\nHost: 2001:db8::1")),
            bad(why::ADDRESS, Any("192.0.2.1")),
            bad(why::ADDRESS, Any("192.0.2.1:8585")),
            bad(why::ADDRESS, Any("192.0.2.1.")),
            bad(why::ADDRESS, Any("127.1")),
            bad(why::ADDRESS, Any("2130706433")),
            bad(why::ADDRESS, Any("0x7f000001")),
            bad(why::ADDRESS, Any("127.0.0.0X1")),
            bad(why::ADDRESS, Any("0177.0.0.1")),
        ],
    },
    Must {
        rule: "RFC 3986 3.2.2",
        says: "a registered name may hold percent signs and sub-delimiters, which no name of a host does: nothing is decoded",
        accepts: &[acme(Any("acme.base.example"))],
        refuses: &[
            bad(why::CHARACTER, Any("acme%2ebase.example")),
            bad(why::CHARACTER, Any("%61cme.base.example")),
            bad(why::CHARACTER, Any("acme.base.example%00")),
            bad(why::CHARACTER, Any("acme_x.base.example")),
            bad(why::CHARACTER, Any("_acme.base.example")),
            bad(why::CHARACTER, Any("acme~.base.example")),
            bad(why::CHARACTER, Any("acme!.base.example")),
            bad(why::CHARACTER, Any("*.base.example")),
            bad(why::CHARACTER, Any("acme\\.base.example")),
            bad(why::CHARACTER, Any("acme.base.example$")),
            bad(why::CHARACTER, Any("(acme).base.example")),
        ],
    },
    Must {
        rule: "RFC 3986 3.2.3",
        says: "port = *DIGIT, of which TCP has 16 bits",
        accepts: &[
            acme(Any("acme.base.example:")),
            acme(Any("acme.base.example:0")),
            acme(Any("acme.base.example:65535")),
            acme(Any("acme.base.example:00080")),
        ],
        refuses: &[
            bad(why::PORT, Any("acme.base.example:65536")),
            bad(why::PORT, Any("acme.base.example:18446744073709551696")),
            bad(why::PORT, H1("GET / HTTP/1.1\nHost: acme.base.example:http")),
            bad(why::PORT, H1("GET / HTTP/1.1\nHost: acme.base.example:-1")),
            bad(why::PORT, H1("GET / HTTP/1.1\nHost: acme.base.example:+80")),
            bad(why::PORT, H1("GET / HTTP/1.1\nHost: acme.base.example: 80")),
            bad(why::PORT, H1("GET / HTTP/1.1\nHost: acme.base.example:80x")),
            bad(why::PORT, H2("host: acme.base.example:80 ")),
        ],
    },
];
