//! A multi-tenant customer data platform: the collector, the private API and the installer.
//!
//! A library first: [`Server::start`] runs all of it inside another program, [`run`] is the program `api-server`. The
//! crate is thin: routes, wiring, errors, settings. What a tenant's data means is `customer-data`, where it is kept is
//! `storage`, whose a request is is `tenant-router`.
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `dev` | yes | `api-server dev`: the Tenant Management Service in the same process |

mod app;
mod ask;
mod body;
mod caller;
mod config;
#[cfg(feature = "dev")]
mod demo;
mod descriptors;
#[cfg(feature = "dev")]
mod dev;
mod directory;
mod engine_watch;
mod error;
mod install;
mod listener;
mod maintenance;
mod middleware;
mod readiness;
mod ready;
mod resolve;
mod routes;
mod run;
mod serve;
mod state;
mod telemetry;

pub use config::{Config, ConfigError, LimitConfig, Listeners, StorageConfig, Tenancy, TmsConfig};
pub use install::{InstallObserver, InstallStep};
pub use ready::Endpoints;
pub use run::run;
pub use serve::{Server, StartError};
pub use state::PublicUrl;
