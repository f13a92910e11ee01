//! Answers that were kept.

use super::Plan;
use crate::testing::volley::{Expect, How, Shot, Volley, Who};

/// How many requests of each side are under way at once.
const AT_ONCE: usize = 8;

impl Plan<'_> {
    /// In turns, and at the same time: as many of the one as of the other.
    pub(super) fn kept_answers(&self) -> Vec<Volley> {
        let [one, other] = Who::BOTH.map(|who| self.sides.own(who));
        let turns = [one.clone(), other.clone(), one.clone(), other.clone(), other.clone(), one.clone()];
        let both = std::iter::repeat_n([one, other], AT_ONCE).flatten();
        vec![Volley::new(How::Apart, turns), Volley::new(How::AtOnce, both)]
    }

    /// With the validator of the other's answer; only "this is yours" is a right answer to that.
    pub(super) fn validators(&self) -> Result<Vec<Volley>, &'static str> {
        let mut shots = Vec::new();
        for (owner, etag) in Who::BOTH.into_iter().zip(&self.etags) {
            if let Some(etag) = etag {
                let who = owner.opposite();
                let draft = self.sides.read(who).header("If-None-Match", etag.clone());
                shots.push(Shot { draft, by: Some(who), expect: Expect::Own(who) });
            }
        }
        if shots.is_empty() {
            return Err("no answer has an ETag");
        }
        Ok(vec![Volley::new(How::Apart, shots)])
    }
}
