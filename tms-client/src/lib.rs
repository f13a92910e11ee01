//! The tenant directory over HTTP: a client of the tenant management service (TMS), and a replica of its tenants that
//! survives its outages.
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
//! # let data_dir = folder.path();
//! let client = TmsClient::builder(&url, key).build()?;
//! let (name, email) = ("company-x".parse()?, "admin@company-x.com".to_owned());
//! let created = client.create(&NewTenant { name, email, install_token: None, storage: None }).await?;
//! client.activate(&created.tenant.id()).await?;
//!
//! let directory = TmsDirectory::builder(client).folder(data_dir.join("directory")).build()?;
//! let key = TenantKey::label("company-x").expect("a label that a tenant can have");
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
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `testing` | no | `testing`: a TMS that fails as a test tells it to, for tests of your own |
//!
//! # Metrics
//! A directory counts through the [`metrics`] facade, into the recorder that is installed when it is built:
//!
//! | name | labels | what |
//! |---|---|---|
//! | `tms_directory_lookups_total` | `outcome`: `hit`, `refresh`, `miss`, `unknown`, `unavailable` | lookups: a tenant that was in memory and fresh; one that was due; one that was not in memory; nobody; could not tell |
//! | `tms_directory_feed_frames_total` | `kind`: `tenant`, `gone`, `reset`, `heartbeat`, `other` | what the feed said |
//! | `tms_directory_feed_connects_total` | `outcome`: `connected`, `failed` | connections to the feed |
//! | `tms_directory_lists_total` | `outcome`: `read`, `failed` | how often all tenants were listed |
//! | `tms_directory_snapshot_writes_total` | `outcome`: `written`, `failed` | snapshots |
//! | `tms_directory_refusals_total` | `outcome`: `logged`, `failed` | suspensions and the like; a failed attempt is made again |
//! | `tms_directory_tenants` | | a gauge: tenants in memory |
//! | `tms_directory_feed_current` | | a gauge: 1 while the feed is connected and memory complete |

mod auth;
mod builder;
mod cache;
mod calls;
mod client;
mod counts;
mod cursor;
mod directory;
mod entry;
mod error;
mod feed;
mod flight;
mod folder;
mod follow;
mod found;
mod history;
mod hot;
mod keep;
mod keeper;
mod key;
mod list;
mod logger;
mod records;
mod refusals;
mod replica;
mod report;
mod retry;
mod rows;
mod settings;
mod snapshot;
mod sse;
mod status;
mod stored;
#[cfg(feature = "testing")]
pub mod testing;
mod transport;
mod unknown;

pub use builder::TmsClientBuilder;
pub use client::TmsClient;
pub use directory::TmsDirectory;
pub use error::{TmsError, TmsErrorKind};
pub use settings::{Mode, TmsDirectoryBuilder};
pub use snapshot::SnapshotFault;
pub use status::{DirectoryStatus, FeedStatus, SnapshotFound, SnapshotStatus};

/// The start in README.md compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
