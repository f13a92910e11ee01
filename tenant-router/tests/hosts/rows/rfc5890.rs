//! RFC 5890: internationalised names arrive as A-labels. Nothing is converted, folded or decoded in a request.

use super::why;
use crate::table::Ask::Any;
use crate::table::{Must, Outcome, Setup, at, bad, row};

pub(super) const RULES: &[Must] = &[
    Must {
        rule: "RFC 5890 2.3.2.1",
        says: "in a protocol an internationalised name is written in A-labels, of ASCII alone",
        accepts: &[
            at("xn--bcher-kva.example", Any("xn--bcher-kva.example")),
            at("xn--bcher-kva.example", Any("xn--bcher-kva.example.:443")),
            at("xn--bcher-kva.example", Any("app\nForwarded: host=xn--bcher-kva.example")).to(Setup::Proxy),
        ],
        refuses: &[
            bad(why::CHARACTER, Any("b\u{fc}cher.example")),
            bad(why::CHARACTER, Any("bu\u{308}cher.example")),
            bad(why::CHARACTER, Any("\u{ff41}cme.base.example")),
            bad(why::CHARACTER, Any("\u{212a}elvin.example")),
            bad(why::CHARACTER, Any("acme\u{3002}base.example")),
            bad(why::CHARACTER, Any("acme\u{ff0e}base.example")),
            bad(why::CHARACTER, Any("acme\u{ad}.base.example")),
            bad(why::CHARACTER, Any("acme\u{200d}.base.example")),
            bad(why::CHARACTER, Any("stra\u{df}e.example")),
        ],
    },
    Must {
        rule: "RFC 5890 2.3.2.4",
        says: "A-labels are compared as ASCII, without case; another label is another name",
        accepts: &[at("xn--bcher-kva.example", Any("XN--BCHER-KVA.Example"))],
        refuses: &[
            row(Any("xn--bcher-kv.example"), Outcome::Answer { status: 400, code: "host_invalid" }),
            row(Any("bcher-kva.example"), Outcome::Answer { status: 400, code: "host_invalid" }),
        ],
    },
    Must {
        rule: "RFC 5890 2.3.1",
        says: "labels with hyphens in the third and fourth place are reserved: no tenant's name is one",
        accepts: &[at("a--b.example", Any("a--b.example"))],
        refuses: &[
            row(Any("xn--acme.base.example"), Outcome::Answer { status: 404, code: "tenant_unknown" }),
            row(Any("ac--me.base.example"), Outcome::Answer { status: 404, code: "tenant_unknown" }),
        ],
    },
];
