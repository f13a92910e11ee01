//! What the tests are made of.

mod client;
mod platform;
mod program;
mod tms;

pub(crate) use client::{Answer, Api, BRIDGE, page_view};
pub(crate) use platform::Platform;
pub(crate) use program::Program;
pub(crate) use tms::{OPERATOR_KEY, Tms};

use std::time::{Duration, Instant};

pub(crate) const EMAIL: &str = "admin@company-x.com";
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// Asks until the answer is yes; fails after 20 s, saying what it waited for.
pub(crate) async fn eventually(what: &str, mut ask: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !ask().await {
        assert!(Instant::now() < deadline, "still waiting for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
