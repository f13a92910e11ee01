//! Plain hyper behind the layer, over HTTP/1 and HTTP/2: two fixed tenants, one answer, no web framework.
//!
//! ```text
//! $ cargo run --release -p hyper-without-axum 127.0.0.1:8080
//! listening on http://127.0.0.1:8080
//! $ curl http://acme.localhost:8080/
//! hello, acme
//! $ curl --http2-prior-knowledge http://globex.localhost:8080/
//! hello, globex
//! ```
//!
//! The address is the first argument; without it any free port of 127.0.0.1 is taken. Further arguments are the networks of
//! proxies whose `Forwarded` and `X-Forwarded-Host` headers count.

use std::convert::Infallible;
use std::error::Error;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use ipnet::IpNet;
use tenant_core::{HostRules, Incarnation, StaticDirectory, Tenant};
use tenant_router::{CurrentTenant, PeerAddr, TenantLayer};
use tokio::net::TcpListener;
use tower::{Layer, ServiceExt, service_fn};

/// Runs for admitted tenants alone: the layer answers all other requests.
async fn hello(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let current = request.extensions().get::<CurrentTenant>().expect("the layer put it there");
    Ok(Response::new(format!("hello, {}\n", current.tenant().name).into()))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let proxies = arguments.map(|net| net.parse()).collect::<Result<Vec<IpNet>, _>>()?;

    let tenant = |name: &str| Ok::<_, Box<dyn Error>>(Tenant::new(name.parse()?, Incarnation::fixed(name)));
    let tenants = StaticDirectory::from_iter([tenant("acme")?, tenant("globex")?]);
    let rules = HostRules::base_domains(["localhost".parse()?]);
    let service = TenantLayer::new(rules, tenants).trusted_proxies(proxies).layer(service_fn(hello));

    let listener = TcpListener::bind(address).await?;
    announce(&listener)?;
    loop {
        let (stream, peer) = listener.accept().await?;
        stream.set_nodelay(true)?;
        // hyper does not say who a request came from, and the layer has to know whose forwarded headers count.
        let service = service.clone().map_request(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(PeerAddr(peer));
            request
        });
        tokio::spawn(async move {
            let server = auto::Builder::new(TokioExecutor::new());
            // Fails if the client breaks off, which is the client's affair.
            let _closed =
                server.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)).await;
        });
    }
}

#[expect(clippy::print_stdout, reason = "whoever started the program waits for this line")]
fn announce(listener: &TcpListener) -> std::io::Result<()> {
    println!("listening on http://{}", listener.local_addr()?);
    Ok(())
}
