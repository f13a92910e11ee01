//! The program as a process and the layer in front of tonic, asked by a real tonic client.

#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

mod client;
#[path = "../../../tests/it/program.rs"]
mod program;
mod refusals;
mod served;
