//! [`Shared`]: all that a faulty TMS knows, and the news that it changed.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::calls::Call;
use super::feed::FeedState;
use super::records::Records;
use super::script::Script;
use super::server::FaultyTms;
use super::tokens::Tokens;

/// How long a test waits for something by default.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct State {
    pub(super) records: Records,
    pub(super) script: Script,
    pub(super) tokens: Tokens,
    pub(super) feed: FeedState,
    pub(super) log: Vec<Call>,
    /// Connections accepted so far.
    pub(super) accepted: usize,
    /// Whether connections are accepted and left without an answer.
    pub(super) is_half_open: bool,
    patience: Duration,
}

/// The state, and a mark that it changed.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

impl Shared {
    pub(super) fn new() -> Self {
        let state = State {
            records: Records::new(),
            script: Script::default(),
            tokens: Tokens::default(),
            feed: FeedState::default(),
            log: Vec::new(),
            accepted: 0,
            is_half_open: false,
            patience: PATIENCE,
        };
        Self { state: Mutex::new(state), changed: watch::Sender::new(()) }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes something that others wait for.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.lock());
        self.changed.send_replace(());
        changed
    }

    pub(super) fn watch(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }
}

impl FaultyTms {
    /// How long `until_…` waits before it fails the test. Default 10 s.
    pub fn patience(&self, patience: Duration) {
        self.shared().lock().patience = patience;
    }

    /// Waits until it is so.
    pub(super) async fn until(&self, what: &str, so: impl Fn(&State) -> bool) {
        let mut changed = self.shared().watch();
        let patience = self.shared().lock().patience;
        let wait = async {
            while !so(&self.shared().lock()) {
                // The sender is in `self`, so that this is only the wait.
                let _news = changed.changed().await;
            }
        };
        if tokio::time::timeout(patience, wait).await.is_err() {
            panic!("not within {patience:?}: {what}; what came: {:?}", self.lines());
        }
    }
}
