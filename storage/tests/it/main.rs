//! One binary: the suites on both backends, and what only files can do.

mod embedded;
mod memory;
mod support;
