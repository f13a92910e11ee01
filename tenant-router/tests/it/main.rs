//! The layer in front of real servers, asked over real sockets.

#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

#[cfg(feature = "axum")]
mod axum;
mod directory;
mod exempt;
mod explain;
mod forwarded;
mod fussy;
mod hyper;
#[cfg(feature = "testing")]
mod isolation;
#[cfg(feature = "testing")]
mod leaky;
#[cfg(feature = "limit")]
mod limit;
mod ordering;
mod outcomes;
mod rejection;
mod requests;
mod server;
mod span;
mod ways;
mod wire;
