//! [`Config`]: everything that can be set, typed. [`args`] reads it from flags and variables; an embedding program fills
//! it in.

pub(crate) mod args;
pub(crate) mod engine;
mod limits;
mod values;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use axum::http::HeaderName;
use ipnet::IpNet;
use secrecy::SecretString;
use storage::OpenSearchConfig;
use tenant_core::{Host, TenantName};
use tms_client::Mode;

use crate::install::InstallObserver;
use crate::state::PublicUrl;

pub use limits::LimitConfig;
pub use values::ConfigError;

/// The name of the one tenant of a process that is not multi-tenant, as the original derives it (contract 1).
const ORIGINAL_TENANT_NAME: &str = "8504a";

/// The settings of a [`Server`](crate::Server).
#[derive(Clone)]
#[non_exhaustive]
pub struct Config {
    /// Where to listen.
    pub listeners: Listeners,
    /// Which tenants there are.
    pub tenancy: Tenancy,
    /// Where their data is.
    pub storage: StorageConfig,
    /// `TRUSTED_PROXIES`: peers whose forwarded hosts count. Default: none.
    pub trusted_proxies: Vec<IpNet>,
    /// `TENANT_HEADER`: a header that names the tenant. Default: none, since any client could set it.
    pub tenant_header: Option<HeaderName>,
    /// `PRODUCTION`: pins the private API to the production context. Default: no.
    pub production: bool,
    /// `EXPOSE_GUI_API`: whether people can log in. Default: yes.
    pub expose_gui_api: bool,
    /// `USE_X_FORWARDED_IP`: the header that carries the client's address. Default: none, the peer counts.
    pub client_ip_header: Option<HeaderName>,
    /// `MAX_BODY`, in bytes; a tenant's record can lower it. Default: 8 MiB.
    pub max_body: usize,
    /// `LIMIT_*`: what clients, tenants without limits of their own, and all together may use. Default: no limits.
    pub limits: LimitConfig,
    /// `PUBLIC_URL`: where tenants are found from outside. Default: `https://{name}.` and the first base domain.
    pub public_url: Option<PublicUrl>,
    /// `READY_FILE`: written when the server accepts. Default: none.
    pub ready_file: Option<PathBuf>,
    /// Told of each step of each install. For tests.
    pub install_observer: Option<InstallObserver>,
}

/// Where to listen; `None` switches a listener off, port 0 takes any.
#[derive(Debug, Clone)]
pub struct Listeners {
    /// `PUBLIC_BIND`. Default: `0.0.0.0:8585`.
    pub public: Option<SocketAddr>,
    /// `PRIVATE_BIND`. Default: `127.0.0.1:8686`.
    pub private: Option<SocketAddr>,
    /// `OPS_BIND`. Default: `127.0.0.1:9898`.
    pub ops: Option<SocketAddr>,
}

impl Default for Listeners {
    fn default() -> Self {
        let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Self { public: Some(([0, 0, 0, 0], 8585).into()), private: Some(local(8686)), ops: Some(local(9898)) }
    }
}

impl Listeners {
    /// Any free ports of the loopback interface: for tests, and for programs that embed a server.
    pub fn any_local() -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        Self { public: Some(any), private: Some(any), ops: Some(any) }
    }
}

/// Which tenants there are.
#[derive(Debug, Clone)]
pub enum Tenancy {
    /// `MULTI_TENANT=no`: every host is this tenant.
    Single {
        /// `TENANT_NAME`. Default: `8504a`.
        name: TenantName,
        /// `INSTALLATION_TOKEN`: what `POST /install` wants. Default: `tracardi`; `None` for no check.
        installation_token: Option<SecretString>,
    },
    /// `MULTI_TENANT=yes`: the management service knows them.
    Multi(TmsConfig),
}

/// The management service, and how its answers are remembered.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TmsConfig {
    /// `MULTI_TENANT_MANAGER_URL`
    pub url: String,
    /// `MULTI_TENANT_MANAGER_API_KEY`: a key of scope `directory` is enough.
    pub key: SecretString,
    /// `BASE_DOMAINS`: what tenants' names stand before. Default: none.
    pub base_domains: Vec<Host>,
    /// `DIRECTORY_FRESH`: how long a tenant is served without asking again. Default: 60 s.
    pub fresh: Duration,
    /// `DIRECTORY_STALE`: how long a tenant is served through an outage of the service. Default: 1 h.
    pub stale: Duration,
    /// `UNKNOWN_TTL`: how long a name is remembered as unknown. Default: 5 s.
    pub unknown_ttl: Duration,
    /// `UNKNOWN_BUDGET`: how many unknown names a second the service is asked for. Default: 100.
    pub unknown_budget: u32,
    /// Whether all tenants are followed, or each is asked for. Default: followed where the service can be.
    pub(crate) mode: Mode,
    /// Where what is known of tenants is kept from one start to the next, for one process at a time. Default: nowhere; the
    /// program keeps it in `DATA_DIR/directory`.
    pub folder: Option<PathBuf>,
}

impl TmsConfig {
    /// The defaults, with this service and key.
    pub fn new(url: impl Into<String>, key: SecretString) -> Self {
        Self {
            url: url.into(),
            key,
            base_domains: Vec::new(),
            fresh: Duration::from_secs(60),
            stale: Duration::from_secs(3600),
            unknown_ttl: Duration::from_secs(5),
            unknown_budget: 100,
            mode: Mode::Auto,
            folder: None,
        }
    }
}

/// Where tenants' data is.
#[derive(Debug, Clone)]
pub enum StorageConfig {
    /// `STORAGE=memory`: gone when the process ends.
    Memory,
    /// `STORAGE=embedded`: one file for each tenant and context.
    Embedded {
        /// `DATA_DIR`. Default: `./data`.
        data_dir: PathBuf,
    },
    /// `STORAGE=opensearch`: in an OpenSearch, which several processes may share.
    OpenSearch {
        /// `ELASTIC_*`, `OPENSEARCH_PREFIX`. An embedding program has to install a TLS provider for rustls first.
        engine: Box<OpenSearchConfig>,
    },
}

impl Config {
    /// The defaults, with these tenants and this storage.
    pub fn new(tenancy: Tenancy, storage: StorageConfig) -> Self {
        let public_url = match &tenancy {
            Tenancy::Multi(tms) => {
                tms.base_domains.first().map(|base| PublicUrl::new(format!("https://{{name}}.{base}")))
            }
            Tenancy::Single { .. } => None,
        };
        Self {
            listeners: Listeners::default(),
            tenancy,
            storage,
            trusted_proxies: Vec::new(),
            tenant_header: None,
            production: false,
            expose_gui_api: true,
            client_ip_header: None,
            max_body: 8 << 20,
            limits: LimitConfig::default(),
            public_url,
            ready_file: None,
            install_observer: None,
        }
    }

    /// What can be found wrong before anything is opened.
    ///
    /// # Errors
    /// A [`ConfigError`] that names the setting.
    pub fn check(&self) -> Result<(), ConfigError> {
        if let Tenancy::Multi(tms) = &self.tenancy {
            values::check_url("MULTI_TENANT_MANAGER_URL", &tms.url)?;
            if tms.stale < tms.fresh {
                return Err(ConfigError::new("DIRECTORY_STALE", "must not be shorter than DIRECTORY_FRESH"));
            }
        }
        if self.max_body == 0 {
            return Err(ConfigError::new("MAX_BODY", "must not be 0"));
        }
        self.limits.check()
    }
}
