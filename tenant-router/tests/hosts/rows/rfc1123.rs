//! RFC 1123 section 2.1 and RFC 1035 section 2.3.4: names of hosts, and how long they are.

use super::why;
use crate::table::Ask::Any;
use crate::table::{Must, Outcome, acme, at, bad, row};
use crate::watch::LONGEST;

/// One character more than [`LONGEST`].
const TOO_LONG: &str = concat!(
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.",
    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.",
    "ccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc.",
    "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
);
/// A label of 64 characters.
const LONG_LABEL: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example";

pub(super) const RULES: &[Must] = &[
    Must {
        rule: "RFC 1123 2.1",
        says: "a label is letters, digits and inner hyphens, and may begin with a digit",
        accepts: &[
            at("3com.example", Any("3com.example")),
            at("123.example", Any("123.example")),
            at("a--b.example", Any("a--b.example")),
            at("localhost", Any("localhost")),
            row(
                Any("company-x.base.example"),
                Outcome::Served { id: "companyx", host: "company-x.base.example" },
            ),
        ],
        refuses: &[
            bad(why::LABEL, Any("-acme.base.example")),
            bad(why::LABEL, Any("acme-.base.example")),
            bad(why::LABEL, Any("acme.base.-")),
            bad(why::CHARACTER, Any("acme_.base.example")),
        ],
    },
    Must {
        rule: "RFC 1123 2.1",
        says: "the last label is alphabetic, so that no name looks like an address",
        accepts: &[at("1.2.3.4.example", Any("1.2.3.4.example"))],
        refuses: &[
            bad(why::ADDRESS, Any("acme.base.1")),
            bad(why::ADDRESS, Any("256.256.256.256")),
            bad(why::ADDRESS, Any("acme.base.0x1")),
        ],
    },
    Must {
        rule: "RFC 1123 2.1",
        says: "names of 255 octets in a message, 253 as text, are taken; RFC 1035 2.3.4: labels of 63",
        accepts: &[at(LONGEST, Any(LONGEST)), acme(Any("acme.base.example"))],
        refuses: &[bad(why::LONG, Any(TOO_LONG)), bad(why::LONG, Any(LONG_LABEL))],
    },
    Must {
        rule: "design 3",
        says: "a name that is proper and nobody's is told apart from one that is malformed",
        accepts: &[acme(Any("acme.base.example")), at("shop.example", Any("shop.example"))],
        refuses: &[
            row(Any("nobody.base.example"), Outcome::Answer { status: 404, code: "tenant_unknown" }),
            row(Any("ac-me.base.example"), Outcome::Answer { status: 404, code: "tenant_unknown" }),
            row(Any("123.base.example"), Outcome::Answer { status: 404, code: "tenant_unknown" }),
            row(Any("base.example"), Outcome::Answer { status: 400, code: "host_invalid" }),
            row(Any("x.acme.base.example"), Outcome::Answer { status: 400, code: "host_invalid" }),
            row(Any("acme.base.example.evil.example"), Outcome::Answer { status: 400, code: "host_invalid" }),
            row(Any("acmebase.example"), Outcome::Answer { status: 400, code: "host_invalid" }),
            row(Any("example"), Outcome::Answer { status: 400, code: "host_invalid" }),
        ],
    },
];
