//! [`SqlRepo`]: a [`Repo`] in SQL, the same on every [`Engine`].

mod audit;
mod changes;
mod keys;
mod record;
mod secrets;
mod tenants;

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

use super::Repo;
use super::engine::Engine;
use super::error::DamagedRow;
use super::poll::Poll;
use crate::bell::Bell;

/// Everything in one database.
#[derive(Debug)]
pub(super) struct SqlRepo {
    pub(super) engine: Arc<Engine>,
    /// Rung when a tenant has changed.
    pub(super) bell: Bell,
    /// Rings it for what other processes change; a command waits for none of it.
    pub(super) poll: Option<Poll>,
}

#[async_trait]
impl Repo for SqlRepo {
    async fn close(&self) {
        if let Some(poll) = &self.poll {
            poll.stop();
        }
        self.engine.close().await;
    }
}

/// Reads a time as it is kept: RFC 3339, UTC.
fn time(text: &str, of: &'static str) -> Result<Timestamp, DamagedRow> {
    text.parse().map_err(|_| DamagedRow(of))
}

/// The number of a change, which the database keeps as a signed one.
fn unsigned(number: i64, of: &'static str) -> Result<u64, DamagedRow> {
    number.try_into().map_err(|_| DamagedRow(of))
}

/// A number as the database keeps it. Changes and cursors are checked to fit.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
