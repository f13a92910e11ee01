//! The smallest useful service behind the layer: two fixed tenants, one route.
//!
//! ```text
//! $ cargo run --release -p examples --bin hello-tenant 127.0.0.1:8080
//! listening on http://127.0.0.1:8080
//! $ curl http://acme.localhost:8080/
//! hello, acme
//! $ curl http://nobody.localhost:8080/
//! {"code":"tenant_unknown","detail":"Tenant [nobody] not allowed."}
//! ```
//!
//! The address is the only argument; without it any free port of 127.0.0.1 is taken.

use std::error::Error;

use axum::Router;
use axum::routing::get;
use tenant_core::{HostRules, Incarnation, StaticDirectory, Tenant};
use tenant_router::{CurrentTenant, TenantLayer};
use tokio::net::TcpListener;

/// Runs for admitted tenants alone: the layer answers all other requests.
async fn hello(current: CurrentTenant) -> String {
    format!("hello, {}\n", current.tenant().name)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let tenant = |name: &str| Ok::<_, Box<dyn Error>>(Tenant::new(name.parse()?, Incarnation::fixed(name)));
    let tenants = StaticDirectory::from_iter([tenant("acme")?, tenant("globex")?]);
    let rules = HostRules::base_domains(["localhost".parse()?]);
    let app = Router::new().route("/", get(hello)).layer(TenantLayer::new(rules, tenants));

    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let listener = TcpListener::bind(address).await?;
    announce(&listener)?;
    axum::serve(listener, app).await?;
    Ok(())
}

#[expect(clippy::print_stdout, reason = "whoever started the program waits for this line")]
fn announce(listener: &TcpListener) -> std::io::Result<()> {
    println!("listening on http://{}", listener.local_addr()?);
    Ok(())
}
