//! The service as a client sees it: real sockets, real files.

mod errors;
mod keys;
mod program;
mod restart;
mod scopes;
mod secrets;
mod status;
mod support;
mod tenants;
mod tokens;
