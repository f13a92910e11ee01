//! The program as a process: killed at bad moments, watched from outside by the system calls it makes and the traces it
//! leaves, and started as a person starts it.

mod crowd;
mod dev;
mod install_steps;
mod laptop;
mod recording;
mod secrets;
mod site;
mod stopping_server;
// Shared with the other integration tests, which use more of it.
#[allow(dead_code, unused_imports)]
#[path = "../it/support/mod.rs"]
mod support;
mod sync_order;
mod traces;
mod track;
mod wal;

/// Where the platforms of these tests keep their data.
fn storage_in(data_dir: &std::path::Path) -> api_server::StorageConfig {
    api_server::StorageConfig::Embedded { data_dir: data_dir.to_owned() }
}

/// Returns when what was written is found: here that is at once.
async fn settle() {}
