//! RFC 9110 sections 7.4 and 15.5.20: requests for hosts that the connection's certificate is not good for.

use crate::table::Ask::{Any, H1, H2};
use crate::table::Setup::{
    Certificate, CertificateToProxy, CertificateUnchecked, Direct, NoCertificate, OtherCertificate, Proxy,
};
use crate::table::{Must, Outcome, acme, at, row};

const MISDIRECTED: Outcome = Outcome::Answer { status: 421, code: "host_misdirected" };

pub(super) const RULES: &[Must] = &[
    Must {
        rule: "RFC 9110 7.4",
        says: "a server MUST reject a request for a host that the connection's certificate is not good for",
        accepts: &[
            acme(Any("acme.base.example")).to(Certificate),
            acme(Any("ACME.base.example.:443")).to(Certificate),
            at("shop.example", Any("shop.example")).to(OtherCertificate),
            acme(H1("GET https://acme.base.example/ HTTP/1.1\nHost: acme.base.example")).to(Certificate),
            acme(H2(":scheme: https\n:authority: acme.base.example")).to(Certificate),
        ],
        refuses: &[
            row(Any("shop.example"), MISDIRECTED).to(Certificate),
            row(Any("nobody.example"), MISDIRECTED).to(Certificate),
            row(Any("acme.base.example"), MISDIRECTED).to(OtherCertificate),
            row(Any("nobody.base.example"), MISDIRECTED).to(OtherCertificate),
            row(Any("acme.base.example.evil.example"), MISDIRECTED).to(Certificate),
            row(Any("acme_x.base.example"), Outcome::Answer { status: 400, code: "host_invalid" })
                .to(Certificate),
        ],
    },
    Must {
        rule: "RFC 9110 4.3.4",
        says: "names are matched as RFC 6125 6.4.3 has it: a wildcard stands for exactly one label",
        accepts: &[
            acme(Any("acme.base.example")).to(Certificate),
            // The same connection serves every tenant under the wildcard: browsers do that.
            row(
                Any("company-x.base.example"),
                Outcome::Served { id: "companyx", host: "company-x.base.example" },
            )
            .to(Certificate),
        ],
        refuses: &[
            row(Any("a.b.base.example"), MISDIRECTED).to(Certificate),
            row(Any("acmebase.example"), MISDIRECTED).to(Certificate),
            row(Any("example"), MISDIRECTED).to(Certificate),
            row(Any("base.example"), Outcome::Answer { status: 400, code: "host_invalid" }).to(Certificate),
            row(Any("nobody.base.example"), Outcome::Answer { status: 404, code: "tenant_unknown" })
                .to(Certificate),
        ],
    },
    Must {
        rule: "RFC 9110 7.4",
        says: "unless the connection is from a trusted gateway; and where nothing is told, nothing is checked",
        accepts: &[
            at("shop.example", Any("shop.example")).to(CertificateToProxy),
            at("shop.example", Any("app.internal\nX-Forwarded-Host: shop.example")).to(CertificateToProxy),
            at("shop.example", Any("shop.example")).to(CertificateUnchecked),
            at("shop.example", Any("shop.example")).to(NoCertificate),
            at("shop.example", Any("shop.example")).to(Direct),
            at("shop.example", Any("shop.example")).to(Proxy),
        ],
        refuses: &[row(Any("shop.example\nX-Forwarded-Host: acme.base.example"), MISDIRECTED).to(Certificate)],
    },
];
