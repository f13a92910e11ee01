//! The model of a multi-tenant service: tenants, hosts, lookups, and the traits that everything meets at.
//!
//! No I/O, no runtime, no HTTP library. A [`Host`] is read from what a client sent, [`HostRules`] turn it into a
//! [`TenantKey`], a [`TenantDirectory`] answers it with a [`Tenant`], and [`Tenant::admit`] yields the [`ActiveTenant`]
//! without which no store opens.
//!
//! ```
//! use jiff::Timestamp;
//! use tenant_core::{Cached, Host, HostRules, Incarnation, StaticDirectory, Tenant, TenantDirectory};
//!
//! let rules = HostRules::base_domains(["your-domain.com".parse()?]);
//! let acme = Tenant::new("company-x".parse()?, Incarnation::fixed("company-x"));
//! let directory = StaticDirectory::from_iter([acme]);
//!
//! let host = Host::parse(b"Company-X.your-domain.com:8585")?;
//! let key = rules.keys(&host).expect("a label under a base domain").first;
//! let Cached::Known(tenant) = directory.cached(&key) else { panic!("not known") };
//! assert!(key.names(&tenant));
//! let active = tenant.admit(Timestamp::now()).expect("an active tenant");
//! assert_eq!(active.id().as_str(), "companyx");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `serde` | no | the JSON that the management service and its clients share: `TenantBody`, `ErrorBody`, `Reader` |

mod admit;
mod clock;
mod context;
mod directory;
#[cfg(feature = "serde")]
mod error_body;
mod fields;
mod host;
mod id;
mod label;
mod lookup;
mod name;
mod place;
#[cfg(feature = "serde")]
mod reader;
mod rules;
mod shared;
mod subdomain;
mod swar;
mod tenant;
#[cfg(feature = "serde")]
mod wire;

pub use admit::ActiveTenant;
pub use clock::{Clock, CoarseClock, ManualClock, SystemClock};
pub use context::Context;
pub use directory::{
    NewTenant, RegistryError, RegistryErrorKind, StaticDirectory, SuspendReason, TenantDirectory,
    TenantRegistry,
};
#[cfg(feature = "serde")]
pub use error_body::{Detail, ErrorBody, PROBLEM_JSON};
pub use fields::{FieldError, Location};
pub use host::{Host, HostError};
pub use id::{Incarnation, TenantId, TenantIdError};
pub use label::Label;
pub use lookup::{Cached, Lookup, TenantRef};
pub use name::{NamePolicy, NameRefused, TenantName, TenantNameError};
pub use place::Tally;
#[cfg(feature = "serde")]
pub use reader::{Reader, parse_json};
pub use rules::{HostKeys, HostRefused, HostRules, TenantKey};
pub use shared::SharedTenant;
pub use subdomain::{LabelText, Subdomain};
pub use tenant::{Limits, Placement, Standing, Tenant, TenantRecord, TenantStatus};
#[cfg(feature = "serde")]
pub use wire::{TenantBody, WireError};

/// The start in README.md compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
