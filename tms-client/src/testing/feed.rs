//! [`Feed`]: what a test does to the feed; and the connections that are fed.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, Stream};
use hyper::body::Frame;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::answer::cut;
use super::server::FaultyTms;
use super::state::{Shared, State};

const RESET: &str = "event: reset\ndata: {}\n\n";
/// The time between two heartbeats (design 5).
const HEARTBEAT: Duration = Duration::from_secs(2);
/// While a feed is silent, it looks only when something changes.
const SILENCE: Duration = Duration::from_secs(3600);

/// What all connections go by.
#[derive(Debug)]
pub(super) struct FeedState {
    pub(super) is_off: bool,
    is_stalled: bool,
    heartbeat: Duration,
    open: usize,
    /// How often it was cut, and reset.
    cuts: u64,
    resets: u64,
    /// What a test sends by its own hand.
    sent: Vec<String>,
}

impl Default for FeedState {
    fn default() -> Self {
        let (is_off, is_stalled, heartbeat) = (false, false, HEARTBEAT);
        Self { is_off, is_stalled, heartbeat, open: 0, cuts: 0, resets: 0, sent: Vec::new() }
    }
}

impl FeedState {
    /// Every connection that is open is cut.
    pub(super) fn cut(&mut self) {
        self.cuts += 1;
    }
}

/// The change feed of a [`FaultyTms`]; see [`FaultyTms::feed`].
///
/// What concerns the answer to `GET /changes`, a status in its place or a delay, is a rule for
/// [`Route::Changes`](super::Route::Changes).
#[derive(Debug, Clone, Copy)]
pub struct Feed<'a>(&'a FaultyTms);

impl FaultyTms {
    /// The change feed.
    pub fn feed(&self) -> Feed<'_> {
        Feed(self)
    }
}

impl Feed<'_> {
    /// Is a TMS without a feed from now on, as the original's is: `GET /changes` is 404, lists have no `X-Cursor`, and open
    /// feeds are cut.
    pub fn off(&self) {
        self.change(|feed| {
            feed.is_off = true;
            feed.cut();
        });
    }

    /// Has a feed again.
    pub fn on(&self) {
        self.change(|feed| feed.is_off = false);
    }

    /// Sends nothing more, no heartbeat either, on connections that stay open and on new ones.
    pub fn stall(&self) {
        self.change(|feed| feed.is_stalled = true);
    }

    /// Ends a stall: what was held back is sent.
    pub fn flow(&self) {
        self.change(|feed| feed.is_stalled = false);
    }

    /// Cuts every open feed. A client may connect again at once; where it shall not, a rule for `Route::Changes` comes
    /// first.
    pub fn cut(&self) {
        self.change(FeedState::cut);
    }

    /// Tells every open feed to list again, and ends it. A stalled one is told when it flows again.
    pub fn reset(&self) {
        self.change(|feed| feed.resets += 1);
    }

    /// Forgets all changes so far, as if they were older than what is kept: who comes with a cursor from before the last
    /// one gets a reset.
    pub fn forget_changes(&self) {
        self.0.shared().change(|state| state.records.forget_changes());
    }

    /// Never tells the next so many changes, nor does a client that comes back later get them. Heartbeats name them.
    pub fn lose_next(&self, changes: u64) {
        self.0.shared().change(|state| state.records.lose_next(changes));
    }

    /// Sends this text on every open feed as it stands: half a frame, an unknown event, a frame for the second time.
    pub fn send(&self, text: &str) {
        self.change(|feed| feed.sent.push(text.to_owned()));
    }

    /// The time between two heartbeats, in real time. Default 2 s. One comes at once when a feed is opened.
    pub fn heartbeat_every(&self, time: Duration) {
        self.change(|feed| feed.heartbeat = time);
    }

    /// The cursor of the last change: what a heartbeat says.
    pub fn head(&self) -> String {
        self.0.shared().lock().records.cursor()
    }

    /// How many feeds are open.
    pub fn connected(&self) -> usize {
        self.0.shared().lock().feed.open
    }

    /// Waits until exactly so many feeds are open.
    ///
    /// # Panics
    /// If that does not happen within the [`patience`](FaultyTms::patience).
    pub async fn until_connected(&self, feeds: usize) {
        self.0.until(&format!("{feeds} open feeds"), |state| state.feed.open == feeds).await;
    }

    fn change(&self, change: impl FnOnce(&mut FeedState)) {
        self.0.shared().change(|state| change(&mut state.feed));
    }
}

/// One open feed.
pub(super) struct Connection {
    shared: Arc<Shared>,
    changed: watch::Receiver<()>,
    token: String,
    /// The number of the last change that was told; `None` for a cursor that does not fit.
    position: Option<u64>,
    cuts: u64,
    resets: u64,
    sent: usize,
    last_heartbeat: Option<Instant>,
    is_over: bool,
}

/// What a connection does next.
enum Next {
    Send(String),
    /// Sends it, and ends.
    End(String),
    Cut,
    Wait(Instant),
}

impl Connection {
    /// Opens a feed after this cursor; without one it starts now.
    pub(super) fn open(shared: &Arc<Shared>, state: &mut State, token: String, cursor: Option<&str>) -> Self {
        state.feed.open += 1;
        let feed = &state.feed;
        Self {
            shared: Arc::clone(shared),
            changed: shared.watch(),
            token,
            position: cursor.map_or(Some(state.records.head()), |cursor| state.records.fit(cursor)),
            cuts: feed.cuts,
            resets: feed.resets,
            sent: feed.sent.len(),
            last_heartbeat: None,
            is_over: false,
        }
    }

    pub(super) fn frames(self: Box<Self>) -> impl Stream<Item = io::Result<Frame<Bytes>>> + Send {
        stream::unfold(self, |mut connection| async move {
            let frame = connection.next().await?;
            Some((frame.map(|text| Frame::data(Bytes::from(text))), connection))
        })
    }

    async fn next(&mut self) -> Option<io::Result<String>> {
        loop {
            if self.is_over {
                return None;
            }
            self.changed.mark_unchanged();
            let shared = Arc::clone(&self.shared);
            let next = self.look(&shared.lock());
            match next {
                Next::Send(text) => return Some(Ok(text)),
                Next::End(text) => {
                    self.is_over = true;
                    return Some(Ok(text));
                }
                Next::Cut => {
                    self.is_over = true;
                    return Some(Err(cut()));
                }
                Next::Wait(until) => tokio::select! {
                    // The sender is in `shared`, so that this is only the wait.
                    _ = self.changed.changed() => {}
                    () = sleep_until(until) => {}
                },
            }
        }
    }

    fn look(&mut self, state: &State) -> Next {
        let feed = &state.feed;
        if self.cuts != feed.cuts {
            return Next::Cut;
        }
        if !state.tokens.is_good(&self.token) {
            return Next::End(String::new());
        }
        if feed.is_stalled {
            return Next::Wait(Instant::now() + SILENCE);
        }
        let Some(position) = self.position.filter(|_| self.resets == feed.resets) else {
            return Next::End(RESET.to_owned());
        };
        if let Some(text) = feed.sent.get(self.sent) {
            self.sent += 1;
            return Next::Send(text.clone());
        }
        self.position = Some(state.records.head());
        let frames = state.records.frames_after(position);
        if frames.is_empty() { self.heartbeat(state) } else { Next::Send(frames) }
    }

    fn heartbeat(&mut self, state: &State) -> Next {
        let due = self.last_heartbeat.map(|last| last + state.feed.heartbeat);
        if let Some(due) = due.filter(|due| *due > Instant::now()) {
            return Next::Wait(due);
        }
        self.last_heartbeat = Some(Instant::now());
        let data = json!({ "head": state.records.cursor() });
        Next::Send(format!("event: heartbeat\ndata: {data}\n\n"))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.shared.change(|state| state.feed.open -= 1);
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("position", &self.position).finish_non_exhaustive()
    }
}
