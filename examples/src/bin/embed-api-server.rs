//! The whole platform inside a program of one's own: the management service and the API server, started from code.
//!
//! ```console
//! cargo run --release -p examples --bin embed-api-server -- ./data
//! ```
//!
//! Any free ports of 127.0.0.1 are taken; the one line that it prints says which, and the operator's key of this start.
//! Tenants are found at `<name>.localhost`.

use std::error::Error;
use std::path::PathBuf;

use api_server::{Config, Endpoints, Listeners, Server, StorageConfig, Tenancy, TmsConfig};
use secrecy::{ExposeSecret, SecretString};
use tms_server::Scope;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // Before anything that may speak TLS.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("usage: embed-api-server FOLDER")?);

    // The management service. A program that runs elsewhere needs its URL and a key alone.
    let mut tms = tms_server::Config::new(format!("sqlite://{}", folder.join("tms.db").display()));
    tms.bind = ([127, 0, 0, 1], 0).into();
    tms.base_domains = vec!["localhost".parse()?];
    let tms = tms_server::Server::start(tms).await?;
    let operator: SecretString = tms.keys().replace(Scope::Operator, "embedded operator").await?.key;
    let directory: SecretString = tms.keys().replace(Scope::Directory, "embedded api").await?.key;

    let mut tenants = TmsConfig::new(format!("http://{}", tms.addr()), directory);
    tenants.base_domains = vec!["localhost".parse()?];
    let storage = StorageConfig::Embedded { data_dir: folder };
    let mut config = Config::new(Tenancy::Multi(tenants), storage);
    config.listeners = Listeners::any_local();
    let server = Server::start(config).await?;

    announce(server.endpoints(), &operator);
    tokio::signal::ctrl_c().await?;
    server.shutdown().await;
    tms.shutdown().await;
    Ok(())
}

#[expect(clippy::print_stdout, reason = "whoever started the program waits for this line")]
fn announce(at: &Endpoints, operator: &SecretString) {
    let url = |address| Endpoints::url(address).unwrap_or_default();
    println!("public {} private {} key {}", url(at.public), url(at.private), operator.expose_secret());
}
