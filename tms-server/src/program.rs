//! What the program `tms-server` does, from its settings to its end.

use std::error::Error;
use std::io;
use std::process::ExitCode;

use secrecy::ExposeSecret as _;
use tokio::signal::ctrl_c;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::{Cli, Command};
use crate::commands::{self, Done, say, tell};
use crate::error::causes;
use crate::openapi;
use crate::ready_file::{ReadyFile, url};
use crate::server::Server;
use crate::settings::ServeArgs;

/// Runs the program: serves until SIGTERM or ctrl-c, or does what the command says. What fails is told on standard error.
pub async fn run(cli: Cli) -> ExitCode {
    match perform(cli).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(format!("tms-server: {}", causes(&*error)));
            ExitCode::FAILURE
        }
    }
}

async fn perform(cli: Cli) -> Done {
    let exposed = cli.exposed;
    let command = cli.command.unwrap_or(Command::Serve(Box::new(cli.serve)));
    if !matches!(command, Command::Serve(_)) {
        // A server tells it in its log.
        exposed.iter().for_each(|flag| tell(format!("warning: {}", exposure(flag))));
    }
    match command {
        Command::Serve(args) => serve(&args, &exposed).await,
        Command::CheckConfig(args) => check_config(&args),
        Command::Openapi => Ok(say(&format!("{:#}\n", openapi::document()))?),
        Command::Keys { database, command } => commands::keys::run(&database.url()?, command).await,
        Command::Secrets { database, command } => commands::secrets::run(&database.url()?, command).await,
        Command::Tenants { database, command } => commands::tenants::run(&database.url()?, command).await,
        Command::Backup { database, file, force } => {
            commands::backup::run(&database.url()?, &file, force).await
        }
        Command::Restore { database, file } => commands::restore::run(&database.url()?, &file).await,
    }
}

fn check_config(args: &ServeArgs) -> Done {
    let settings = args.settings()?;
    say(&args.summary(&settings))?;
    tell("These are the settings alone: the database was not asked, and no port was opened.");
    Ok(())
}

/// What is wrong with a secret on a command line.
fn exposure(flag: &str) -> String {
    format!(
        "SECURITY: {flag} was given as a flag, which the shell's history and every user's list of processes show. Use the \
         variable, or {flag}-file"
    )
}

async fn serve(args: &ServeArgs, exposed: &[&str]) -> Done {
    let settings = args.settings()?;
    let log = tracing_subscriber::fmt().with_writer(io::stderr).with_max_level(settings.logging_level);
    log.try_init().map_err(|error| error as Box<dyn Error>)?;
    exposed.iter().for_each(|flag| tracing::warn!("{}", exposure(flag)));
    // Listened for from the start: whoever stops a process that is starting means it.
    let mut terminate = signal(SignalKind::terminate())?;

    let base_domain = settings.config.base_domains.first().cloned();
    let server = Server::start(settings.config).await?;
    let served = announce(&server);
    let ready = settings.ready_file.map(|path| ReadyFile::write(path, server.addr(), base_domain.as_ref()));
    let ready = served.and_then(|()| ready.transpose());
    let stopped = match &ready {
        Ok(_) => tokio::select! {
            _ = terminate.recv() => Ok(()),
            interrupted = ctrl_c() => interrupted,
        },
        Err(_) => Ok(()),
    };
    tracing::info!("stopping");
    server.shutdown().await;
    if let Some(ready) = ready? {
        ready.remove()?;
    }
    Ok(stopped?)
}

/// Standard output is for the person who started the service: the log goes elsewhere.
fn announce(server: &Server) -> io::Result<()> {
    let mut text = format!("The tenant management service accepts at {}\n", url(server.addr()));
    if let Some(key) = server.generated_key() {
        text += &format!("Its operator key, shown this once: {}\n", key.expose_secret());
    }
    say(&text)
}
