//! The tenant management service as a program.

use std::process::ExitCode;

use tms_server::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    tms_server::run(Cli::read()).await
}
