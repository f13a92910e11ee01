//! `api-server resolve HOST`: why a host is a tenant's or not, with the settings of `serve` and the real TMS.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use axum::http::header::HOST;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Request};
use tenant_core::SystemClock;
use tenant_router::{Explanation, PeerAddr, RejectionKind};
use tms_client::Mode;

use crate::config::args::ResolveArgs;
use crate::config::{Config, Tenancy};
use crate::run::{Failure, report};
use crate::serve::Tenants;
use crate::telemetry;

/// The exit code where it cannot be told.
const UNCLEAR: u8 = 2;

/// Prints the explanation. 0: the host is a tenant's that is served; 1: it is refused; 2: it cannot be told, because the TMS
/// does not answer, or because the command or a setting is wrong.
pub(crate) async fn run(args: ResolveArgs) -> ExitCode {
    match explain(args).await {
        Ok(explanation) => code_of(&explanation),
        Err(failure) => {
            report(&*failure);
            ExitCode::from(UNCLEAR)
        }
    }
}

async fn explain(args: ResolveArgs) -> Result<Explanation, Failure> {
    telemetry::init(&args.serve.logging.logging_level)?;
    let request = request(&args)?;
    let mut config = args.serve.config()?;
    ask_alone(&mut config);
    let tenants = Tenants::build(&config, None)?;
    let layer = tenants.layer(&config, Arc::new(SystemClock::default()));
    let explanation = layer.explain(&request).await;
    writeln!(io::stdout().lock(), "{explanation}")?;
    Ok(explanation)
}

/// A server may have the data folder, and one question is no reason to read all tenants.
fn ask_alone(config: &mut Config) {
    if let Tenancy::Multi(tms) = &mut config.tenancy {
        tms.folder = None;
        tms.mode = Mode::Cache;
    }
}

fn request(args: &ResolveArgs) -> Result<Parts, Failure> {
    if args.host.contains("://") {
        return Err(
            "give the host alone, such as company-x.your-domain.com, without http:// and a path".into()
        );
    }
    // As a server reads it: white space around a value is no part of it.
    let host = args.host.trim_matches([' ', '\t']);
    let host = HeaderValue::from_bytes(host.as_bytes())
        .map_err(|_| "no request can carry this host: it has a control character")?;
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.headers.append(HOST, host);
    for (name, value) in &args.headers {
        parts.headers.append(name, value.clone());
    }
    if let Some(peer) = args.peer {
        parts.extensions.insert(PeerAddr(SocketAddr::new(peer, 0)));
    }
    Ok(parts)
}

fn code_of(explanation: &Explanation) -> ExitCode {
    match explanation.outcome().map_err(|rejection| rejection.kind()) {
        Ok(_) => ExitCode::SUCCESS,
        Err(RejectionKind::Unavailable { .. }) => ExitCode::from(UNCLEAR),
        Err(_) => ExitCode::FAILURE,
    }
}
