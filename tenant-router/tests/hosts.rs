//! Which host is it: a table of rules, each with requests that keep it and requests that break it, sent to real sockets of
//! each stack. Every bug about hosts adds a row.
//!
//! A stack is a function from a [`Setup`](table::Setup) to a [`Running`](stacks::Running) server; another one needs no
//! more than that, and a test like those below.

#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

#[path = "hosts/run.rs"]
mod run;
#[path = "hosts/stacks/mod.rs"]
mod stacks;
#[path = "hosts/table.rs"]
mod table;
#[path = "hosts/watch.rs"]
mod watch;
#[path = "hosts/wire/mod.rs"]
mod wire;

#[path = "hosts/rows/mod.rs"]
mod rows;

use run::{http_1, http_2};

#[tokio::test]
async fn hyper_over_http_1() {
    http_1(stacks::hyper::http_1).await;
}

#[tokio::test]
async fn hyper_over_http_2() {
    http_2(stacks::hyper::http_2).await;
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn axum_over_http_1() {
    http_1(stacks::axum::serve).await;
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn axum_over_http_2() {
    http_2(stacks::axum::serve).await;
}

#[tokio::test]
async fn tonic_over_http_2() {
    http_2(stacks::tonic::serve).await;
}

#[test]
fn every_rule_has_a_source_and_is_both_kept_and_broken() {
    for must in rows::all() {
        assert!(must.rule.starts_with("RFC ") || must.rule.starts_with("design "), "{}", must.rule);
        assert!(!must.accepts.is_empty() && !must.refuses.is_empty(), "{}: {}", must.rule, must.says);
        assert!(must.accepts.iter().all(|row| row.outcome.is_accepted()), "{}: {}", must.rule, must.says);
        assert!(!must.refuses.iter().any(|row| row.outcome.is_accepted()), "{}: {}", must.rule, must.says);
    }
}
