//! RFC 7239: the `Forwarded` field, and whom to believe.

use super::why;
use crate::table::Ask::Any;
use crate::table::Setup::{Elsewhere, MappedProxy, Proxy};
use crate::table::{Must, acme, bad};

pub(super) const RULES: &[Must] = &[
    Must {
        rule: "RFC 7239 4",
        says: "a list of elements of pairs: name \"=\" token or quoted-string, separated by semicolons",
        accepts: &[
            acme(Any("app\nForwarded: host=acme.base.example")).to(Proxy),
            acme(Any("app\nForwarded: for=192.0.2.60;proto=http;by=203.0.113.43;host=acme.base.example"))
                .to(Proxy),
            acme(Any("app\nForwarded: for=192.0.2.60; host=acme.base.example ;x=y")).to(Proxy),
            acme(Any("app\nForwarded: ,, host=acme.base.example ,, ")).to(Proxy),
            acme(Any("app\nForwarded: ;host=acme.base.example;")).to(Proxy),
        ],
        refuses: &[
            bad(why::FORWARDED, Any("app\nForwarded: host")).to(Proxy),
            bad(why::FORWARDED, Any("app\nForwarded: host=")).to(Proxy),
            bad(why::FORWARDED, Any("app\nForwarded: =acme.base.example")).to(Proxy),
            bad(why::FORWARDED, Any("app\nForwarded: acme.base.example")).to(Proxy),
            bad(why::FORWARDED, Any("app\nForwarded: host = acme.base.example")).to(Proxy),
            bad(why::FORWARDED, Any("app\nForwarded: host= acme.base.example")).to(Proxy),
            bad(why::FORWARDED, Any("app\nForwarded: host=acme.base.example for=192.0.2.1")).to(Proxy),
            bad(why::FORWARDED, Any("app\nForwarded: host=acme.base.example, {}")).to(Proxy),
        ],
    },
    Must {
        rule: "RFC 7239 4",
        says: "names of parameters are case-insensitive, and each MUST NOT occur more than once in an element",
        accepts: &[
            acme(Any("app\nForwarded: FOR=192.0.2.1;HoSt=acme.base.example")).to(Proxy),
            acme(Any("app\nForwarded: host=shop.example, host=acme.base.example")).to(Proxy),
        ],
        refuses: &[
            bad(why::FORWARDED, Any("app\nForwarded: host=acme.base.example;host=acme.base.example"))
                .to(Proxy),
            bad(why::FORWARDED, Any("app\nForwarded: host=acme.base.example;HOST=shop.example")).to(Proxy),
            bad(why::FORWARDED, Any("app\nForwarded: for=10.0.0.1;for=10.0.0.2;host=acme.base.example"))
                .to(Proxy),
            bad(why::FORWARDED, Any("app\nForwarded: by=_a;by=_a;host=acme.base.example")).to(Proxy),
            bad(why::FORWARDED, Any("app\nForwarded: proto=http;Proto=http;host=acme.base.example"))
                .to(Proxy),
        ],
    },
    Must {
        rule: "RFC 7239 4",
        says: "a value may be a quoted-string, with escapes; colons and brackets need the quotes",
        accepts: &[
            acme(Any("app\nForwarded: host=\"acme.base.example\"")).to(Proxy),
            acme(Any("app\nForwarded: host=\"acme.base.example:443\"")).to(Proxy),
            acme(Any("app\nForwarded: host=\"\\a\\c\\m\\e.base.example\"")).to(Proxy),
            acme(Any("app\nForwarded: for=\"x, host=shop.example\";host=acme.base.example")).to(Proxy),
            acme(Any("app\nForwarded: for=\"a\\\", host=shop.example\";host=acme.base.example")).to(Proxy),
            acme(Any("app\nForwarded: for=\"[2001:db8::1]:4711\";host=acme.base.example")).to(Proxy),
            acme(Any("app\nForwarded: host=acme.base.example:443")).to(Proxy),
        ],
        refuses: &[
            bad(why::FORWARDED, Any("app\nForwarded: host=\"acme.base.example")).to(Proxy),
            bad(why::FORWARDED, Any("app\nForwarded: host=\"acme.base.example\\")).to(Proxy),
            bad(why::FORWARDED, Any("app\nForwarded: host=acme.base.example\"")).to(Proxy),
            bad(why::FORWARDED, Any("app\nForwarded: host=\"acme\".base.example")).to(Proxy),
            bad(why::FORWARDED, Any("app\nForwarded: host=\"\"")).to(Proxy),
            bad(why::FORWARDED, Any("app\nForwarded: x=\"\nForwarded: \";host=acme.base.example")).to(Proxy),
        ],
    },
    Must {
        rule: "RFC 7239 4",
        says: "elements stand in the order of the hops, over several lines too: the last one is the nearest hop's",
        accepts: &[
            acme(Any("app\nForwarded: host=shop.example, host=acme.base.example")).to(Proxy),
            acme(Any("app\nForwarded: host=shop.example\nForwarded: host=acme.base.example")).to(Proxy),
            acme(Any("app\nForwarded: host=\"??\", host=acme.base.example")).to(Proxy),
        ],
        refuses: &[
            bad(why::ADDRESS, Any("10.1.2.3\nForwarded: host=acme.base.example, for=192.0.2.1")).to(Proxy),
            bad(why::ADDRESS, Any("10.1.2.3\nForwarded: host=acme.base.example\nForwarded: proto=http"))
                .to(Proxy),
            bad(why::ADDRESS, Any("10.1.2.3\nForwarded: host=acme.base.example, ;")).to(Proxy),
        ],
    },
    Must {
        rule: "RFC 7239 5.3",
        says: "host is the Host field that the proxy received",
        accepts: &[acme(Any("app\nForwarded: host=ACME.base.example.")).to(Proxy)],
        refuses: &[
            bad(why::FORWARDED, Any("app\nForwarded: host=\"user@acme.base.example\"")).to(Proxy),
            bad(why::FORWARDED, Any("app\nForwarded: host=192.0.2.1")).to(Proxy),
            bad(why::FORWARDED, Any("app\nForwarded: host=\"[2001:db8::1]\"")).to(Proxy),
            bad(why::FORWARDED, Any("app\nForwarded: host=acme_x.base.example")).to(Proxy),
            bad(why::FORWARDED, Any("app\nForwarded: host=\"acme.base.example:65536\"")).to(Proxy),
            bad(why::FORWARDED, Any("app\nForwarded: host=\"acme.base.example, shop.example\"")).to(Proxy),
            bad(why::FORWARDED, Any("app\nForwarded: host=\"b\u{fc}cher.example\"")).to(Proxy),
        ],
    },
    Must {
        rule: "RFC 7239 6",
        says: "a node is an address, unknown, or an obfuscated name; only an address can be a trusted hop",
        accepts: &[
            acme(Any("app\nForwarded: host=acme.base.example, for=10.0.0.7")).to(Proxy),
            acme(Any("app\nForwarded: host=acme.base.example, for=\"10.0.0.7:_port\"")).to(Proxy),
            acme(Any("app\nForwarded: host=acme.base.example, for=\"[fd00::1]:47011\"")).to(Proxy),
            acme(Any("app\nForwarded: host=acme.base.example, for=\"[::ffff:10.0.0.7]\"")).to(Proxy),
            acme(Any("app\nForwarded: for=_hidden;host=acme.base.example")).to(Proxy),
            acme(Any("app\nForwarded: for=unknown;host=acme.base.example")).to(Proxy),
        ],
        refuses: &[
            bad(why::ADDRESS, Any("10.1.2.3\nForwarded: host=acme.base.example, for=unknown")).to(Proxy),
            bad(why::ADDRESS, Any("10.1.2.3\nForwarded: host=acme.base.example, for=_hidden")).to(Proxy),
            bad(why::ADDRESS, Any("10.1.2.3\nForwarded: host=acme.base.example, for=\"10.0.0.7:\""))
                .to(Proxy),
            bad(why::ADDRESS, Any("10.1.2.3\nForwarded: host=acme.base.example, for=\"10.0.0.7:x\""))
                .to(Proxy),
            bad(why::ADDRESS, Any("10.1.2.3\nForwarded: host=acme.base.example, for=\"fd00::1\"")).to(Proxy),
            bad(why::ADDRESS, Any("10.1.2.3\nForwarded: host=acme.base.example, for=\"[fd00::1\"")).to(Proxy),
            bad(why::ADDRESS, Any("10.1.2.3\nForwarded: host=acme.base.example, for=10.0.0.07")).to(Proxy),
        ],
    },
    Must {
        rule: "RFC 7239 7.4",
        says: "the chain of hops counts from the nearest as far as they are trusted",
        accepts: &[
            acme(Any("app\nForwarded: host=acme.base.example, for=10.0.0.7, for=10.0.0.8")).to(Proxy),
            acme(Any("app\nForwarded: host=shop.example, host=acme.base.example, for=10.0.0.8")).to(Proxy),
            acme(Any("acme.base.example\nForwarded: host=shop.example, for=192.0.2.1, for=10.0.0.8"))
                .to(Proxy),
        ],
        refuses: &[
            bad(
                why::ADDRESS,
                Any("10.1.2.3\nForwarded: host=acme.base.example, for=192.0.2.1, for=10.0.0.8"),
            )
            .to(Proxy),
            bad(
                why::ADDRESS,
                Any("10.1.2.3\nForwarded: host=acme.base.example, for=10.0.0.8, for=192.0.2.1"),
            )
            .to(Proxy),
        ],
    },
    Must {
        rule: "RFC 7239 8.1",
        says: "the field cannot be relied upon: it counts from trusted peers alone",
        accepts: &[
            acme(Any("acme.base.example\nForwarded: host=company-x.base.example")),
            acme(Any("acme.base.example\nForwarded: host=company-x.base.example")).to(Elsewhere),
            acme(Any("acme.base.example\nForwarded: for=10.0.0.1;host=company-x.base.example")).to(Elsewhere),
            acme(Any("acme.base.example\nForwarded: \"")).to(Elsewhere),
            acme(Any("app\nForwarded: host=acme.base.example")).to(MappedProxy),
        ],
        refuses: &[
            bad(why::ADDRESS, Any("10.1.2.3\nForwarded: host=acme.base.example")),
            bad(why::ADDRESS, Any("10.1.2.3\nForwarded: host=acme.base.example")).to(Elsewhere),
            bad(why::ADDRESS, Any("10.1.2.3\nForwarded: by=127.0.0.1;host=acme.base.example")).to(Elsewhere),
            bad(why::ADDRESS, Any("10.1.2.3\nForwarded: proto=https")).to(MappedProxy),
        ],
    },
];
