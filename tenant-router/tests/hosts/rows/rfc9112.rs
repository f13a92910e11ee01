//! RFC 9112, HTTP/1.1: how many `Host` fields there are, and how they are written. Its targets are in `targets.rs`.

use super::why;
use crate::table::Ask::H1;
use crate::table::{Must, Setup, acme, bad, malformed};

pub(super) const RULES: &[Must] = &[
    Must {
        rule: "RFC 9112 3.2",
        says: "a server MUST respond with 400 to a request of HTTP/1.1 that lacks a Host field",
        accepts: &[
            acme(H1("GET / HTTP/1.1\nHost: acme.base.example")),
            acme(H1("GET / HTTP/1.0\nHost: acme.base.example")),
            acme(H1("GET http://acme.base.example/ HTTP/1.0")),
        ],
        refuses: &[
            bad(why::MISSING, H1("GET / HTTP/1.1")),
            bad(why::MISSING, H1("GET / HTTP/1.1\nX-Host: acme.base.example")),
            bad(why::MISSING, H1("GET / HTTP/1.1\nX-Forwarded-Host: acme.base.example")),
            bad(why::MISSING, H1("GET http://acme.base.example/ HTTP/1.1")),
            bad(why::MISSING, H1("GET / HTTP/1.0")),
            bad(why::MISSING, H1("GET / HTTP/1.1\nX-Forwarded-Host: acme.base.example")).to(Setup::Proxy),
        ],
    },
    Must {
        rule: "RFC 9112 3.2",
        says: "a server MUST respond with 400 to a request that has more than one Host field",
        accepts: &[acme(H1("GET / HTTP/1.1\nhOsT: acme.base.example"))],
        refuses: &[
            bad(why::TWO, H1("GET / HTTP/1.1\nHost: acme.base.example\nHost: acme.base.example")),
            bad(why::TWO, H1("GET / HTTP/1.1\nHost: acme.base.example\nhost: company-x.base.example")),
            bad(why::TWO, H1("GET / HTTP/1.1\nHost: acme.base.example\nX-A: b\nHOST: shop.example")),
            bad(why::TWO, H1("GET / HTTP/1.1\nHost: acme.base.example\nHost:")),
            bad(why::TWO, H1("GET / HTTP/1.1\nHost:\nHost: acme.base.example")),
            bad(why::TWO, H1("GET / HTTP/1.0\nHost: acme.base.example\nHost: acme.base.example")),
            bad(
                why::TWO,
                H1(
                    "GET http://acme.base.example/ HTTP/1.1\nHost: acme.base.example\nHost: acme.base.example",
                ),
            ),
            bad(why::TWO, H1("GET / HTTP/1.1\nHost: a\nHost: a\nForwarded: host=acme.base.example"))
                .to(Setup::Proxy),
        ],
    },
    Must {
        rule: "RFC 9112 3.2",
        says: "a server MUST respond with 400 to a Host field with an invalid value, a proxy's own too",
        accepts: &[
            acme(H1("GET / HTTP/1.1\nHost: app_servers\nForwarded: host=acme.base.example")).to(Setup::Proxy),
            acme(H1("GET / HTTP/1.1\nHost: 10.1.2.3:8585\nForwarded: host=acme.base.example"))
                .to(Setup::Proxy),
            acme(H1("GET / HTTP/1.1\nHost: [fd00::1]:8585\nForwarded: host=acme.base.example"))
                .to(Setup::Proxy),
        ],
        refuses: &[
            bad(why::OWN, H1("GET / HTTP/1.1\nHost: a b\nForwarded: host=acme.base.example"))
                .to(Setup::Proxy),
            bad(why::OWN, H1("GET / HTTP/1.1\nHost:\nForwarded: host=acme.base.example")).to(Setup::Proxy),
            bad(why::OWN, H1("GET / HTTP/1.1\nHost: u@app\nForwarded: host=acme.base.example"))
                .to(Setup::Proxy),
            bad(why::OWN, H1("GET / HTTP/1.1\nHost: [::1\nX-Forwarded-Host: acme.base.example"))
                .to(Setup::Proxy),
            bad(why::OWN, H1("GET / HTTP/1.1\nHost: app:99999\nX-Forwarded-Host: acme.base.example"))
                .to(Setup::Proxy),
            bad(why::CHARACTER, H1("GET / HTTP/1.1\nHost: app_servers")).to(Setup::Proxy),
        ],
    },
    Must {
        rule: "RFC 9112 5.1",
        says: "a server MUST reject a request with white space between a field's name and its colon",
        accepts: &[acme(H1("GET / HTTP/1.1\nHost:    acme.base.example"))],
        refuses: &[
            malformed(H1("GET / HTTP/1.1\nHost : acme.base.example")),
            malformed(H1("GET / HTTP/1.1\nHost\t: acme.base.example")),
            malformed(H1("GET / HTTP/1.1\nHost: acme.base.example\nHost : shop.example")),
        ],
    },
    Must {
        rule: "RFC 9112 5.2",
        says: "a server that receives a folded line MUST reject it or read it as spaces",
        accepts: &[acme(H1("GET / HTTP/1.1\nHost: acme.base.example\nX-Folded: not"))],
        refuses: &[
            malformed(H1("GET / HTTP/1.1\nHost:\n acme.base.example")),
            malformed(H1("GET / HTTP/1.1\nHost: acme\n .base.example")),
            malformed(H1("GET / HTTP/1.1\nHost: acme.base.example\n\tshop.example")),
            malformed(H1("GET / HTTP/1.1\nX-A: b\n Host: acme.base.example")),
        ],
    },
    Must {
        rule: "RFC 9112 2.2",
        says: "white space between the request line and the first field is no field",
        accepts: &[acme(H1("GET / HTTP/1.1\nX-A: b\nHost: acme.base.example"))],
        refuses: &[
            malformed(H1("GET / HTTP/1.1\n Host: acme.base.example")),
            malformed(H1("GET / HTTP/1.1\n Host: shop.example\nHost: acme.base.example")),
        ],
    },
];
