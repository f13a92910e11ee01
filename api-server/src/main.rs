//! The program `api-server`; see the library of the same name.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    // Before anything that may speak TLS: two providers in one process would make rustls panic.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    api_server::run().await
}
