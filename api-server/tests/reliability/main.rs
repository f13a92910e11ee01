//! What a company bets on: that tenants are served through outages of the TMS, and refusals seen at once, with real
//! processes that are killed, stopped and started again. `TENANTRY_LONG=1` takes the minutes that `docs/reliability.md` tells
//! of; without it everything is shorter and the promises are the same.

mod disk;
mod engine;
mod load;
mod outage;
mod proxy;
mod refusals;
mod restart;
mod scopes;
mod seen;
mod seen_after_a_cut;
mod site;
mod tms;

use std::time::{Duration, Instant};

use tokio::sync::{Mutex, MutexGuard};

/// How long a test waits for what has no promised time, on a machine that does other things, too.
const PATIENCE: Duration = Duration::from_secs(30);

/// Whether the long form is asked for.
fn is_long() -> bool {
    std::env::var("TENANTRY_LONG").as_deref() == Ok("1")
}

/// The proofs measure, so they take turns.
async fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::const_new(());
    TURN.lock().await
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

#[expect(clippy::print_stdout, reason = "the figures are what the reliability page tells")]
fn report(figures: &str) {
    println!("{figures}");
}
