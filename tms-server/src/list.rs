//! [`List`]: all tenants of one moment, on their way to one reader.

use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_util::stream;
use tokio::sync::mpsc::{self, Permit};
use tokio::time::{Instant, sleep_until};

use crate::app::AppState;
use crate::caller::Caller;
use crate::cursor::Cursor;
use crate::error::{ApiError, causes};
use crate::pace::Pace;
use crate::repo::{RepoError, Snapshot, Stored};
use crate::turns::Turn;

/// How long a whole list may take. Its reader holds one of few connections to the database.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often the reader's key is looked at again.
const CHECK: Duration = Duration::from_millis(500);

/// A piece of the array; `None` behind the last one. Where that does not come, the list was cut short.
type Piece = Option<Bytes>;

/// A list that is being sent.
pub(crate) struct List {
    state: AppState,
    caller: Caller,
    snapshot: Box<dyn Snapshot>,
    pace: Pace,
    /// What was read and not yet sent.
    next: Vec<Stored>,
    begun: bool,
    ended: bool,
    check: Instant,
    until: Instant,
    _turn: Turn,
}

/// Why a list is cut short.
#[derive(Debug, thiserror::Error)]
enum Cut {
    #[error("its key was revoked")]
    Revoked,
    #[error("its reader is too slow")]
    Slow,
    #[error(transparent)]
    Repo(#[from] RepoError),
    #[error("a tenant cannot be written")]
    Json(#[from] serde_json::Error),
}

impl List {
    /// A list of this moment. What fails here can still be told properly.
    ///
    /// # Errors
    /// If the key's earlier list does not end in time, or the database cannot be asked.
    pub(crate) async fn new(state: AppState, caller: Caller) -> Result<Self, ApiError> {
        let turn = state.turns.take(&caller.key.id).await.ok_or(ApiError::TimedOut)?;
        let mut snapshot = state.repo.snapshot().await?;
        let pace = Pace::default();
        let next = snapshot.next(pace.rows()).await?;
        let now = Instant::now();
        let (check, until) = (now + CHECK, now + PATIENCE);
        Ok(Self {
            state,
            caller,
            snapshot,
            pace,
            next,
            begun: false,
            ended: false,
            check,
            until,
            _turn: turn,
        })
    }

    /// The newest change at its moment.
    pub(crate) fn cursor(&self) -> &Cursor {
        self.snapshot.cursor()
    }

    /// Sends it in pieces, from a task of its own: it has to end in time also where nobody takes what was sent. What fails
    /// on the way breaks the connection: the answer is then no whole JSON.
    pub(crate) fn into_body(self) -> Body {
        let (to, from) = mpsc::channel(1);
        tokio::spawn(self.send(to));
        Body::from_stream(stream::try_unfold(from, |mut from| async move {
            match from.recv().await {
                Some(Some(text)) => Ok(Some((text, from))),
                Some(None) => Ok(None),
                None => Err(io::Error::other("the list was cut short")),
            }
        }))
    }

    async fn send(mut self, to: mpsc::Sender<Piece>) {
        if let Err(cut) = self.pieces(&to).await {
            tracing::warn!(cause = causes(&cut), "a list is cut short");
        }
    }

    async fn pieces(&mut self, to: &mpsc::Sender<Piece>) -> Result<(), Cut> {
        loop {
            let text = self.piece().await?;
            let ended = text.is_none();
            // Without a room there is no reader any more.
            let Some(room) = self.room(to).await? else { return Ok(()) };
            room.send(text);
            if ended {
                return Ok(());
            }
        }
    }

    /// The next piece of the array.
    async fn piece(&mut self) -> Result<Piece, Cut> {
        if self.ended {
            return Ok(None);
        }
        let mut text = Vec::new();
        for stored in &self.next {
            text.push(if self.begun { b',' } else { b'[' });
            self.begun = true;
            serde_json::to_writer(&mut text, &self.caller.view(stored))?;
        }
        if self.next.is_empty() {
            text.extend_from_slice(if self.begun { b"]" } else { b"[]" });
            self.ended = true;
        } else {
            self.pace.took(text.len());
            self.next = self.snapshot.next(self.pace.rows()).await?;
        }
        Ok(Some(text.into()))
    }

    /// Waits until the reader has taken what was sent before.
    async fn room<'a>(&mut self, to: &'a mpsc::Sender<Piece>) -> Result<Option<Permit<'a, Piece>>, Cut> {
        loop {
            self.look().await?;
            tokio::select! {
                room = to.reserve() => return Ok(room.ok()),
                () = sleep_until(self.check) => {}
            }
        }
    }

    /// Whether it may go on.
    async fn look(&mut self) -> Result<(), Cut> {
        let now = Instant::now();
        if self.until <= now {
            return Err(Cut::Slow);
        }
        if self.check <= now {
            self.check = now + CHECK;
            if !self.caller.is_admitted(&self.state).await {
                return Err(Cut::Revoked);
            }
        }
        Ok(())
    }
}
