//! [`History`]: which of two things that were said of a tenant counts.

use crate::cursor::Cursor;
use crate::entry::Entry;

/// Where something that is said of a tenant comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The answer to a question about it.
    Answer,
    /// The feed, or the list that the feed goes on from: they leave no tenant out.
    Feed,
}

/// The order of what the TMS says. All questions and frames are numbered here in the order in which they begin; beside
/// that, a TMS with a feed numbers its changes. A list begins a new history: the numbers of changes may begin anew.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// What was asked before this says nothing any more.
    since: u64,
    /// Whether there is a feed: then revisions are compared.
    followed: bool,
    /// Where the feed stands; `None` while memory is not complete.
    cursor: Option<Cursor>,
    /// The number of the last change that memory holds, where cursors say it.
    change: Option<u64>,
}

impl History {
    /// A history that goes on from a place in the feed.
    pub(crate) fn from(cursor: Cursor) -> Self {
        Self { since: 0, followed: true, change: cursor.number(), cursor: Some(cursor) }
    }

    /// A list was asked for with this number; the feed stood there. Memory is not complete yet.
    pub(crate) fn begin(&mut self, list: u64, at: &Cursor) {
        *self = Self { since: list, followed: true, cursor: None, change: at.number() };
    }

    /// Memory holds all up to there.
    pub(crate) fn reach(&mut self, cursor: Cursor) {
        self.change = cursor.number();
        self.cursor = Some(cursor);
    }

    /// What the feed goes on from is lost; memory is as new as it was.
    pub(crate) fn lose_cursor(&mut self) {
        self.cursor = None;
    }

    /// There is no feed.
    pub(crate) fn end(&mut self) {
        *self = Self { since: self.since, ..Self::default() };
    }

    pub(crate) fn is_followed(&self) -> bool {
        self.followed
    }

    pub(crate) fn cursor(&self) -> Option<&Cursor> {
        self.cursor.as_ref()
    }

    /// Whether memory holds all tenants, as of a call with this number.
    pub(crate) fn is_complete_since(&self, call: u64) -> bool {
        self.cursor.is_some() && call >= self.since
    }

    /// Whether what is said takes the place of what memory holds.
    pub(crate) fn supersedes(&self, new: &Entry, old: Option<&Entry>, origin: Origin) -> bool {
        if new.call < self.since {
            return false;
        }
        let Some(old) = old else {
            // Of a change that is past, the feed has said more since: that the tenant is gone.
            let past = self.change.zip(new.revision).is_some_and(|(change, revision)| revision <= change);
            return origin == Origin::Feed || !past;
        };
        if old.call < self.since {
            return true;
        }
        match new.revision.zip(old.revision).filter(|_| self.followed) {
            Some((new, old)) if new != old => new > old,
            // That it has changed was heard elsewhere: the feed will say so too.
            Some(_) if origin == Origin::Feed && old.is_revoked() => false,
            _ => new.call >= old.call,
        }
    }

    /// Whether an answer that there is no such tenant takes the place of what memory holds.
    pub(crate) fn removes(&self, call: u64, old: Option<&Entry>) -> bool {
        call >= self.since && old.is_none_or(|old| old.call <= call)
    }

    /// Whether a list that did not hold a tenant removes it: not if it was asked for later, and is newer than the list.
    pub(crate) fn outlives(&self, old: &Entry) -> bool {
        old.call > self.since && self.change.zip(old.revision).is_none_or(|(change, old)| old > change)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::found::Found;
    use tenant_core::{Incarnation, Tenant};

    fn entry(call: u64, revision: Option<u64>) -> Entry {
        let tenant = Tenant::new("acme".parse().expect("a name"), Incarnation::fixed("acme"));
        Entry::answered(Found { tenant, revision }, call, Duration::ZERO, Duration::from_secs(60))
    }

    fn cursor(number: u64) -> Cursor {
        Cursor::parse(&format!("a.{number}.b")).expect("a cursor")
    }

    #[test]
    fn without_a_feed_the_later_question_counts() {
        let history = History::default();
        let counts = |new: &Entry, old: &Entry| history.supersedes(new, Some(old), Origin::Answer);
        assert!(counts(&entry(2, Some(1)), &entry(1, Some(9))), "even of another database");
        assert!(!counts(&entry(1, Some(9)), &entry(2, Some(1))));
        assert!(counts(&entry(2, None), &entry(1, None)));
        assert!(history.supersedes(&entry(1, Some(1)), None, Origin::Answer));
    }

    #[test]
    fn with_a_feed_the_greater_revision_counts() {
        let history = History::from(cursor(9));
        for origin in [Origin::Answer, Origin::Feed] {
            let counts = |new: &Entry, old: &Entry| history.supersedes(new, Some(old), origin);
            assert!(counts(&entry(1, Some(7)), &entry(2, Some(6))));
            assert!(!counts(&entry(2, Some(6)), &entry(1, Some(7))));
            assert!(counts(&entry(2, Some(7)), &entry(1, Some(7))));
            assert!(!counts(&entry(1, Some(7)), &entry(2, Some(7))));
            assert!(counts(&entry(2, None), &entry(1, Some(7))), "a frame that does not say its own");
        }
    }

    #[test]
    fn an_answer_does_not_bring_back_what_the_feed_is_past() {
        let history = History::from(cursor(9));
        assert!(!history.supersedes(&entry(1, Some(9)), None, Origin::Answer));
        assert!(history.supersedes(&entry(1, Some(9)), None, Origin::Feed));
        assert!(history.supersedes(&entry(1, Some(10)), None, Origin::Answer));
    }

    #[test]
    fn a_list_begins_anew() {
        let mut history = History::from(cursor(9));
        history.begin(5, &cursor(3));
        assert!(history.cursor().is_none(), "not complete yet");
        assert!(history.supersedes(&entry(5, Some(2)), Some(&entry(4, Some(9))), Origin::Feed));
        assert!(!history.supersedes(&entry(4, Some(9)), None, Origin::Answer), "asked before");
        assert!(!history.removes(4, None) && history.removes(6, Some(&entry(5, Some(2)))));
        let row = entry(5, Some(2));
        assert!(!history.supersedes(&row, Some(&entry(6, Some(4))), Origin::Feed), "newer than the list");
        assert!(!history.outlives(&entry(4, Some(9))) && !history.outlives(&entry(6, Some(3))));
        assert!(history.outlives(&entry(6, Some(4))));
        history.reach(cursor(3));
        assert_eq!(history.cursor(), Some(&cursor(3)));
    }

    #[test]
    fn what_was_revoked_waits_for_something_new() {
        let history = History::from(cursor(9));
        let revoked = entry(1, Some(7));
        revoked.revoke();
        assert!(!history.supersedes(&entry(2, Some(7)), Some(&revoked), Origin::Feed));
        assert!(history.supersedes(&entry(2, Some(8)), Some(&revoked), Origin::Feed));
        assert!(history.supersedes(&entry(2, Some(7)), Some(&revoked), Origin::Answer));
    }
}
