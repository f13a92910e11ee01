//! Processes that are killed, restarted and watched: what was acknowledged stays, what was begun can be finished.

mod dev;
mod install_steps;
mod secrets;
#[path = "../it/support/mod.rs"]
// Each of the test programs uses a part of it.
#[allow(dead_code, unused_imports)]
mod support;
mod sync_order;
mod track;
