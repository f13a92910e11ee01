//! A gRPC service behind the layer: the tenant is the one of `:authority`.
//!
//! ```text
//! $ cargo run --release -p tonic-service 127.0.0.1:50051
//! listening on http://127.0.0.1:50051
//! ```
//!
//! A tonic client sets its authority apart from the address: `Endpoint::from_static("http://127.0.0.1:50051")` with
//! `.origin("http://acme.localhost".parse()?)` asks acme. The address is the first argument; without it any free port of
//! 127.0.0.1 is taken. Further arguments are the networks of proxies whose `Forwarded` and `X-Forwarded-Host` headers count.

use std::error::Error;

use ipnet::IpNet;
use tenant_core::{HostRules, Incarnation, StaticDirectory, Tenant, TenantStatus};
use tenant_router::{CurrentTenant, PeerAddr, TenantLayer};
use tonic::transport::Server;
use tonic::transport::server::{TcpConnectInfo, TcpIncoming};
use tonic::{Request, Response, Status};
use tonic_service::hello::greeter_server::{Greeter, GreeterServer};
use tonic_service::hello::{Greeting, Name};
use tower::util::MapRequestLayer;

struct Greets;

#[tonic::async_trait]
impl Greeter for Greets {
    /// Runs for admitted tenants alone: the layer answers all other calls.
    async fn greet(&self, request: Request<Name>) -> Result<Response<Greeting>, Status> {
        let current =
            request.extensions().get::<CurrentTenant>().ok_or(Status::internal("not behind the layer"))?;
        let tenant = current.tenant().name;
        Ok(Response::new(Greeting { text: format!("hello {}, this is {tenant}", request.into_inner().name) }))
    }
}

/// tonic says who a call came from in a type of its own; the layer has to know whose forwarded headers count.
fn peer<B>(mut request: http::Request<B>) -> http::Request<B> {
    if let Some(peer) = request.extensions().get().and_then(TcpConnectInfo::remote_addr) {
        request.extensions_mut().insert(PeerAddr(peer));
    }
    request
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let proxies = arguments.map(|net| net.parse()).collect::<Result<Vec<IpNet>, _>>()?;

    let tenant = |name: &str| Ok::<_, Box<dyn Error>>(Tenant::new(name.parse()?, Incarnation::fixed(name)));
    let mut unpaid = tenant("unpaid")?;
    unpaid.status = TenantStatus::Suspended;
    let tenants = StaticDirectory::from_iter([tenant("acme")?, tenant("globex")?, unpaid]);
    let rules = HostRules::base_domains(["localhost".parse()?]);

    let incoming = TcpIncoming::bind(address.parse()?)?.with_nodelay(Some(true));
    announce(&incoming)?;
    Server::builder()
        .layer(MapRequestLayer::new(peer))
        .layer(TenantLayer::new(rules, tenants).trusted_proxies(proxies))
        .add_service(GreeterServer::new(Greets))
        .serve_with_incoming(incoming)
        .await?;
    Ok(())
}

#[expect(clippy::print_stdout, reason = "whoever started the program waits for this line")]
fn announce(incoming: &TcpIncoming) -> std::io::Result<()> {
    println!("listening on http://{}", incoming.local_addr()?);
    Ok(())
}
