//! The laptop mode: everything in one process, nothing to configure.
//!
//! The management service runs here too, and is talked to over HTTP like everywhere else.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tenant_core::Host;
use tms_server::Scope;

use crate::config::args::DevArgs;
use crate::config::{Config, ConfigError, Listeners, StorageConfig, Tenancy, TmsConfig, engine};
use crate::demo;
use crate::descriptors;
use crate::ready::{Endpoints, ReadyFile};
use crate::run::{Failure, stop_asked_for};
use crate::serve::Server;
use crate::state::PublicUrl;
use crate::telemetry;

const BASE_DOMAIN: &str = "localhost";
const OPERATOR_LABEL: &str = "dev operator";
const DIRECTORY_LABEL: &str = "dev api-server";

/// Starts everything, prints what to do next, and serves until the process is asked to stop.
pub(crate) async fn run(args: DevArgs) -> Result<(), Failure> {
    telemetry::init(&args.logging.logging_level)?;
    descriptors::raise_limit();
    let _lock = FolderLock::take(&args.data_dir)?;
    let tms = start_tms(&args).await?;
    let key = operator_key(&tms, &args.data_dir).await?;
    let config = config(&args, &tms).await?;
    let kept = kept(&config.storage, &args.data_dir);
    let server = Server::start(config).await?;
    let mut endpoints = server.endpoints().clone();
    endpoints.tms = Some(format!("http://{}", tms.addr()));
    // It stays when the process ends: it is the only clear copy of the key.
    ReadyFile::write(&args.data_dir.join("dev.json"), &endpoints, Some(&key))?.keep();
    print_welcome(&endpoints, &key, &kept)?;
    if args.demo {
        demo::run(&endpoints, &key).await?;
    }
    stop_asked_for().await?;
    server.shutdown().await;
    tms.shutdown().await;
    Ok(())
}

/// One process works on a data folder; the file says which.
struct FolderLock {
    _held: File,
}

impl FolderLock {
    fn take(data_dir: &Path) -> Result<Self, Failure> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(data_dir)
            .map_err(|fault| in_folder(data_dir, &fault))?;
        let path = data_dir.join("dev.lock");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(&path).map_err(|fault| in_folder(data_dir, &fault))?;
        if file.try_lock().is_err() {
            let mut pid = String::new();
            let _ = file.read_to_string(&mut pid);
            let text = format!(
                "the data folder {} is in use by process {}: stop it, or choose another folder with --data-dir",
                data_dir.display(),
                pid.trim()
            );
            return Err(text.into());
        }
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())?;
        Ok(Self { _held: file })
    }
}

fn in_folder(data_dir: &Path, fault: &io::Error) -> Failure {
    format!("cannot work in the data folder {}: {fault}", data_dir.display()).into()
}

async fn start_tms(args: &DevArgs) -> Result<tms_server::Server, Failure> {
    let database = args.data_dir.join("tms").join("tms.db");
    let mut config = tms_server::Config::new(format!("sqlite://{}", database.display()));
    config.bind = args.tms_bind;
    config.base_domains = vec![base_domain()?];
    Ok(tms_server::Server::start(config).await?)
}

fn base_domain() -> Result<Host, ConfigError> {
    BASE_DOMAIN.parse().map_err(|fault| ConfigError::new("BASE_DOMAINS", fault))
}

/// The key of the last start, if it still works; else a new one, and the old ones stop working.
async fn operator_key(tms: &tms_server::Server, data_dir: &Path) -> Result<SecretString, Failure> {
    if let Some(key) = kept_key(&data_dir.join("dev.json"))
        && tms.keys().scope_of(&key).await? == Some(Scope::Operator)
    {
        return Ok(key);
    }
    Ok(tms.keys().replace(Scope::Operator, OPERATOR_LABEL).await?.key)
}

fn kept_key(dev_json: &PathBuf) -> Option<SecretString> {
    let kept: Value = serde_json::from_str(&fs::read_to_string(dev_json).ok()?).ok()?;
    Some(SecretString::from(kept.get("operator_key")?.as_str()?))
}

async fn config(args: &DevArgs, tms: &tms_server::Server) -> Result<Config, Failure> {
    // Nobody else needs this key, so each start makes its own.
    let key = tms.keys().replace(Scope::Directory, DIRECTORY_LABEL).await?.key;
    let mut directory = TmsConfig::new(format!("http://{}", tms.addr()), key);
    directory.base_domains = vec![base_domain()?];
    directory.folder = Some(args.data_dir.join("directory"));
    let mut config = Config::new(Tenancy::Multi(directory), args.storage()?);
    config.listeners = Listeners {
        public: Some(args.public_bind),
        private: Some(args.private_bind),
        ops: Some(args.ops_bind),
    };
    config.public_url = Some(PublicUrl::new(format!("http://{{name}}.{BASE_DOMAIN}:{{port}}")));
    Ok(config)
}

/// Where everything is, for a person.
fn kept(storage: &StorageConfig, data_dir: &Path) -> String {
    let data_dir = data_dir.display();
    let StorageConfig::OpenSearch { engine, .. } = storage else {
        return format!("Everything is kept in {data_dir}.");
    };
    let hosts = engine::shown_hosts(engine);
    format!(
        "Tenants' data is kept in OpenSearch ({hosts}), all else in {data_dir}.\nSearches and counts see an event about a second \
         after it was sent; health (below) says whether OpenSearch answers."
    )
}

fn print_welcome(at: &Endpoints, key: &SecretString, kept: &str) -> io::Result<()> {
    let url = |address: Option<std::net::SocketAddr>| Endpoints::url(address).unwrap_or_default();
    let port =
        |address: Option<std::net::SocketAddr>| address.map(|address| address.port()).unwrap_or_default();
    let (private, public) = (port(at.private), port(at.public));
    let tms = at.tms.as_deref().unwrap_or_default();
    let key = key.expose_secret();
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "\
tenantry is up. {kept}

  public API (events)      {public_url}
  private API (people)     {private_url}
  health                   {ops_url}/readyz
  Tenant Management        {tms}
  operator key             {key}

Install a tenant:

curl -X POST http://localhost:{private}/tenant/install -H 'Content-Type: application/json' \\
  -d '{{\"name\":\"company-x\",\"tms_api_key\":\"{key}\",\"email\":\"admin@company-x.com\",\"password\":\"change-me\",\"needs_admin\":true,\"update_mapping\":false}}'

Log in as its admin, connect a website, send an event, count what came:

TOKEN=$(curl -s http://company-x.localhost:{private}/user/token -d 'username=admin@company-x.com&password=change-me' | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')
curl http://company-x.localhost:{private}/event-source -H \"Authorization: Bearer $TOKEN\" -H 'x-context: production' \\
  -d '{{\"id\":\"web\",\"name\":\"Web\",\"type\":[\"rest\"],\"bridge\":{{\"id\":\"778ded05-4ff3-4e08-9a86-72c0195fa95d\",\"name\":\"REST\"}}}}'
curl http://company-x.localhost:{public}/track \\
  -d '{{\"source\":{{\"id\":\"web\"}},\"session\":{{\"id\":\"s1\"}},\"events\":[{{\"type\":\"page-view\",\"properties\":{{\"url\":\"/\"}}}}]}}'
curl http://company-x.localhost:{private}/event/count -H \"Authorization: Bearer $TOKEN\" -H 'x-context: production'

Or open http://company-x.localhost:{private}/ in a browser. Stop with ctrl-c.
",
        public_url = url(at.public),
        private_url = url(at.private),
        ops_url = url(at.ops),
    )?;
    out.flush()
}
