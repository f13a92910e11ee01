//! The tenant management service: registers, activates and suspends tenants; serves no tenant traffic.
//!
//! A library first: a [`Server`] runs in any process that has a tokio runtime, and is talked to over HTTP like everyone
//! else's. The program `tms-server` is that and a command line.
//!
//! ```no_run
//! # async fn run() -> Result<(), tms_server::StartError> {
//! use tms_server::{Config, Server};
//!
//! let server = Server::start(Config::new("sqlite://./data/tms/tms.db")).await?;
//! println!("http://{}", server.addr());
//! server.shutdown().await;
//! # Ok(())
//! # }
//! ```

mod answer;
mod app;
mod attempts;
mod bell;
mod body;
mod bounds;
mod caller;
mod cli;
mod commands;
mod config;
mod cursor;
mod database_url;
mod edit;
mod error;
mod feed;
mod find;
mod gauges;
mod integer;
mod keys;
mod list;
mod meters;
mod new_tenant;
mod openapi;
mod pace;
mod patch;
mod program;
mod query;
mod ready_file;
mod repo;
mod rotate;
mod routes;
mod secret;
mod secret_file;
mod serve;
mod server;
mod settings;
mod stall;
mod timing;
mod token;
mod transition;
mod trim;
mod turns;

pub use cli::Cli;
pub use config::{Config, ConfigError};
pub use keys::{IssuedKey, KeyInfo, Keys, Scope};
pub use program::run;
pub use repo::{LockError, OpenError, RepoError, Taken, VersionError};
pub use rotate::rotate_signing_secret;
pub use server::{Server, StartError};
pub use timing::Timing;
pub use transition::TransitionRefused;
