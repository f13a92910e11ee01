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
