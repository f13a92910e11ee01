//! Plain hyper, without axum, behind the layer.

use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tenant_core::TenantDirectory;
use tenant_router::{CurrentTenant, PeerAddr, Resolution, TenantLayer};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tower::{Layer, Service, ServiceExt, service_fn};

/// A server on a port of its own, stopped when dropped.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    handled: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Server {
    /// How often the handler ran.
    pub(crate) fn handled(&self) -> usize {
        self.handled.load(Ordering::SeqCst)
    }
}

/// Serves [`describe`] behind the layer, over HTTP/1 and HTTP/2.
pub(crate) async fn serve<D: TenantDirectory>(layer: TenantLayer<D>) -> Server {
    let handled = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&handled);
    let handler = service_fn(move |request: Request<Incoming>| {
        counter.fetch_add(1, Ordering::SeqCst);
        let answer = Response::new(Full::<Bytes>::from(describe(&request)));
        std::future::ready(Ok::<_, Infallible>(answer))
    });
    let (addr, tasks) = listen(layer.layer(handler)).await;
    Server { addr, handled, _tasks: tasks }
}

/// Serves a service over HTTP/1 and HTTP/2 on a port of its own, until the tasks are dropped.
pub(crate) async fn listen<S, B>(service: S) -> (SocketAddr, JoinSet<()>)
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static,
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let (stream, peer) = listener.accept().await.unwrap();
            let service = service.clone().map_request(move |mut request: Request<Incoming>| {
                request.extensions_mut().insert(PeerAddr(peer));
                request
            });
            connections.spawn(async move {
                let service = TowerToHyperService::new(service);
                let server = auto::Builder::new(TokioExecutor::new());
                let _closed = server.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    (addr, tasks)
}

/// What the handler sees: `id@host`, and for an exempt request what the layer found out.
fn describe(request: &Request<Incoming>) -> String {
    let current = request.extensions().get::<CurrentTenant>().map(|current| {
        assert_eq!(current.active().id(), &current.tenant().id());
        let host = current.host().map_or("-", |host| host.as_str());
        format!("{}@{host}", current.tenant().id())
    });
    match (request.extensions().get::<Resolution>(), current) {
        (None, current) => current.expect("an admitted request has a tenant"),
        (Some(Resolution(Ok(_))), current) => format!("exempt {}", current.expect("a tenant")),
        (Some(Resolution(Err(rejection))), current) => {
            assert!(current.is_none(), "a refused tenant is not a current one");
            let id = rejection.id().map_or("-", |id| id.as_str());
            format!("exempt {} {id} {}", rejection.status().as_u16(), rejection.tenant().is_some())
        }
    }
}
