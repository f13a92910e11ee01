//! [`Feed`]: the changes of tenants as server-sent events (design 5), for one reader.
//!
//! Nothing is kept for a reader: whenever it has taken what was sent, the next changes are read from the database.

mod frame;

use std::time::Duration;

use axum::body::Bytes;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::app::AppState;
use crate::caller::Caller;
use crate::cursor::Cursor;
use crate::error::{ApiError, causes};
use crate::meters::FeedConnection;
use crate::pace::Pace;
use crate::repo::{Change, Since};

/// How often a reader hears that the feed lives.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// How often the reader's token and key are looked at again.
const CHECK: Duration = Duration::from_millis(500);
/// How long the feed rests after changes, so that a burst of them is read in pieces and not one by one.
const REST: Duration = Duration::from_millis(10);

/// The feed of one connection.
pub(crate) struct Feed {
    state: AppState,
    caller: Caller,
    /// What the reader has; `None` where its cursor is none of ours.
    at: Option<Cursor>,
    pace: Pace,
    bell: watch::Receiver<()>,
    stop: watch::Receiver<()>,
    /// Whether the database may have more than the reader has.
    behind: bool,
    /// Whether the reader was told that it has missed nothing.
    greeted: bool,
    heartbeat: Instant,
    check: Instant,
    ended: bool,
    _counted: FeedConnection,
}

impl Feed {
    /// A feed that goes on where the reader stopped. Without a cursor it begins at the head.
    ///
    /// # Errors
    /// If the database cannot be asked.
    pub(crate) async fn new(state: AppState, caller: Caller, cursor: Option<&str>) -> Result<Self, ApiError> {
        let (bell, stop) = (state.repo.listen(), state.stop.clone());
        let at = match cursor {
            Some(text) => text.parse().ok(),
            None => Some(state.repo.head().await?),
        };
        let now = Instant::now();
        let (heartbeat, check) = (now + HEARTBEAT, now + CHECK);
        let (behind, greeted, ended) = (true, false, false);
        let (pace, counted) = (Pace::default(), state.meters.feed_connection());
        let feed = Self {
            state,
            caller,
            at,
            pace,
            bell,
            stop,
            behind,
            greeted,
            heartbeat,
            check,
            ended,
            _counted: counted,
        };
        Ok(feed)
    }

    /// The next frames; `None` where the feed ends.
    pub(crate) async fn next(&mut self) -> Option<Bytes> {
        while !self.ended && !self.stop.has_changed().unwrap_or(true) {
            if self.check <= Instant::now() && !self.is_admitted().await {
                break;
            }
            if self.behind || self.heartbeat <= Instant::now() {
                match self.frames().await {
                    Ok(text) if text.is_empty() => {}
                    Ok(text) => return Some(text.into()),
                    Err(error) => {
                        tracing::warn!(
                            cause = causes(&error),
                            "a feed ends, for the database cannot be asked"
                        );
                        break;
                    }
                }
            }
            self.wait().await;
        }
        self.ended = true;
        None
    }

    /// What the reader does not have yet, and a heartbeat where one is due.
    async fn frames(&mut self) -> Result<String, ApiError> {
        // Looked at before the database is: a change that comes in between rings again.
        self.bell.borrow_and_update();
        let since = match &self.at {
            Some(at) => self.state.repo.since(at, self.pace.rows()).await?,
            None => Since::Reset,
        };
        let Since::Changes { changes, head } = since else {
            self.ended = true;
            return Ok(frame::reset());
        };
        let mut text = String::new();
        for change in &changes {
            frame::change(&mut text, change)?;
        }
        if let Some(Change { cursor, .. }) = changes.into_iter().next_back() {
            self.at = Some(cursor);
            self.pace.took(text.len());
        }
        self.behind = self.at.as_ref() != Some(&head);
        let now = Instant::now();
        let caught_up = !self.behind && !self.greeted;
        if caught_up || self.heartbeat <= now {
            frame::heartbeat(&mut text, &head);
            self.greeted |= caught_up;
            self.heartbeat = now + HEARTBEAT;
        }
        Ok(text)
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.stop.changed() => self.ended = true,
            // Its sender lives as long as the database is open.
            _ = self.bell.changed(), if !self.behind => {
                self.behind = true;
                tokio::time::sleep(REST).await;
            }
            () = tokio::time::sleep_until(self.heartbeat.min(self.check)) => {}
        }
    }

    /// Whether the reader's token is still good, and its key has the scope that it had.
    async fn is_admitted(&mut self) -> bool {
        self.check = Instant::now() + CHECK;
        self.state.clock.wall() < self.caller.until && self.caller.is_admitted(&self.state).await
    }
}
