//! The service as a client sees it: real sockets, real files.

mod attempts;
mod audit;
mod backup;
mod changes;
mod commands;
mod errors;
mod keys;
mod lists;
mod metrics;
mod openapi;
mod patch;
mod process;
mod program;
mod restart;
mod scopes;
mod secrets;
mod sharing;
mod status;
mod support;
mod tenants;
mod tokens;
