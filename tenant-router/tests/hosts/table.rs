//! What a row of the table is: a request as it goes over the wire, where it is sent, and what has to come of it.

/// A rule of a specification.
pub(crate) struct Must {
    /// Where it stands.
    pub(crate) rule: &'static str,
    /// What it says.
    pub(crate) says: &'static str,
    /// Requests that keep it, or that it must not keep out.
    pub(crate) accepts: &'static [Row],
    /// Requests that break it, or that it keeps out.
    pub(crate) refuses: &'static [Row],
}

pub(crate) struct Row {
    pub(crate) ask: Ask,
    pub(crate) setup: Setup,
    pub(crate) outcome: Outcome,
}

/// A request, as text. Lines end with `\n` here and as their protocol has it on the wire.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ask {
    /// The authority on the first line, then fields: `GET /` over each protocol, with the authority in `Host` or
    /// `:authority`.
    Any(&'static str),
    /// The head of a request of HTTP/1, byte for byte.
    H1(&'static str),
    /// The fields of a request of HTTP/2 in their order. `:method`, `:scheme` and `:path` are those of `GET http://…/`
    /// unless they are given; `-:path` leaves one out.
    H2(&'static str),
}

/// How the server is set up, and who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Setup {
    /// A client, and no proxy is trusted.
    Direct,
    /// A trusted proxy. 10.0.0.0/8 and fd00::/8 are trusted too.
    Proxy,
    /// A client; 10.0.0.0/8 is trusted, where it does not come from.
    Elsewhere,
    /// As [`Setup::Elsewhere`], from 10.0.0.1 as a dual-stack socket reports it.
    MappedProxy,
    /// A client, over a connection with a certificate for `*.base.example` and `base.example`, which is checked.
    Certificate,
    /// The same with a certificate for `shop.example` alone.
    OtherCertificate,
    /// As [`Setup::Certificate`], by way of a trusted proxy.
    CertificateToProxy,
    /// As [`Setup::Certificate`], and nothing is checked.
    CertificateUnchecked,
    /// Certificates are checked, and the server tells of none.
    NoCertificate,
}

/// What has to come of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The handler ran for the tenant of this id, at this host.
    Served { id: &'static str, host: &'static str },
    /// The handler ran; what it said does not arrive (CONNECT).
    Handled,
    /// 400 by the layer, with this reason; or, before the layer, a 4xx, a reset stream or a closed connection.
    BadHost(&'static str),
    /// An answer of the layer.
    Answer { status: u16, code: &'static str },
    /// Refused by whoever reads it first: 4xx, a reset stream or a closed connection.
    Malformed,
}

impl Outcome {
    pub(crate) fn is_accepted(self) -> bool {
        matches!(self, Self::Served { .. } | Self::Handled)
    }
}

/// Served for `acme` at `acme.base.example`.
pub(crate) const fn acme(ask: Ask) -> Row {
    at("acme.base.example", ask)
}

/// Served for `acme` at one of its hosts.
pub(crate) const fn at(host: &'static str, ask: Ask) -> Row {
    row(ask, Outcome::Served { id: "acme", host })
}

/// Refused by the layer with this reason.
pub(crate) const fn bad(why: &'static str, ask: Ask) -> Row {
    row(ask, Outcome::BadHost(why))
}

/// Refused by the library or the layer.
pub(crate) const fn malformed(ask: Ask) -> Row {
    row(ask, Outcome::Malformed)
}

pub(crate) const fn row(ask: Ask, outcome: Outcome) -> Row {
    Row { ask, setup: Setup::Direct, outcome }
}

impl Row {
    /// The same, sent elsewhere.
    pub(crate) const fn to(mut self, setup: Setup) -> Self {
        self.setup = setup;
        self
    }
}
