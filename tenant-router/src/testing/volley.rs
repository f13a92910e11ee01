//! [`Volley`]: requests that are sent together, and what has to come of each.

use super::draft::Draft;
use super::side::{Ask, Side};
use super::wire::Protocol;

/// One of the two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    One,
    Other,
}

impl Who {
    pub(crate) const BOTH: [Self; 2] = [Self::One, Self::Other];

    pub(crate) fn opposite(self) -> Self {
        match self {
            Self::One => Self::Other,
            Self::Other => Self::One,
        }
    }
}

/// What may come back. No answer to anything may hold the secret of a tenant that is not named here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expect {
    /// This side's own answer.
    Own(Who),
    /// This side's own answer; that it is refused is worth telling.
    Spelling(Who),
    /// This side's own answer, a refusal, or an answer without a secret.
    AtMost(Who),
    /// A refusal; that it is served as this side's, malformed as it is, is worth telling.
    Malformed(Who),
    /// A refusal; that it is served as the one that its target names is worth telling.
    Target(Who),
    /// No secret at all; that something is served is worth telling.
    Nothing,
    /// A refusal.
    Refusal,
}

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Shot {
    pub(crate) draft: Draft,
    /// Whose credentials it has, or would have if there were any.
    pub(crate) by: Option<Who>,
    pub(crate) expect: Expect,
}

/// How the requests of a volley are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// One after the other, each on a connection of its own.
    Apart,
    /// All at once, each on a connection of its own.
    AtOnce,
    /// One after the other, on one connection.
    Together,
    /// On one connection of HTTP/1.1, without waiting for answers.
    Pipelined,
    /// On one connection of HTTP/2, all at once.
    Streams,
}

impl How {
    pub(crate) fn fits(self, protocol: Protocol) -> bool {
        match self {
            Self::Apart | Self::AtOnce | Self::Together => true,
            Self::Pipelined => protocol == Protocol::Http1,
            Self::Streams => protocol == Protocol::Http2,
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Volley {
    pub(crate) how: How,
    pub(crate) shots: Vec<Shot>,
}

impl Volley {
    pub(crate) fn new(how: How, shots: impl IntoIterator<Item = Shot>) -> Self {
        Self { how, shots: shots.into_iter().collect() }
    }
}

/// The two sides, from which attacks are made.
#[derive(Debug)]
pub(crate) struct Sides(pub(crate) [Side; 2]);

impl Sides {
    pub(crate) fn get(&self, who: Who) -> &Side {
        match who {
            Who::One => &self.0[0],
            Who::Other => &self.0[1],
        }
    }

    /// Whether anything tells the clients of this side from anybody else.
    pub(crate) fn has_credentials(&self, who: Who) -> bool {
        !self.get(who).credentials.is_empty()
    }

    /// `ask`, at the host of `at`, by `by`.
    pub(crate) fn ask(&self, ask: &Ask, at: Who, by: Option<Who>) -> Draft {
        Draft::new(ask, self.get(at), by.map(|by| self.get(by)))
    }

    /// A side's own request.
    pub(crate) fn read(&self, who: Who) -> Draft {
        self.ask(&self.get(who).reads, who, Some(who))
    }

    /// A side's own request, which has to be answered as such.
    pub(crate) fn own(&self, who: Who) -> Shot {
        Shot { draft: self.read(who), by: Some(who), expect: Expect::Own(who) }
    }
}
