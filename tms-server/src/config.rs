//! [`Config`]: what the service is started with.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};

use secrecy::SecretString;
use tenant_core::{Host, NamePolicy};

/// The port of the contract.
const PORT: u16 = 8383;

/// What the service is started with.
#[derive(Clone)]
pub struct Config {
    /// Where to listen; port 0 takes any free one. Default `127.0.0.1:8383`.
    pub bind: SocketAddr,
    /// Where records and keys are kept: `sqlite://<path>`. Folder and file are made where missing.
    pub database_url: String,
    /// An operator key of any form, compared in memory and never stored. Empty counts as none.
    pub api_key: Option<SecretString>,
    /// What access tokens are signed with. Without it, or if it is empty, one is generated once and kept in the database.
    pub secret: Option<SecretString>,
    /// The domains whose labels are tenants: hosts at or under them are nobody's own.
    pub base_domains: Vec<Host>,
    /// Which names a new tenant may have.
    pub names: NamePolicy,
}

impl Config {
    /// A configuration with a database and the defaults.
    pub fn new(database_url: impl Into<String>) -> Self {
        Self {
            bind: (Ipv4Addr::LOCALHOST, PORT).into(),
            database_url: database_url.into(),
            api_key: None,
            secret: None,
            base_domains: Vec::new(),
            names: NamePolicy::default(),
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL of another database could hold a password.
        f.debug_struct("Config")
            .field("bind", &self.bind)
            .field("base_domains", &self.base_domains)
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}
