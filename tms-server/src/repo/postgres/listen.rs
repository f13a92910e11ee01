//! Hearing at once of the changes that other processes announce.

use std::convert::Infallible;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};

use crate::bell::Bell;
use crate::error::causes;

/// The channel that changes are announced on.
pub(super) const CHANNEL: &str = "tenantry_changes";
/// How long a listener that failed waits before it connects again: at first, and at most.
const REST: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(5)];

/// Rings the bell for every change that is announced, until it is aborted.
pub(super) async fn forever(options: PgConnectOptions, bell: Bell) {
    let [first, longest] = REST;
    let mut rest = first;
    loop {
        let mut heard = false;
        let Err(error) = listen_once(&options, &bell, &mut heard).await;
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
