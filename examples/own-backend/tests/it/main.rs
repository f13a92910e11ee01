//! The suites on the backend, what only files can do, and the program as a process.

#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

mod conforms;
mod files;
mod program;
