//! The tenant directory over HTTP: a client of the tenant management service (TMS), and a cache that survives its
//! outages.
//!
//! [`TmsClient`] is the plain client: one method per endpoint, and a [`TenantRegistry`](tenant_core::TenantRegistry).
//! [`TmsDirectory`] is a [`TenantDirectory`](tenant_core::TenantDirectory) on top of it that answers from memory.
//!
//! ```
//! use tenant_core::{Cached, Lookup, NewTenant, TenantDirectory, TenantKey, TenantRegistry};
//! use tms_client::{TmsClient, TmsDirectory};
//! # use tms_server::{Config, Server};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let mut config = Config::new(format!("sqlite://{}/tms.db", folder.path().display()));
//! # config.bind = "127.0.0.1:0".parse()?;
//! # let server = Server::start(config).await?;
//! # let (url, key) = (format!("http://{}", server.addr()), server.generated_key().cloned().unwrap());
//! let client = TmsClient::builder(&url, key).build()?;
//! let (name, email) = ("company-x".parse()?, "admin@company-x.com".to_owned());
//! let created = client.create(&NewTenant { name, email, install_token: None, storage: None }).await?;
//! client.activate(&created.tenant.id()).await?;
//!
//! let directory = TmsDirectory::builder(client).build()?;
//! let key = TenantKey::label("company-x").expect("a label that a tenant can have");
//! assert!(matches!(directory.cached(&key), Cached::Miss));
//! assert!(matches!(directory.find(&key).await, Lookup::Known(_)));
//! # server.shutdown().await;
//! assert!(matches!(directory.cached(&key), Cached::Known(_)), "and without the TMS, for an hour");
//! # Ok(())
//! # }
//! ```
//!
//! Three answers, never two: a tenant is `Known`, or the TMS said that there is none (`Unknown`), or it could not be
//! asked (`Unavailable`). Whatever is not clearly one of the first two is the third: a refused key, a wrong address, a
//! cut or broken answer, another tenant's record.

mod auth;
mod builder;
mod cache;
mod calls;
mod client;
mod directory;
mod error;
mod flight;
mod hot;
mod key;
mod records;
mod report;
mod retry;
mod transport;
mod unknown;

pub use builder::TmsClientBuilder;
pub use client::TmsClient;
pub use directory::{TmsDirectory, TmsDirectoryBuilder};
pub use error::{TmsError, TmsErrorKind};
