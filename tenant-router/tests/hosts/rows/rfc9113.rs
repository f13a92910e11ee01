//! RFC 9113, HTTP/2: `:authority`, and `Host` beside it.

use super::why;
use crate::table::Ask::H2;
use crate::table::{Must, Outcome, Setup, acme, bad, malformed, row};

pub(super) const RULES: &[Must] = &[
    Must {
        rule: "RFC 9113 8.3.1",
        says: "clients MUST use :authority; a Host field alone is what an intermediary keeps",
        accepts: &[
            acme(H2(":authority: acme.base.example")),
            acme(H2(":authority: acme.base.example:8585")),
            acme(H2("host: acme.base.example")),
        ],
        refuses: &[
            bad(why::MISSING, H2("")),
            bad(why::MISSING, H2("x-forwarded-host: acme.base.example")),
            bad(why::TWO, H2("host: acme.base.example\nhost: acme.base.example")),
        ],
    },
    Must {
        rule: "RFC 9113 8.3.1",
        says: "a Host that identifies another entity than :authority makes a request malformed",
        accepts: &[
            acme(H2(":authority: acme.base.example\nhost: acme.base.example")),
            acme(H2(":authority: acme.base.example:80\nhost: Acme.Base.Example.")),
        ],
        refuses: &[
            bad(why::DISAGREE, H2(":authority: acme.base.example\nhost: company-x.base.example")),
            bad(why::DISAGREE, H2(":authority: acme.base.example\nhost: acme.base.example:8585")),
            bad(why::DISAGREE, H2(":authority: acme.base.example:8585\nhost: acme.base.example")),
            bad(why::EMPTY, H2(":authority: acme.base.example\nhost: ")),
            bad(
                why::TWO,
                H2(":authority: acme.base.example\nhost: acme.base.example\nhost: acme.base.example"),
            ),
            bad(why::DISAGREE, H2(":authority: app\nhost: other\nforwarded: host=acme.base.example"))
                .to(Setup::Proxy),
        ],
    },
    Must {
        rule: "RFC 9113 8.3.1",
        says: ":authority MUST NOT include user information",
        accepts: &[acme(H2(":authority: acme.base.example"))],
        refuses: &[
            bad(why::USER, H2(":authority: user@acme.base.example")),
            bad(why::USER, H2(":authority: user@acme.base.example\nhost: acme.base.example")),
            bad(why::USER, H2(":authority: acme.base.example\nhost: user@acme.base.example")),
        ],
    },
    Must {
        rule: "RFC 9113 8.3.1",
        says: ":method, :scheme and :path MUST be there, once and not empty; :path begins with a slash, or is * for OPTIONS",
        accepts: &[
            acme(H2(":path: /a?b\n:authority: acme.base.example")),
            acme(H2(":method: OPTIONS\n:path: *\n:authority: acme.base.example")),
        ],
        refuses: &[
            malformed(H2("-:method\n:authority: acme.base.example")),
            malformed(H2("-:scheme\n:authority: acme.base.example")),
            malformed(H2("-:path\n:authority: acme.base.example")),
            malformed(H2(":path: \n:authority: acme.base.example")),
            malformed(H2(":path: a\n:authority: acme.base.example")),
            bad(why::TARGET, H2(":path: *\n:authority: acme.base.example")),
            malformed(H2(":path: /\n:path: /\n:authority: acme.base.example")),
        ],
    },
    Must {
        rule: "RFC 9113 8.3",
        says: "a pseudo-header field MUST come once, before all fields, and be one that is defined",
        accepts: &[acme(H2(":authority: acme.base.example\nx-a: b"))],
        refuses: &[
            malformed(H2(":authority: acme.base.example\n:authority: acme.base.example")),
            malformed(H2(":authority: acme.base.example\n:authority: shop.example")),
            malformed(H2("x-a: b\n:authority: acme.base.example")),
            malformed(H2(":host: acme.base.example\n:authority: acme.base.example")),
            malformed(H2(":status: 200\n:authority: acme.base.example")),
        ],
    },
    Must {
        rule: "RFC 9113 8.2.1",
        says: "a name in upper case makes a request malformed, a value does with NUL or white space around it",
        accepts: &[acme(H2("host: acme.base.example"))],
        refuses: &[
            malformed(H2("Host: acme.base.example")),
            malformed(H2(":authority: acme.base.example\nHost: acme.base.example")),
            malformed(H2("host: acme.base.example\0")),
            malformed(H2("host: acme.base.example ")),
            malformed(H2("host:  \tacme.base.example")),
            malformed(H2(":authority: acme.base.example ")),
        ],
    },
    Must {
        rule: "RFC 9113 8.5",
        says: "CONNECT has no :scheme and no :path, and host and port in :authority",
        accepts: &[row(
            H2(":method: CONNECT\n-:scheme\n-:path\n:authority: acme.base.example:443"),
            Outcome::Handled,
        )],
        refuses: &[
            bad(why::TARGET, H2(":method: CONNECT\n-:scheme\n-:path\n:authority: acme.base.example")),
            bad(why::TARGET, H2(":method: CONNECT\n-:scheme\n-:path\n:authority: acme.base.example:0")),
            malformed(H2(":method: CONNECT\n:authority: acme.base.example:443")),
            malformed(H2(":method: CONNECT\n-:scheme\n-:path\nhost: acme.base.example:443")),
            malformed(H2("-:scheme\n-:path\n:authority: acme.base.example:443")),
        ],
    },
];
