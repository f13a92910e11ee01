//! Requests for both sides on one connection.

use super::Plan;
use crate::testing::volley::{Expect, How, Shot, Volley, Who};

/// How many streams of each side are open at once.
const STREAMS: usize = 8;

impl Plan<'_> {
    /// Each side first: what a connection remembers of its first request must not count for the next.
    pub(super) fn one_connection(&self) -> Vec<Volley> {
        let mut volleys = Vec::new();
        for who in Who::BOTH {
            let (mine, theirs) = (self.sides.own(who), self.sides.own(who.opposite()));
            let turns = [mine.clone(), theirs.clone(), theirs, mine.clone()];
            volleys.push(Volley::new(How::Together, turns));
            for next in Who::BOTH.into_iter().filter(|next| self.sides.has_credentials(*next)) {
                volleys.push(Volley::new(How::Together, [mine.clone(), self.unproved(next)]));
            }
        }
        volleys
    }

    /// A side's request without the credentials that came before it on the connection.
    fn unproved(&self, who: Who) -> Shot {
        let draft = self.sides.ask(&self.sides.get(who).reads, who, None);
        Shot { draft, by: None, expect: Expect::Nothing }
    }

    pub(super) fn pipelining(&self) -> Vec<Volley> {
        let turn = |first: Who| {
            let both = [self.sides.own(first), self.sides.own(first.opposite())];
            Volley::new(How::Pipelined, std::iter::repeat_n(both, 3).flatten())
        };
        Who::BOTH.map(turn).into()
    }

    pub(super) fn streams(&self) -> Vec<Volley> {
        let both = Who::BOTH.map(|who| self.sides.own(who));
        vec![Volley::new(How::Streams, std::iter::repeat_n(both, STREAMS).flatten())]
    }
}
