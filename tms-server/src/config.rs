//! [`Config`]: what the service is started with.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use secrecy::SecretString;
use tenant_core::{Host, NamePolicy};

use crate::database_url;
use crate::timing::Timing;

/// The port of the contract.
pub(crate) const PORT: u16 = 8383;

/// What the service is started with.
#[derive(Clone)]
pub struct Config {
    /// Where to listen; port 0 takes any free one. Default `127.0.0.1:8383`.
    pub bind: SocketAddr,
    /// Where everything is kept: `sqlite://<path>`, of which folder and file are made where missing, or
    /// `postgres://<user>:<password>@<host>/<database>`, which several processes may share.
    pub database_url: SecretString,
    /// An operator key of any form, compared in memory and never stored. Empty counts as none.
    pub api_key: Option<SecretString>,
    /// What access tokens are signed with. Without it, or if it is empty, one is generated once and kept in the database.
    pub secret: Option<SecretString>,
    /// The domains whose labels are tenants: hosts at or under them are nobody's own.
    pub base_domains: Vec<Host>,
    /// Which names a new tenant may have.
    pub names: NamePolicy,
    /// How long things take. Other values than the defaults are for tests.
    pub timing: Timing,
}

impl Config {
    /// A configuration with a database and the defaults.
    pub fn new(database_url: impl Into<String>) -> Self {
        Self {
            bind: (Ipv4Addr::LOCALHOST, PORT).into(),
            database_url: database_url.into().into(),
            api_key: None,
            secret: None,
            base_domains: Vec::new(),
            names: NamePolicy::default(),
            timing: Timing::default(),
        }
    }

    /// Whether this build has what the configuration asks for.
    ///
    /// # Errors
    /// If the database is none that is supported.
    pub fn check(&self) -> Result<(), ConfigError> {
        database_url::kind(&self.database_url).map(drop)
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("bind", &self.bind)
            .field("database_url", &database_url::shown(&self.database_url))
            .field("base_domains", &self.base_domains)
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A database that this build does not know.
    #[error("DATABASE_URL must begin with sqlite: or postgres:, and not with '{scheme}:'")]
    Scheme {
        /// What it begins with; empty if it is no URL.
        scheme: String,
    },
    /// The URL of a database is none. It is not repeated: it may hold a password.
    #[error("DATABASE_URL cannot be used: {why}")]
    DatabaseUrl {
        /// What is wrong with it.
        why: &'static str,
    },
    /// A secret is given in two ways.
    #[error("set either {variable} or {variable}_FILE, not both")]
    TwoSources {
        /// The variable.
        variable: &'static str,
    },
    /// The file of a secret cannot be read.
    #[error("cannot read {} (from {variable}_FILE)", .path.display())]
    SecretFile {
        /// The variable without its suffix.
        variable: &'static str,
        /// The file.
        path: PathBuf,
        /// What failed.
        source: std::io::Error,
    },
    /// Standard input is the file of several secrets, and there is one of it.
    #[error("only one of API_KEY_FILE, SECRET_FILE and DATABASE_URL_FILE can be -, standard input")]
    TwoFromStandardInput,
    /// The file of a secret is empty.
    #[error("{} (from {variable}_FILE) is empty", .path.display())]
    EmptySecretFile {
        /// The variable without its suffix.
        variable: &'static str,
        /// The file.
        path: PathBuf,
    },
}
