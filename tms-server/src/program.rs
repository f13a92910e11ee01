//! What the program `tms-server` does, from its settings to its end.

use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;

use secrecy::ExposeSecret as _;
use tokio::signal::ctrl_c;
use tokio::signal::unix::{SignalKind, signal};

use crate::config::{Cli, Command, Settings};
use crate::error::causes;
use crate::ready_file::{ReadyFile, url};
use crate::server::Server;

/// Runs the program: serves until SIGTERM or ctrl-c, or prints the settings. What fails is told on standard error.
pub async fn run(cli: Cli) -> ExitCode {
    let done = match cli.settings() {
        Err(error) => Err(error.into()),
        Ok(settings) => match cli.command.unwrap_or(Command::Serve) {
            Command::CheckConfig => say(&cli.summary(&settings)).map_err(Into::into),
            Command::Serve => serve(settings).await,
        },
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where standard error is closed, the exit code has to do.
            let _ = writeln!(io::stderr(), "tms-server: {}", causes(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn serve(settings: Settings) -> Result<(), Box<dyn Error>> {
    let log = tracing_subscriber::fmt().with_writer(io::stderr).with_max_level(settings.logging_level);
    log.try_init().map_err(|error| error as Box<dyn Error>)?;
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

fn say(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}
