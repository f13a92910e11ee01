//! Forgetting what the feed need not know any more.

use std::sync::Arc;

use jiff::Timestamp;
use tenant_core::Clock;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::error::causes;
use crate::repo::Repo;
use crate::timing::Timing;

/// Forgets old changes now and then, until `stop` changes or its sender is gone.
pub(crate) async fn until(
    mut stop: watch::Receiver<()>,
    repo: Arc<dyn Repo>,
    timing: Timing,
    clock: Arc<dyn Clock>,
) {
    tokio::select! {
        _ = stop.changed() => {}
        () = forever(&*repo, &timing, &*clock) => {}
    }
}

async fn forever(repo: &dyn Repo, timing: &Timing, clock: &dyn Clock) {
    let mut ticks = tokio::time::interval(timing.trim_every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let before = clock.wall().saturating_sub(timing.keep_changes).unwrap_or(Timestamp::MIN);
        // Where it fails, the next time will do.
        if let Err(error) = repo.trim(before).await {
            tracing::warn!(cause = causes(&error), "old changes are not forgotten");
        }
    }
}
