//! The service as a client sees it: real sockets, real files.

mod support;
mod tokens;
