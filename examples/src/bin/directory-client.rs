//! A tenant directory in a program of one's own: asks for names and own domains, from memory, whether the management service
//! answers or not. It needs `tms-client` and `tenant-core` alone, and no web framework.
//!
//! ```text
//! $ cargo run --release -p examples --bin directory-client -- http://127.0.0.1:8383 key.txt ./directory
//! > acme
//! acme: active
//! > shop.example
//! shop.example: suspended (unpaid)
//! > nobody
//! nobody: unknown
//! ```
//!
//! The file holds an API key; one of scope `directory` is enough. In the folder, which may be left out, the tenants survive a
//! restart. A line without a dot is a tenant's name, one with a dot an own domain; an empty one tells how the directory stands.

use std::error::Error;
use std::io::{self, BufRead, Write};

use tenant_core::{Cached, Clock, Lookup, Standing, SystemClock, Tenant, TenantDirectory, TenantKey};
use tms_client::{TmsClient, TmsDirectory};

const USAGE: &str = "usage: directory-client URL KEY_FILE [FOLDER]";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // Before anything that may speak TLS.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let ([url, key_file], folder) = arguments.split_first_chunk().ok_or(USAGE)?;
    let key = std::fs::read_to_string(key_file)?.trim().to_owned();

    let builder = TmsDirectory::builder(TmsClient::builder(url, key.into()).build()?);
    let directory = match folder {
        [] => builder.build()?,
        [folder] => builder.folder(folder).build()?,
        _ => return Err(USAGE.into()),
    };
    for line in io::stdin().lock().lines() {
        let line = line?.trim().to_ascii_lowercase();
        let answer =
            if line.is_empty() { format!("{:?}", directory.status()) } else { ask(&directory, &line).await };
        say(&line, &answer)?;
    }
    // With the latest confirmation in it, the snapshot serves for longer after the next start.
    directory.flush().await;
    Ok(())
}

/// What is known of a name or a domain. From memory without a runtime, a lock or an allocation, where that is fresh.
async fn ask(directory: &TmsDirectory, line: &str) -> String {
    let key = match line.contains('.') {
        true => TenantKey::Domain(line),
        false => match TenantKey::label(line) {
            Some(key) => key,
            None => return "unknown (nobody can be called so)".to_owned(),
        },
    };
    let lookup = match directory.cached(&key) {
        Cached::Known(tenant) => Lookup::Known(tenant),
        Cached::Unknown => Lookup::Unknown,
        Cached::RefreshDue(_) | Cached::Miss => directory.find(&key).await,
    };
    match lookup {
        // Whatever answers a key has to be checked against it: `companyx` is not `c-ompanyx`.
        Lookup::Known(tenant) if key.names(&tenant) => standing(&tenant),
        Lookup::Known(_) | Lookup::Unknown => "unknown".to_owned(),
        Lookup::Unavailable { retry_after } => {
            format!("cannot tell, try again in {} s", retry_after.as_secs())
        }
    }
}

fn standing(tenant: &Tenant) -> String {
    match tenant.standing(SystemClock::default().wall()) {
        Standing::Active => "active".to_owned(),
        Standing::Pending => "pending".to_owned(),
        Standing::Suspended { public_reason } => {
            format!("suspended ({})", public_reason.unwrap_or("no reason given"))
        }
        Standing::Expired => "expired".to_owned(),
        Standing::Deleting => "deleting".to_owned(),
    }
}

fn say(line: &str, answer: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "{line}: {answer}")?;
    output.flush()
}
