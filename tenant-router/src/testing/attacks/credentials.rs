//! One tenant's credentials at the other's host.

use super::Plan;
use crate::testing::volley::{Expect, How, Shot, Volley, Who};

const NONE: &str = "neither side has credentials";

impl Plan<'_> {
    pub(super) fn missing_credentials(&self) -> Result<Vec<Volley>, &'static str> {
        self.with_credentials(|who| {
            let draft = self.sides.ask(&self.sides.get(who).reads, who, None);
            vec![Shot { draft, by: None, expect: Expect::Nothing }]
        })
    }

    /// At the host of a side by the other: in the side's words, and in the other's own.
    pub(super) fn foreign_credentials(&self) -> Result<Vec<Volley>, &'static str> {
        self.with_credentials(|who| {
            let by = who.opposite();
            let shot = |words: Who| {
                let draft = self.sides.ask(&self.sides.get(words).reads, who, Some(by));
                Shot { draft, by: Some(by), expect: Expect::Nothing }
            };
            if self.same_words() { vec![shot(who)] } else { vec![shot(who), shot(by)] }
        })
    }

    /// Right after the other side itself asked, so that what was kept for it is found.
    pub(super) fn foreign_path(&self) -> Result<Vec<Volley>, &'static str> {
        if self.same_words() {
            return Err("both sides ask for the same path");
        }
        Ok(self.apart(|who| {
            let owner = who.opposite();
            let draft = self.sides.ask(&self.sides.get(owner).reads, who, Some(who));
            vec![self.sides.own(owner), Shot { draft, by: Some(who), expect: Expect::AtMost(who) }]
        }))
    }

    /// After each write both sides look at what they have.
    pub(super) fn foreign_write(&self) -> Result<Vec<Volley>, &'static str> {
        let mut shots = Vec::new();
        for who in Who::BOTH {
            let by = who.opposite();
            let words = [who, by].into_iter().find_map(|side| self.sides.get(side).plants.as_ref());
            let words = words.ok_or("neither side can write")?.planting(self.mark);
            if self.sides.has_credentials(by) {
                let draft = self.sides.ask(&words, who, Some(by));
                shots.push(Shot { draft, by: Some(by), expect: Expect::Nothing });
                shots.extend(Who::BOTH.map(|side| self.sides.own(side)));
            }
        }
        if shots.is_empty() { Err(NONE) } else { Ok(vec![Volley::new(How::Apart, shots)]) }
    }

    fn same_words(&self) -> bool {
        let [one, other] = &self.sides.0;
        (&one.reads.method, &one.reads.path, &one.reads.body)
            == (&other.reads.method, &other.reads.path, &other.reads.body)
    }

    /// What is sent at the host of each side that has credentials.
    fn with_credentials(&self, shots: impl Fn(Who) -> Vec<Shot>) -> Result<Vec<Volley>, &'static str> {
        let sides = Who::BOTH.into_iter().filter(|who| self.sides.has_credentials(*who));
        let shots: Vec<Shot> = sides.flat_map(shots).collect();
        if shots.is_empty() { Err(NONE) } else { Ok(vec![Volley::new(How::Apart, shots)]) }
    }
}
