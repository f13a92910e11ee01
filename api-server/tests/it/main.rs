//! The platform as its users meet it: real sockets, a real management service, real files, real processes.

mod collector;
mod five_minutes;
mod install;
mod logins;
mod routing;
mod single;
// Each of the test programs uses a part of it.
#[allow(dead_code, unused_imports)]
mod support;
mod walls;
