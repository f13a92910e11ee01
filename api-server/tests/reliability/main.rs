//! What a company bets on: that tenants are served through outages of the TMS, and refusals seen at once, with real
//! processes that are killed, stopped and started again. `TENANTRY_LONG=1` takes the minutes that `docs/reliability.md` tells
//! of; without it everything is shorter and the promises are the same.

mod load;
mod outage;
mod proxy;
mod refusals;
mod restart;
mod scopes;
mod seen;
mod site;
mod tms;

use std::time::{Duration, Instant};

/// Whether the long form is asked for.
fn is_long() -> bool {
    std::env::var("TENANTRY_LONG").as_deref() == Ok("1")
}

/// Asks every few milliseconds until the answer is yes. How long that took.
async fn until(what: &str, patience: Duration, mut ask: impl AsyncFnMut() -> bool) -> Duration {
    let began = Instant::now();
    while !ask().await {
        assert!(began.elapsed() < patience, "still waiting for {what} after {patience:?}");
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    began.elapsed()
}
