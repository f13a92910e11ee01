//! The platform as its users meet it: real sockets, a real management service, real files, real processes.

mod five_minutes;
mod support;
