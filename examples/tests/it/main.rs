//! Each example is started as a process, as a user would, and asked over a socket.

#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

mod directory_client;
mod embed_api_server;
mod hello_tenant;
mod own_directory;
mod program;
