//! `X-Forwarded-Host`, which has no specification: what it means here stands in `docs/hosts.md`.

use super::why;
use crate::table::Ask::{Any, H1};
use crate::table::Setup::{Elsewhere, MappedProxy, Proxy};
use crate::table::{Must, acme, bad};

pub(super) const RULES: &[Must] = &[
    Must {
        rule: "design 3",
        says: "X-Forwarded-Host counts from trusted peers alone",
        accepts: &[
            acme(Any("app\nX-Forwarded-Host: acme.base.example")).to(Proxy),
            acme(Any("app\nX-Forwarded-Host: Acme.base.example:443")).to(Proxy),
            acme(Any("app\nX-Forwarded-Host: acme.base.example")).to(MappedProxy),
            acme(Any("acme.base.example\nX-Forwarded-Host: company-x.base.example")),
            acme(Any("acme.base.example\nX-Forwarded-Host: company-x.base.example")).to(Elsewhere),
            acme(Any("acme.base.example\nX-Forwarded-Host: ,")).to(Elsewhere),
            acme(Any("acme.base.example\nX-Original-Host: shop.example\nX-Host: shop.example")).to(Proxy),
            acme(Any("acme.base.example")).to(Proxy),
        ],
        refuses: &[
            bad(why::ADDRESS, Any("10.1.2.3\nX-Forwarded-Host: acme.base.example")),
            bad(why::ADDRESS, Any("10.1.2.3\nX-Forwarded-Host: acme.base.example")).to(Elsewhere),
            bad(why::FORWARDED, Any("acme.base.example\nX-Forwarded-Host: 10.1.2.3")).to(Proxy),
            bad(why::FORWARDED, Any("acme.base.example\nX-Forwarded-Host: u@acme.base.example")).to(Proxy),
            bad(why::FORWARDED, Any("acme.base.example\nX-Forwarded-Host: acme_x.base.example")).to(Proxy),
            bad(why::FORWARDED, Any("acme.base.example\nX-Forwarded-Host: \"acme.base.example\"")).to(Proxy),
        ],
    },
    Must {
        rule: "design 3",
        says: "of a list, over several lines too, the last item is the nearest hop's; an empty one is nobody's word",
        accepts: &[
            acme(Any("app\nX-Forwarded-Host: shop.example, acme.base.example")).to(Proxy),
            acme(Any("app\nX-Forwarded-Host: shop.example ,\tacme.base.example ")).to(Proxy),
            acme(Any("app\nX-Forwarded-Host: ,,acme.base.example")).to(Proxy),
            acme(Any("app\nX-Forwarded-Host: ?, acme.base.example")).to(Proxy),
            acme(Any("app\nX-Forwarded-Host: shop.example\nX-Forwarded-Host: acme.base.example")).to(Proxy),
        ],
        refuses: &[
            bad(why::FORWARDED, H1("GET / HTTP/1.1\nHost: acme.base.example\nX-Forwarded-Host:")).to(Proxy),
            bad(why::FORWARDED, Any("app\nX-Forwarded-Host: acme.base.example,")).to(Proxy),
            bad(why::FORWARDED, Any("app\nX-Forwarded-Host: acme.base.example, ,")).to(Proxy),
            bad(why::FORWARDED, Any("app\nX-Forwarded-Host: acme.base.example, ?")).to(Proxy),
            bad(why::FORWARDED, Any("app\nX-Forwarded-Host: acme.base.example\nX-Forwarded-Host: "))
                .to(Proxy),
            bad(why::FORWARDED, Any("app\nX-Forwarded-Host: acme.base.example shop.example")).to(Proxy),
        ],
    },
    Must {
        rule: "design 3",
        says: "Forwarded and X-Forwarded-Host must agree where both name a host",
        accepts: &[
            acme(Any("app\nForwarded: host=acme.base.example\nX-Forwarded-Host: ACME.base.example:443"))
                .to(Proxy),
            acme(Any("app\nForwarded: for=192.0.2.1\nX-Forwarded-Host: acme.base.example")).to(Proxy),
            acme(Any(
                "app\nForwarded: host=shop.example, for=192.0.2.1\nX-Forwarded-Host: acme.base.example",
            ))
            .to(Proxy),
        ],
        refuses: &[
            bad(
                why::FORWARDED_TWO,
                Any("app\nForwarded: host=acme.base.example\nX-Forwarded-Host: shop.example"),
            )
            .to(Proxy),
            bad(why::FORWARDED, Any("app\nForwarded: host=acme.base.example\nX-Forwarded-Host: ?")).to(Proxy),
            bad(why::FORWARDED, Any("app\nForwarded: ?\nX-Forwarded-Host: acme.base.example")).to(Proxy),
        ],
    },
];
