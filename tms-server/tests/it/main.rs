//! The service as a client sees it: real sockets, real files.

mod attempts;
mod backup;
mod commands;
mod errors;
mod keys;
mod metrics;
mod openapi;
mod process;
mod program;
mod restart;
mod scopes;
mod secrets;
mod status;
mod support;
mod tenants;
mod tokens;
