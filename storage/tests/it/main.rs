//! One binary: the suites on both backends, and what only files can do.

mod broken;
mod child;
mod compile;
mod crash;
mod embedded;
mod faults;
mod files;
mod leaky;
mod memory;
mod speed;
mod support;
mod upgrade;
