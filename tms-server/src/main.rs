//! The tenant management service as a program.

use std::process::ExitCode;

use clap::Parser as _;
use tms_server::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    tms_server::run(Cli::parse()).await
}
