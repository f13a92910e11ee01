//! tonic's server, which takes HTTP/2 alone. It tells the peer's address in a type of its own.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tenant_router::PeerAddr;
use tokio::task::JoinSet;
use tonic::body::Body;
use tonic::transport::Server;
use tonic::transport::server::{TcpConnectInfo, TcpIncoming};
use tower::service_fn;
use tower::util::MapRequestLayer;

use super::{Counter, Running};
use crate::table::Setup;
use crate::watch::{Watch, describe, layer};

pub(crate) async fn serve(setup: Setup) -> Running {
    let (watch, handled) = (Watch::new(setup), Counter::default());
    let counter = handled.clone();
    let handler = service_fn(move |request: Request<Body>| {
        counter.count();
        let answer = Response::new(Full::<Bytes>::from(describe(request.extensions())));
        std::future::ready(Ok::<_, Infallible>(answer))
    });
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let addr = incoming.local_addr().unwrap();
    let server = Server::builder().layer(MapRequestLayer::new(peer)).layer(watch.clone()).layer(layer(setup));
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { server.serve_with_incoming(handler, incoming).await.unwrap() });
    Running { addr, handled, watch, _tasks: tasks }
}

fn peer(mut request: Request<Body>) -> Request<Body> {
    if let Some(peer) = request.extensions().get().and_then(TcpConnectInfo::remote_addr) {
        request.extensions_mut().insert(PeerAddr(peer));
    }
    request
}
