//! The program: what each command does.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};
use tracing::info;

use crate::config::args::{Cli, Command, ServeArgs};
use crate::config::{Config, StorageConfig, Tenancy, TmsConfig};
use crate::descriptors;
use crate::ready::Endpoints;
use crate::serve::Server;
use crate::telemetry;

/// Anything that ends the program; each of them says what it is and what to do.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Runs the program with the flags and variables of the process. Its exit code is 2 for wrong flags, 1 for any other
/// failure, which is then on standard error; `resolve` has its own.
pub async fn run() -> ExitCode {
    let Cli { command, serve } = Cli::parse();
    let done = match command.unwrap_or(Command::Serve(serve)) {
        Command::Serve(args) => serve_until_stopped(args).await,
        #[cfg(feature = "dev")]
        Command::Dev(args) => crate::dev::run(args).await,
        Command::CheckConfig(args) => check_config(args),
        Command::Resolve(args) => return crate::resolve::run(args).await,
        Command::Storage(command) => crate::maintenance::run(command).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            report(&*failure);
            ExitCode::FAILURE
        }
    }
}

/// Says on standard error what ended the program.
pub(crate) fn report(failure: &(dyn std::error::Error + 'static)) {
    let _ = writeln!(io::stderr(), "error: {}", chain(failure));
}

fn chain(failure: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(failure.source(), |cause| cause.source());
    causes.fold(failure.to_string(), |text, cause| format!("{text}: {cause}"))
}

async fn serve_until_stopped(args: ServeArgs) -> Result<(), Failure> {
    telemetry::init(&args.logging.logging_level)?;
    descriptors::raise_limit();
    let server = Server::start(args.config()?).await?;
    print_addresses(server.endpoints())?;
    stop_asked_for().await?;
    info!("stopping: requests that are under way may end");
    server.shutdown().await;
    Ok(())
}

fn print_addresses(at: &Endpoints) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for (name, address) in [("public", at.public), ("private", at.private), ("ops", at.ops)] {
        writeln!(out, "{name:<8} {}", Endpoints::url(address).unwrap_or_else(|| "off".to_owned()))?;
    }
    out.flush()
}

/// Returns when the process is asked to stop: SIGTERM, or SIGINT (ctrl-c).
pub(crate) async fn stop_asked_for() -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        interrupted = tokio::signal::ctrl_c() => interrupted,
    }
}

fn check_config(args: ServeArgs) -> Result<(), Failure> {
    let level = args.logging.logging_level.clone();
    let config = args.config()?;
    let mut out = io::stdout().lock();
    for (setting, value) in effective(&config) {
        writeln!(out, "{setting}={value}")?;
    }
    writeln!(out, "LOGGING_LEVEL={level}")?;
    Ok(())
}

/// Where what is known of tenants is kept, if only that is.
fn data_dir(config: &Config) -> Option<(&'static str, String)> {
    let Tenancy::Multi(TmsConfig { folder: Some(folder), .. }) = &config.tenancy else { return None };
    let data_dir = folder.parent().unwrap_or(folder);
    Some(("DATA_DIR", data_dir.display().to_string()))
}

/// The settings as they count, secrets hidden.
fn effective(config: &Config) -> Vec<(&'static str, String)> {
    let switch = |on: bool| if on { "yes" } else { "no" }.to_owned();
    let bind = |at: Option<std::net::SocketAddr>| at.map_or_else(|| "off".to_owned(), |at| at.to_string());
    let list = |items: Vec<String>| items.join(",");
    let header = |name: Option<&axum::http::HeaderName>| name.map(ToString::to_string).unwrap_or_default();
    let mut rows = vec![
        ("PUBLIC_BIND", bind(config.listeners.public)),
        ("PRIVATE_BIND", bind(config.listeners.private)),
        ("OPS_BIND", bind(config.listeners.ops)),
        ("PRODUCTION", switch(config.production)),
        ("EXPOSE_GUI_API", switch(config.expose_gui_api)),
        ("TRUSTED_PROXIES", list(config.trusted_proxies.iter().map(ToString::to_string).collect())),
        ("TENANT_HEADER", header(config.tenant_header.as_ref())),
        ("USE_X_FORWARDED_IP", header(config.client_ip_header.as_ref())),
        ("MAX_BODY", config.max_body.to_string()),
        ("PUBLIC_URL", config.public_url.as_ref().map(|url| url.of("{name}")).unwrap_or_default()),
        ("READY_FILE", config.ready_file.as_ref().map(|path| path.display().to_string()).unwrap_or_default()),
    ];
    let limits = config.limits.settings();
    rows.extend(limits.map(|(name, most)| (name, most.map_or_else(String::new, |most| most.to_string()))));
    match &config.storage {
        StorageConfig::Memory => {
            rows.push(("STORAGE", "memory".to_owned()));
            rows.extend(data_dir(config));
        }
        StorageConfig::OpenSearch { engine } => {
            rows.extend(crate::config::engine::settings(engine));
            rows.extend(data_dir(config));
        }
        StorageConfig::Embedded { data_dir } => {
            rows.extend([("STORAGE", "embedded".to_owned()), ("DATA_DIR", data_dir.display().to_string())]);
        }
    }
    match &config.tenancy {
        Tenancy::Single { name, installation_token } => rows.extend([
            ("MULTI_TENANT", switch(false)),
            ("TENANT_NAME", name.to_string()),
            ("INSTALLATION_TOKEN", if installation_token.is_some() { "(set)" } else { "(empty)" }.to_owned()),
        ]),
        Tenancy::Multi(tms) => rows.extend([
            ("MULTI_TENANT", switch(true)),
            ("MULTI_TENANT_MANAGER_URL", tms.url.clone()),
            ("MULTI_TENANT_MANAGER_API_KEY", "(set)".to_owned()),
            ("BASE_DOMAINS", list(tms.base_domains.iter().map(ToString::to_string).collect())),
            ("DIRECTORY_FRESH", format!("{}s", tms.fresh.as_secs_f64())),
            ("DIRECTORY_STALE", format!("{}s", tms.stale.as_secs_f64())),
            ("UNKNOWN_TTL", format!("{}s", tms.unknown_ttl.as_secs_f64())),
            ("UNKNOWN_BUDGET", tms.unknown_budget.to_string()),
        ]),
    }
    rows
}
