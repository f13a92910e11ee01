//! `cargo bench -p benches`: the questions about the store, as in the report.

use benches::report::{self, Arguments};
use clap::Parser;

fn main() -> benches::Result<()> {
    report::run(Arguments::parse())
}
