//! Flags and variables; the only file of the crate that reads the environment.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue};
use clap::{Args, Parser, Subcommand, ValueEnum};
use secrecy::SecretString;
use storage::OpenSearchConfig;
use tenant_core::{Host, Incarnation, Limits, TenantName};

use super::engine::EngineArgs;
use super::values::{self, Bind, ConfigError, Switch};
use super::{Config, LimitConfig, Listeners, ORIGINAL_TENANT_NAME, StorageConfig, Tenancy, TmsConfig};
use crate::state::PublicUrl;

/// A multi-tenant customer data platform: the collector, the private API and the installer.
#[derive(Parser)]
#[command(version, about, args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) serve: ServeArgs,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Serve, with the settings of flags and variables. The default.
    Serve(ServeArgs),
    /// Run everything on this machine in one process, for development: nothing to configure, *.localhost as the domain.
    #[cfg(feature = "dev")]
    Dev(DevArgs),
    /// Print the effective settings, secrets hidden; fails if one of them is wrong.
    CheckConfig(ServeArgs),
    /// Print, rule by rule, why a host is a tenant's or not. Exit code 0: it is, and is served; 1: it is refused; 2: it cannot
    /// be told.
    Resolve(ResolveArgs),
    /// Work on the storage: on the files of the embedded one while no server has them, on OpenSearch at any time.
    #[command(subcommand)]
    Storage(StorageCommand),
}

#[derive(Subcommand)]
pub(crate) enum StorageCommand {
    /// Print a line for each installed tenant: its id, its incarnation, its files, and whether they wait for an upgrade.
    List(ListArgs),
    /// Bring what an older program wrote up to this one's format and kinds. A tenant that fails does not keep the
    /// others from it; run again, it does the rest.
    Upgrade(Box<UpgradeArgs>),
    /// Close a tenant's files, so that each is one plain file which can be copied, and print where they are.
    Detach(DetachArgs),
}

/// What every command of the storage takes.
#[derive(Args)]
pub(crate) struct FolderArgs {
    /// The folder of the embedded storage.
    #[arg(long, env = "DATA_DIR", default_value = "./data")]
    pub(crate) data_dir: PathBuf,
    #[command(flatten)]
    pub(crate) logging: LogArgs,
}

#[derive(Args)]
pub(crate) struct ListArgs {
    /// Print one JSON array instead of the lines.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) folder: FolderArgs,
}

#[derive(Args)]
pub(crate) struct UpgradeArgs {
    #[command(flatten)]
    pub(crate) which: Which,
    /// Where data is kept: embedded or opensearch.
    #[arg(long, env = "STORAGE", default_value = "embedded", value_parser = ["embedded", "opensearch"])]
    pub(crate) storage: String,
    #[command(flatten)]
    pub(crate) folder: FolderArgs,
    #[command(flatten)]
    pub(crate) engine: EngineArgs,
}

impl UpgradeArgs {
    /// The engine, where that is the storage.
    pub(crate) fn engine_config(&self) -> Result<Option<OpenSearchConfig>, ConfigError> {
        (self.storage == "opensearch").then(|| self.engine.config()).transpose()
    }
}

/// Some tenants, or all of them; saying neither is an error, so that nobody upgrades everything by accident.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Which {
    /// Every tenant that is installed.
    #[arg(long)]
    pub(crate) all: bool,
    /// The tenants, by name or id (company-x, companyx), in all of their incarnations.
    #[arg(value_name = "TENANT")]
    pub(crate) tenants: Vec<TenantName>,
}

#[derive(Args)]
pub(crate) struct DetachArgs {
    /// The tenant, by name or id (company-x, companyx).
    #[arg(value_name = "TENANT")]
    pub(crate) tenant: TenantName,
    /// Which life of it, where there are several.
    #[arg(long, value_name = "UUID")]
    pub(crate) incarnation: Option<Incarnation>,
    #[command(flatten)]
    pub(crate) folder: FolderArgs,
}

#[derive(Args)]
pub(crate) struct ResolveArgs {
    /// The host as a client sends it, such as company-x.your-domain.com.
    #[arg(value_name = "HOST")]
    pub(crate) host: String,
    /// A header that comes with it, such as 'X-Forwarded-Host: company-x.your-domain.com'; may be given several times.
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = values::header)]
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// The address that the request comes from.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) peer: Option<IpAddr>,
    #[command(flatten)]
    pub(crate) serve: ServeArgs,
}

/// The settings of `serve`. Each flag has a variable of the same meaning.
#[derive(Args)]
pub(crate) struct ServeArgs {
    /// Where websites send events: an address, port 0 for any, or off.
    #[arg(long, env = "PUBLIC_BIND", default_value = "0.0.0.0:8585")]
    public_bind: Bind,
    /// Where people manage their platform.
    #[arg(long, env = "PRIVATE_BIND", default_value = "127.0.0.1:8686")]
    private_bind: Bind,
    /// Where the operator's tools ask for health.
    #[arg(long, env = "OPS_BIND", default_value = "127.0.0.1:9898")]
    ops_bind: Bind,
    /// Whether the tenant comes from the host: yes or no.
    #[arg(long, env = "MULTI_TENANT", default_value = "no")]
    multi_tenant: Switch,
    /// The URL of the Tenant Management Service, such as http://127.0.0.1:8383.
    #[arg(long, env = "MULTI_TENANT_MANAGER_URL")]
    multi_tenant_manager_url: Option<String>,
    /// This process's key at the Tenant Management Service; scope directory is enough.
    #[arg(long, env = "MULTI_TENANT_MANAGER_API_KEY", hide_env_values = true)]
    multi_tenant_manager_api_key: Option<String>,
    /// A file with that key.
    #[arg(long, env = "MULTI_TENANT_MANAGER_API_KEY_FILE")]
    multi_tenant_manager_api_key_file: Option<PathBuf>,
    /// The domains that tenants' names stand before, separated by commas.
    #[arg(long, env = "BASE_DOMAINS", value_delimiter = ',')]
    base_domains: Vec<String>,
    /// Where tenants are found from outside, with {name} in it, and {port} for the private listener's [default: https://{name}. and the first base domain].
    #[arg(long, env = "PUBLIC_URL")]
    public_url: Option<String>,
    /// The one tenant's name where MULTI_TENANT is off.
    #[arg(long, env = "TENANT_NAME", default_value = ORIGINAL_TENANT_NAME)]
    tenant_name: TenantName,
    /// What POST /install wants where MULTI_TENANT is off; empty for no check.
    #[arg(long, env = "INSTALLATION_TOKEN", default_value = "tracardi", hide_env_values = true)]
    installation_token: String,
    /// Whether the private API works on production alone: yes or no.
    #[arg(long, env = "PRODUCTION", default_value = "no")]
    production: Switch,
    /// Whether people can log in: yes or no.
    #[arg(long, env = "EXPOSE_GUI_API", default_value = "yes")]
    expose_gui_api: Switch,
    /// The peers whose forwarded hosts and client addresses count, as networks (10.0.0.0/8) or addresses, separated by commas.
    #[arg(long, env = "TRUSTED_PROXIES", value_delimiter = ',')]
    trusted_proxies: Vec<String>,
    /// A header that names the tenant; any client that can reach this process can set it.
    #[arg(long, env = "TENANT_HEADER")]
    tenant_header: Option<HeaderName>,
    /// The header that carries the client's address.
    #[arg(long, env = "USE_X_FORWARDED_IP")]
    use_x_forwarded_ip: Option<HeaderName>,
    /// How long a tenant is served without asking the service again.
    #[arg(long, env = "DIRECTORY_FRESH", default_value = "60s", value_parser = values::duration)]
    directory_fresh: Duration,
    /// How long a tenant is served through an outage of the service.
    #[arg(long, env = "DIRECTORY_STALE", default_value = "1h", value_parser = values::duration)]
    directory_stale: Duration,
    /// How long a name is remembered as unknown.
    #[arg(long, env = "UNKNOWN_TTL", default_value = "5s", value_parser = values::duration)]
    unknown_ttl: Duration,
    /// How many unknown names a second the service is asked for.
    #[arg(long, env = "UNKNOWN_BUDGET", default_value_t = 100)]
    unknown_budget: u32,
    /// The largest body of a request; a tenant's record can lower it.
    #[arg(long, env = "MAX_BODY", default_value = "8MiB", value_parser = values::size)]
    max_body: usize,
    #[command(flatten)]
    limits: LimitArgs,
    /// Where data is kept.
    #[arg(long, env = "STORAGE", default_value = "embedded")]
    storage: StorageName,
    #[command(flatten)]
    engine: EngineArgs,
    /// The folder of the embedded storage, and of what is known of tenants from one start to the next; each process has its own. With STORAGE=memory nothing is kept unless it is set [default: ./data].
    #[arg(long, env = "DATA_DIR")]
    data_dir: Option<PathBuf>,
    /// A file that is written when the server accepts: where it listens, as JSON.
    #[arg(long, env = "READY_FILE")]
    ready_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) logging: LogArgs,
}

/// Where data is kept.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StorageName {
    Embedded,
    Memory,
    #[value(name = "opensearch")]
    OpenSearch,
}

/// Limits on requests, for each listener of a process by itself. A limit that is not set does not hold.
#[derive(Args)]
struct LimitArgs {
    /// Requests a second from one client address.
    #[arg(long, env = "LIMIT_ADDRESS_RATE")]
    limit_address_rate: Option<u32>,
    /// How many of them may come at once; a second's worth if it is not set.
    #[arg(long, env = "LIMIT_ADDRESS_BURST")]
    limit_address_burst: Option<u32>,
    /// Requests from one client address that may be under way at once.
    #[arg(long, env = "LIMIT_ADDRESS_CONCURRENT")]
    limit_address_concurrent: Option<u32>,
    /// Requests a second for a tenant whose record does not say.
    #[arg(long, env = "LIMIT_TENANT_RATE")]
    limit_tenant_rate: Option<u32>,
    /// How many of them may come at once.
    #[arg(long, env = "LIMIT_TENANT_BURST")]
    limit_tenant_burst: Option<u32>,
    /// Requests for a tenant that may be under way at once, if its record does not say.
    #[arg(long, env = "LIMIT_TENANT_CONCURRENT")]
    limit_tenant_concurrent: Option<u32>,
    /// Requests a second of all together.
    #[arg(long, env = "LIMIT_TOTAL_RATE")]
    limit_total_rate: Option<u32>,
    /// How many of them may come at once.
    #[arg(long, env = "LIMIT_TOTAL_BURST")]
    limit_total_burst: Option<u32>,
    /// Requests of all together that may be under way at once.
    #[arg(long, env = "LIMIT_TOTAL_CONCURRENT")]
    limit_total_concurrent: Option<u32>,
}

impl LimitArgs {
    fn config(&self) -> LimitConfig {
        let limits = |requests_per_second, burst, concurrent| Limits {
            requests_per_second,
            burst,
            concurrent,
            body_bytes: None,
        };
        LimitConfig {
            address: limits(self.limit_address_rate, self.limit_address_burst, self.limit_address_concurrent),
            tenant: limits(self.limit_tenant_rate, self.limit_tenant_burst, self.limit_tenant_concurrent),
            total: limits(self.limit_total_rate, self.limit_total_burst, self.limit_total_concurrent),
        }
    }
}

/// How much is logged, on standard error.
#[derive(Args, Clone)]
pub(crate) struct LogArgs {
    /// debug, info, warning or error; or a filter such as warn,api_server=debug.
    #[arg(long, env = "LOGGING_LEVEL", default_value = "warning")]
    pub(crate) logging_level: String,
}

/// The settings of `dev`.
#[cfg(feature = "dev")]
#[derive(Args)]
pub(crate) struct DevArgs {
    /// Also install two tenants, send events to both, and show what each can see.
    #[arg(long)]
    pub(crate) demo: bool,
    /// Where tenants' data is kept: in the data folder, or in an OpenSearch. All else is in the data folder.
    #[arg(long, env = "STORAGE", default_value = "embedded", value_parser = ["embedded", "opensearch"])]
    storage: String,
    #[command(flatten)]
    engine: EngineArgs,
    /// Where everything is kept.
    #[arg(long, env = "DATA_DIR", default_value = "./data")]
    pub(crate) data_dir: PathBuf,
    /// Where websites send events.
    #[arg(long, default_value = "127.0.0.1:8585")]
    pub(crate) public_bind: std::net::SocketAddr,
    /// Where people manage their platform.
    #[arg(long, default_value = "127.0.0.1:8686")]
    pub(crate) private_bind: std::net::SocketAddr,
    /// Where the operator's tools ask for health.
    #[arg(long, default_value = "127.0.0.1:9898")]
    pub(crate) ops_bind: std::net::SocketAddr,
    /// Where the Tenant Management Service listens.
    #[arg(long, default_value = "127.0.0.1:8383")]
    pub(crate) tms_bind: std::net::SocketAddr,
    #[command(flatten)]
    pub(crate) logging: LogArgs,
}

impl ServeArgs {
    /// The typed settings.
    pub(crate) fn config(self) -> Result<Config, ConfigError> {
        let trusted_proxies = values::networks("TRUSTED_PROXIES", &self.trusted_proxies)?;
        let tenancy = if self.multi_tenant.0 { Tenancy::Multi(self.tms()?) } else { self.single() };
        let storage = match self.storage {
            StorageName::Embedded => StorageConfig::Embedded { data_dir: self.data_dir() },
            StorageName::Memory => StorageConfig::Memory,
            StorageName::OpenSearch => self.engine.storage()?,
        };
        self.engine.warn_of_unused(self.storage == StorageName::OpenSearch);
        let mut config = Config::new(tenancy, storage);
        config.listeners =
            Listeners { public: self.public_bind.0, private: self.private_bind.0, ops: self.ops_bind.0 };
        config.public_url = self.public_url.map(PublicUrl::new).or(config.public_url);
        config.trusted_proxies = trusted_proxies;
        config.tenant_header = self.tenant_header;
        config.production = self.production.0;
        config.expose_gui_api = self.expose_gui_api.0;
        config.client_ip_header = self.use_x_forwarded_ip;
        config.max_body = self.max_body;
        config.limits = self.limits.config();
        config.ready_file = self.ready_file;
        config.check()?;
        Ok(config)
    }

    /// The data folder, where anything is kept at all: several processes with STORAGE=memory do not get in each other's way.
    fn kept_in(&self) -> Option<PathBuf> {
        (self.storage != StorageName::Memory || self.data_dir.is_some()).then(|| self.data_dir())
    }

    fn data_dir(&self) -> PathBuf {
        self.data_dir.clone().unwrap_or_else(|| PathBuf::from("./data"))
    }

    fn single(&self) -> Tenancy {
        let token = &self.installation_token;
        let installation_token = (!token.is_empty()).then(|| SecretString::from(token.as_str()));
        Tenancy::Single { name: self.tenant_name, installation_token }
    }

    fn tms(&self) -> Result<TmsConfig, ConfigError> {
        let missing = |name: &str| {
            let text = format!(
                "No {name} set for MULTI_TENANT mode. Either set the {name} or set MULTI_TENANT to \"no\""
            );
            ConfigError::new(name, text)
        };
        let url = self.multi_tenant_manager_url.as_deref().filter(|url| !url.trim().is_empty());
        let url = url.ok_or_else(|| missing("MULTI_TENANT_MANAGER_URL"))?;
        let setting = "MULTI_TENANT_MANAGER_API_KEY";
        let file = self.multi_tenant_manager_api_key_file.as_deref();
        let key = values::secret(setting, self.multi_tenant_manager_api_key.as_deref(), file)?;
        let mut tms = TmsConfig::new(url.trim().trim_matches('/'), key.ok_or_else(|| missing(setting))?);
        tms.base_domains = self.base_domains()?;
        tms.fresh = self.directory_fresh;
        tms.stale = self.directory_stale;
        tms.unknown_ttl = self.unknown_ttl;
        tms.unknown_budget = self.unknown_budget;
        tms.folder = self.kept_in().map(|data_dir| data_dir.join("directory"));
        Ok(tms)
    }

    fn base_domains(&self) -> Result<Vec<Host>, ConfigError> {
        let given = self.base_domains.iter().map(|text| text.trim()).filter(|text| !text.is_empty());
        let read = |text: &str| {
            text.parse::<Host>()
                .map_err(|fault| ConfigError::new("BASE_DOMAINS", format!("`{text}`: {fault}")))
        };
        given.map(read).collect()
    }
}

#[cfg(feature = "dev")]
impl DevArgs {
    /// Where tenants' data is.
    pub(crate) fn storage(&self) -> Result<StorageConfig, ConfigError> {
        let is_engine = self.storage == "opensearch";
        self.engine.warn_of_unused(is_engine);
        if is_engine {
            return self.engine.storage();
        }
        Ok(StorageConfig::Embedded { data_dir: self.data_dir.clone() })
    }
}
