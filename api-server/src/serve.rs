//! [`Server`]: the program in a value. Starts everything, says where it listens, stops in order.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;

use axum::Router;
use customer_data::Passwords;
use storage::{EmbeddedConfig, EmbeddedStore, MemoryStore, OpenSearchStore, Store};
use tenant_core::{Clock, HostRules, Incarnation, Limits, Placement, StaticDirectory, SystemClock, Tenant};
use tenant_router::TenantLayer;
use tenant_router::limit::{AddressLimitLayer, TenantLimitLayer};
use tms_client::{TmsClient, TmsDirectory};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::app::{self, Doors};
use crate::ask::Ask;
use crate::config::{Config, ConfigError, StorageConfig, Tenancy, TmsConfig, engine};
use crate::descriptors::Shares;
use crate::directory::Directory;
use crate::engine_watch;
use crate::install::{Authority, Installer};
use crate::listener;
use crate::readiness::Readiness;
use crate::ready::{Endpoints, ReadyFile};
use crate::state::{AppState, Settings};

/// A running API server.
pub struct Server {
    endpoints: Endpoints,
    readiness: Readiness,
    stop: watch::Sender<bool>,
    listeners: JoinSet<()>,
    ready_file: Option<ReadyFile>,
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The settings are wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The storage cannot be opened.
    #[error("the storage cannot be opened")]
    Storage(#[source] storage::StoreError),
    /// The client of the management service cannot be built, or the folder of its directory cannot be used.
    #[error("the client of the Tenant Management Service cannot be set up")]
    Tms(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// An address cannot be listened on.
    #[error("cannot listen on {address} ({what})")]
    Bind {
        /// The setting it comes from.
        what: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {path}")]
    File {
        /// Which file.
        path: String,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
}

impl Server {
    /// Opens the storage, binds the listeners and serves them in tasks of the current runtime. It accepts when this
    /// returns. How many files and connections it has open at once depends on the process's limit of open files.
    ///
    /// # Errors
    /// A [`StartError`]; nothing is left running then.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        config.check()?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let shares = Shares::of_process();
        let Opened { store, placement, engine } = Opened::open(&config.storage, shares.files)?;
        let tenants = Tenants::build(&config, placement)?;
        let mut server = Self::idle(Readiness::of(tenants.directory.of_tms(), engine.clone()));
        let passwords = Passwords::default();
        let layer = tenants.layer(&config, Arc::clone(&clock));
        let installer = Installer {
            store: Arc::clone(&store),
            passwords: passwords.clone(),
            clock: Arc::clone(&clock),
            observer: config.install_observer.clone(),
            authority: tenants.authority,
            turn: Mutex::default(),
        };
        let ask = Ask::new(&config.tenancy, layer.clone());
        let mut settings = settings(&config);
        let listeners = &config.listeners;
        let private = bind("PRIVATE_BIND", listeners.private).await?;
        let public = bind("PUBLIC_BIND", listeners.public).await?;
        let ops = bind("OPS_BIND", listeners.ops).await?;
        let address = |bound: &Option<TcpListener>| bound.as_ref().and_then(|bound| bound.local_addr().ok());
        server.endpoints.private = address(&private);
        if let (Some(url), Some(private)) = (&mut settings.public_url, server.endpoints.private) {
            *url = url.with_port(private.port());
        }
        server.endpoints.public = address(&public);
        server.endpoints.ops = address(&ops);
        let state = AppState::new(store, installer, passwords, clock, settings);
        let public_app = app::public(&state, doors(&config, layer.clone()));
        server.listen("public", public, shares.public, public_app);
        server.listen("private", private, shares.private, app::private(&state, doors(&config, layer)));
        server.listen("ops", ops, shares.ops, app::ops(server.readiness.clone(), ask));
        if let Some(engine) = engine {
            server.listeners.spawn(engine_watch::watch(engine, server.stop.subscribe()));
        }
        server.readiness.set(true);
        server.write_ready_file(&config)?;
        Ok(server)
    }

    fn idle(readiness: Readiness) -> Self {
        Self {
            endpoints: Endpoints::default(),
            readiness,
            stop: watch::Sender::new(false),
            listeners: JoinSet::new(),
            ready_file: None,
        }
    }

    fn listen(&mut self, name: &'static str, bound: Option<TcpListener>, most: usize, app: Router) {
        let Some(bound) = bound else { return };
        if let Ok(address) = bound.local_addr() {
            info!(%address, "the {name} API listens on {address}");
        }
        self.listeners.spawn(listener::serve(bound, app, most, self.stop.subscribe()));
    }

    fn write_ready_file(&mut self, config: &Config) -> Result<(), StartError> {
        if let Tenancy::Multi(tms) = &config.tenancy {
            self.endpoints.tms.clone_from(&Some(tms.url.clone()));
            self.endpoints.base_domain = tms.base_domains.first().map(ToString::to_string);
        }
        if let Some(path) = &config.ready_file {
            let file = ReadyFile::write(path, &self.endpoints, None)
                .map_err(|source| StartError::File { path: path.display().to_string(), source })?;
            self.ready_file = Some(file);
        }
        Ok(())
    }

    /// Where it listens.
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// Stops accepting, lets requests that are under way end (at most 20 s), and returns.
    pub async fn shutdown(mut self) {
        self.readiness.set(false);
        drop(self.ready_file.take());
        let _ = self.stop.send(true);
        while self.listeners.join_next().await.is_some() {}
        if let Some(directory) = self.readiness.directory() {
            directory.flush().await;
        }
    }
}

/// The storage of this process.
struct Opened {
    store: Arc<dyn Store>,
    /// What is recorded of tenants that are installed here.
    placement: Option<Placement>,
    /// The same store, where it is an engine of which one can ask how it does.
    engine: Option<Arc<OpenSearchStore>>,
}

impl Opened {
    fn open(config: &StorageConfig, open_files: NonZeroUsize) -> Result<Self, StartError> {
        let schema = customer_data::schema().map_err(StartError::Storage)?;
        match config {
            StorageConfig::Memory => {
                warn!("STORAGE=memory: everything is forgotten when this process ends");
                Ok(Self { store: Arc::new(MemoryStore::new(schema)), placement: None, engine: None })
            }
            StorageConfig::Embedded { data_dir } => {
                let mut config = EmbeddedConfig::new(data_dir);
                config.open_files = open_files;
                let store = EmbeddedStore::open(config, schema).map_err(StartError::Storage)?;
                Ok(Self { store: Arc::new(store), placement: Some(Placement::Embedded), engine: None })
            }
            StorageConfig::OpenSearch { engine } => {
                engine::warn_of_risks(engine);
                let store = Arc::new(OpenSearchStore::open(engine, schema).map_err(StartError::Storage)?);
                let placement = Some(engine::placement(engine));
                Ok(Self { store: store.clone(), placement, engine: Some(store) })
            }
        }
    }
}

/// New ones for each listener: each counts for itself.
fn doors<D>(config: &Config, tenants: TenantLayer<D>) -> Doors<D> {
    let limits = &config.limits;
    let addresses =
        AddressLimitLayer::new(limits.address).trusted_proxies(config.trusted_proxies.iter().copied());
    let body_bytes = Some(config.max_body as u64);
    let limits = TenantLimitLayer::new().defaults(limits.tenant).total(Limits { body_bytes, ..limits.total });
    Doors { addresses, tenants, limits }
}

fn settings(config: &Config) -> Settings {
    Settings {
        multi_tenant: matches!(config.tenancy, Tenancy::Multi(_)),
        production: config.production,
        expose_gui_api: config.expose_gui_api,
        client_ip_header: config.client_ip_header.clone(),
        public_url: config.public_url.clone(),
    }
}

async fn bind(what: &'static str, address: Option<SocketAddr>) -> Result<Option<TcpListener>, StartError> {
    let Some(address) = address else { return Ok(None) };
    match TcpListener::bind(address).await {
        Ok(bound) => Ok(Some(bound)),
        Err(source) => Err(StartError::Bind { what, address, source }),
    }
}

/// How this process comes by its tenants.
pub(crate) struct Tenants {
    rules: HostRules,
    directory: Directory,
    authority: Authority,
}

impl Tenants {
    pub(crate) fn build(config: &Config, placement: Option<Placement>) -> Result<Self, StartError> {
        match &config.tenancy {
            Tenancy::Multi(tms) => Self::of_tms(tms, placement),
            Tenancy::Single { name, installation_token } => {
                warn!(
                    "MULTI_TENANT is off: every host is the tenant `{name}`; set MULTI_TENANT=yes to tell tenants apart"
                );
                let tenant = Tenant::new(*name, Incarnation::fixed(name.as_str()));
                Ok(Self {
                    rules: HostRules::fixed(name),
                    directory: Directory::Fixed(StaticDirectory::from_iter([tenant])),
                    authority: Authority::Fixed { token: installation_token.clone() },
                })
            }
        }
    }

    /// The layer that finds them, as the settings have it.
    pub(crate) fn layer(&self, config: &Config, clock: Arc<dyn Clock>) -> TenantLayer<Directory> {
        TenantLayer::new(self.rules.clone(), self.directory.clone())
            .trusted_proxies(config.trusted_proxies.iter().copied())
            .tenant_header(config.tenant_header.clone())
            .clock(clock)
    }

    fn of_tms(tms: &TmsConfig, placement: Option<Placement>) -> Result<Self, StartError> {
        if tms.base_domains.is_empty() {
            warn!("BASE_DOMAINS is not set: the first of three labels of any host names a tenant");
        }
        let client = TmsClient::builder(&tms.url, tms.key.clone()).build();
        let client = client.map_err(|fault| StartError::Tms(Box::new(fault)))?;
        let mut directory = TmsDirectory::builder(client.clone())
            .fresh(tms.fresh)
            .stale(tms.stale)
            .unknown_ttl(tms.unknown_ttl)
            .unknown_budget(tms.unknown_budget)
            .mode(tms.mode);
        if let Some(folder) = &tms.folder {
            directory = directory.folder(folder);
        }
        let directory = directory.build().map_err(|fault| StartError::Tms(Box::new(fault)))?;
        Ok(Self {
            rules: HostRules::base_domains(tms.base_domains.iter().cloned()),
            directory: Directory::Tms(directory.clone()),
            authority: Authority::Tms { client, directory, placement },
        })
    }
}
