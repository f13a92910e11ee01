//! Hearing of the changes that other processes make.

use std::convert::Infallible;
use std::time::Duration;

use sqlx::Row as _;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPool, PgPoolOptions};
use tokio::time::MissedTickBehavior;

use crate::bell::Bell;
use crate::error::causes;

/// The channel that changes are announced on.
pub(super) const CHANNEL: &str = "tenantry_changes";
/// How often the head is read, for announcements that got lost.
const POLL: Duration = Duration::from_millis(250);
/// How long a listener that failed waits before it connects again: at first, and at most.
const REST: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(5)];

/// Rings the bell for every change in the database, until it is aborted.
pub(super) async fn forever(options: PgConnectOptions, read: PgPool, bell: Bell) {
    tokio::join!(listen(options, &bell), poll(&read, &bell));
}

async fn listen(options: PgConnectOptions, bell: &Bell) {
    let [first, longest] = REST;
    let mut rest = first;
    loop {
        let mut heard = false;
        let Err(error) = listen_once(&options, bell, &mut heard).await;
        if heard || rest == first {
            tracing::warn!(
                error = causes(&error),
                "does not hear of changes, and polls for them until it does"
            );
        }
        rest = if heard { first } else { longest.min(rest * 2) };
        tokio::time::sleep(rest).await;
    }
}

/// Listens on one connection, until it breaks. `heard` says that it was established.
async fn listen_once(
    options: &PgConnectOptions,
    bell: &Bell,
    heard: &mut bool,
) -> Result<Infallible, sqlx::Error> {
    let pool = PgPoolOptions::new().max_connections(1).max_lifetime(None).idle_timeout(None);
    let pool = pool.connect_lazy_with(options.clone());
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    *heard = true;
    // What was announced before it listened.
    bell.ring();
    loop {
        if listener.try_recv().await?.is_none() {
            return Err(std::io::Error::from(std::io::ErrorKind::ConnectionAborted).into());
        }
        bell.ring();
    }
}

async fn poll(read: &PgPool, bell: &Bell) {
    let mut ticks = tokio::time::interval(POLL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut known = None;
    loop {
        ticks.tick().await;
        // Where it cannot be read now, the next time will do.
        let Ok(row) = sqlx::query("SELECT n, nonce FROM feed_head").fetch_one(read).await else { continue };
        let head: Option<(i64, String)> = row.try_get("n").ok().zip(row.try_get("nonce").ok());
        if head != known {
            known = head;
            bell.ring();
        }
    }
}
