//! The service as a client sees it: real sockets, real files.

mod audit;
mod changes;
mod errors;
mod keys;
mod lists;
mod patch;
mod program;
mod restart;
mod scopes;
mod secrets;
mod sharing;
mod status;
mod support;
mod tenants;
mod tokens;
