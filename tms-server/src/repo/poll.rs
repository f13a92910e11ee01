//! Hearing of the changes that other processes make: on PostgreSQL those that nobody announced, on SQLite those of a command.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use super::engine::Engine;
use crate::bell::Bell;

/// How often the head is read.
const EVERY: Duration = Duration::from_millis(250);

/// Rings the bell when the feed's head has moved, until it is stopped or dropped.
#[derive(Debug)]
pub(super) struct Poll(JoinHandle<()>);

impl Poll {
    pub(super) fn start(engine: Arc<Engine>, bell: Bell) -> Self {
        Self(tokio::spawn(forever(engine, bell)))
    }

    pub(super) fn stop(&self) {
        self.0.abort();
    }
}

impl Drop for Poll {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn forever(engine: Arc<Engine>, bell: Bell) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut known = None;
    loop {
        ticks.tick().await;
        // Where it cannot be read now, the next time will do.
        let Ok(rows) = engine.rows("SELECT n, nonce FROM feed_head", &[]).await else { continue };
        let head = rows.first().and_then(|row| row.int("n").ok().zip(row.text("nonce").ok()));
        if head != known {
            known = head;
            bell.ring();
        }
    }
}
