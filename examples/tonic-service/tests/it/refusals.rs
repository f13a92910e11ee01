//! Every row of the layer's table of refusals, as a tonic client hears it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tenant_core::{
    Cached, HostRules, Incarnation, Lookup, StaticDirectory, Tenant, TenantDirectory, TenantKey, TenantStatus,
};
use tenant_router::TenantLayer;
use tokio::task::JoinSet;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Request, Response, Status};
use tonic_service::hello::greeter_server::{Greeter, GreeterServer};
use tonic_service::hello::{Greeting, Name};

use crate::client::greet;

/// A tenant in every status, and one that nobody can be asked for.
struct Directory(StaticDirectory);

impl Directory {
    fn is_away(key: &TenantKey<'_>) -> bool {
        matches!(key, TenantKey::Label { id, .. } if id.as_str() == "away")
    }
}

impl TenantDirectory for Directory {
    fn cached(&self, key: &TenantKey<'_>) -> Cached {
        if Self::is_away(key) { Cached::Miss } else { self.0.cached(key) }
    }

    async fn find(&self, key: &TenantKey<'_>) -> Lookup {
        match Self::is_away(key) {
            true => Lookup::Unavailable { retry_after: Duration::from_millis(1500) },
            false => self.0.find(key).await,
        }
    }
}

fn tenants() -> Directory {
    let tenant = |name: &str, status| {
        let mut tenant = Tenant::new(name.parse().unwrap(), Incarnation::fixed(name));
        tenant.status = status;
        tenant
    };
    let mut unpaid = tenant("unpaid", TenantStatus::Suspended);
    unpaid.public_reason = Some("Zahlung über 50% offen.".to_owned());
    let mut expired = tenant("expired", TenantStatus::Active);
    expired.expire = Some("2020-01-01T00:00:00Z".parse().unwrap());
    Directory(StaticDirectory::from_iter([
        tenant("acme", TenantStatus::Active),
        tenant("new", TenantStatus::Pending),
        tenant("leaving", TenantStatus::Deleting),
        unpaid,
        expired,
    ]))
}

/// Counts its calls.
struct Greets(Arc<AtomicUsize>);

#[tonic::async_trait]
impl Greeter for Greets {
    async fn greet(&self, _: Request<Name>) -> Result<Response<Greeting>, Status> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(Response::new(Greeting::default()))
    }
}

fn serve() -> (SocketAddr, Arc<AtomicUsize>, JoinSet<()>) {
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = incoming.local_addr().unwrap();
    let calls = Arc::new(AtomicUsize::new(0));
    let service = GreeterServer::new(Greets(Arc::clone(&calls)));
    let layer = TenantLayer::new(HostRules::base_domains(["base.example".parse().unwrap()]), tenants());
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let server = Server::builder().layer(layer).add_service(service);
        server.serve_with_incoming(incoming).await.unwrap();
    });
    (address, calls, tasks)
}

#[tokio::test]
async fn every_refusal_is_the_status_that_its_row_says() {
    let (address, calls, _tasks) = serve();
    for (host, code, message, pushback) in [
        ("127.0.0.1", Code::InvalidArgument, "Bad host: the host is an IP address.", None),
        ("base.example", Code::InvalidArgument, "This host is the base domain, not a tenant's.", None),
        ("elsewhere.example", Code::InvalidArgument, "This host is no tenant's.", None),
        ("stranger.base.example", Code::NotFound, "Tenant [stranger] not allowed.", None),
        ("leaving.base.example", Code::NotFound, "Tenant [leaving] not allowed.", None),
        ("new.base.example", Code::Unavailable, "Tenant [new] is not ready yet.", Some("5000")),
        ("unpaid.base.example", Code::PermissionDenied, "Zahlung über 50% offen.", None),
        ("expired.base.example", Code::PermissionDenied, "This tenant has expired.", None),
        (
            "away.base.example",
            Code::Unavailable,
            "It cannot be told at the moment whose host this is. Try again.",
            Some("1500"),
        ),
    ] {
        let status = greet(address, host).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (code, message), "{host}");
        let header = |name: &str| status.metadata().get(name).map(|value| value.to_str().unwrap());
        assert_eq!(header("grpc-retry-pushback-ms"), pushback, "{host}");
        assert_eq!(header("retry-after").is_some(), pushback.is_some(), "{host}");
    }
    assert_eq!(calls.load(Ordering::SeqCst), 0);
    greet(address, "acme.base.example").await.unwrap();
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}
