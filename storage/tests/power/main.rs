//! Power cuts: a page cache outlives `kill -9`, so only what the disk was told to sync counts. A program's system calls are
//! recorded, disks are rebuilt as a cut at some moment may have left them, and the store is opened on each.

// What a run did is told by the helpers of tests, too.
#![allow(clippy::print_stdout)]

mod child;
mod disk;
mod image;
mod judge;
mod ledger;
mod load;
mod plan;
mod power;
mod recorder;
mod strace;
#[allow(dead_code, reason = "the other test program needs more of it")]
#[path = "../it/support.rs"]
mod support;
