//! `cargo run --release -p benches --bin report`: all that is promised, measured.

use benches::report::{self, Arguments};
use clap::Parser;

fn main() -> benches::Result<()> {
    report::run(Arguments::parse())
}
