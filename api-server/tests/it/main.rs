//! The platform as its users meet it: real sockets, a real management service, real files, real processes.

mod ask;
mod collector;
mod descriptors;
mod five_minutes;
mod full_disk;
mod install;
mod isolation;
mod limits;
mod logins;
mod older;
mod resolve;
mod routing;
mod single;
mod storage_commands;
// Each of the test programs uses a part of it.
#[allow(dead_code, unused_imports)]
mod support;
mod walls;

/// Where the platforms of these tests keep their data.
fn storage_in(data_dir: &std::path::Path) -> api_server::StorageConfig {
    api_server::StorageConfig::Embedded { data_dir: data_dir.to_owned() }
}

/// Returns when what was written is found: here that is at once.
async fn settle() {}
