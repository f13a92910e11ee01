//! [`DirectoryStatus`]: how a directory stands, for a readiness probe and for people.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::TmsErrorKind;
use crate::settings::Mode;
use crate::snapshot::SnapshotFault;

/// How a directory stands at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DirectoryStatus {
    /// How it works: [`Mode::Auto`] while that is not decided yet.
    pub mode: Mode,
    /// Whether it hears of changes.
    pub feed: FeedStatus,
    /// How long ago the feed last confirmed that memory is complete; `None` if it never did.
    pub confirmed_ago: Option<Duration>,
    /// How many tenants are in memory.
    pub tenants: usize,
    /// Why the TMS could not be asked the last time; `None` once it has answered since.
    pub last_error: Option<TmsErrorKind>,
    /// What is kept on disk; `None` where the directory has no folder.
    pub snapshot: Option<SnapshotStatus>,
}

/// Whether a directory hears of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeedStatus {
    /// It does not want to: the TMS has no feed, or the mode is [`Mode::Cache`].
    Off,
    /// Connected, and behind still.
    CatchingUp,
    /// Connected, and memory holds all that there is.
    Current,
    /// Not connected; the directory works like a cache.
    Down {
        /// For how long.
        lasting: Duration,
    },
}

/// What a directory keeps on disk.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct SnapshotStatus {
    /// What the start found.
    pub found: SnapshotFound,
    /// How long ago the snapshot was last written by this process.
    pub written_ago: Option<Duration>,
    /// Why the last attempt to write it failed.
    pub fault: Option<String>,
    /// Why refusals could not be logged, or not all that had been could be read at the start.
    pub refusals_fault: Option<String>,
}

/// The snapshot that a start found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SnapshotFound {
    /// None: it is the first start.
    #[default]
    Nothing,
    /// One that is used.
    Loaded {
        /// How many tenants it held.
        tenants: usize,
    },
    /// One that cannot be trusted, and is not used.
    Ignored(SnapshotFault),
}

/// What a directory knows of itself.
#[derive(Debug)]
pub(crate) struct Condition(Mutex<State>);

#[derive(Debug)]
struct State {
    mode: Mode,
    feed: Phase,
    last_error: Option<TmsErrorKind>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Off,
    CatchingUp,
    Current,
    Down { since: Duration },
}

impl Condition {
    pub(crate) fn new(mode: Mode, now: Duration) -> Self {
        let feed = if mode == Mode::Cache { Phase::Off } else { Phase::Down { since: now } };
        Self(Mutex::new(State { mode, feed, last_error: None }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn mode(&self) -> Mode {
        self.state().mode
    }

    pub(crate) fn feed(&self, now: Duration) -> FeedStatus {
        match self.state().feed {
            Phase::Off => FeedStatus::Off,
            Phase::CatchingUp => FeedStatus::CatchingUp,
            Phase::Current => FeedStatus::Current,
            Phase::Down { since } => FeedStatus::Down { lasting: now.saturating_sub(since) },
        }
    }

    pub(crate) fn is_current(&self) -> bool {
        self.state().feed == Phase::Current
    }

    pub(crate) fn last_error(&self) -> Option<TmsErrorKind> {
        self.state().last_error.clone()
    }

    /// The TMS has answered something.
    pub(crate) fn answered(&self) {
        self.state().last_error = None;
    }

    pub(crate) fn failed(&self, kind: &TmsErrorKind) {
        self.state().last_error = Some(kind.clone());
    }

    /// There is a feed.
    pub(crate) fn replica(&self) {
        self.state().mode = Mode::Replica;
    }

    /// There is no feed.
    pub(crate) fn cache(&self) {
        let mut state = self.state();
        (state.mode, state.feed) = (Mode::Cache, Phase::Off);
    }

    pub(crate) fn connected(&self) {
        let mut state = self.state();
        (state.feed, state.last_error) = (Phase::CatchingUp, None);
    }

    /// Memory holds all that there is; whether that is news.
    pub(crate) fn current(&self) -> bool {
        let mut state = self.state();
        std::mem::replace(&mut state.feed, Phase::Current) != Phase::Current
    }

    /// The feed is lost; whether that is news.
    pub(crate) fn down(&self, now: Duration) -> bool {
        let mut state = self.state();
        let news = !matches!(state.feed, Phase::Down { .. });
        if news {
            state.feed = Phase::Down { since: now };
        }
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_feed_is_down_since_it_was_lost() {
        let second = Duration::from_secs(1);
        let condition = Condition::new(Mode::Auto, second);
        assert_eq!(condition.feed(3 * second), FeedStatus::Down { lasting: 2 * second });
        condition.connected();
        assert!(condition.current() && !condition.current());
        assert!(condition.down(5 * second) && !condition.down(7 * second));
        assert_eq!(condition.feed(9 * second), FeedStatus::Down { lasting: 4 * second });
        condition.cache();
        assert_eq!((condition.mode(), condition.feed(second)), (Mode::Cache, FeedStatus::Off));
        assert_eq!(Condition::new(Mode::Cache, second).feed(second), FeedStatus::Off);
    }
}
