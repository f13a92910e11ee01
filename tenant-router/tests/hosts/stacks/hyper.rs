//! Plain hyper, one version of HTTP at a time.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use tenant_router::PeerAddr;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tower::{ServiceBuilder, ServiceExt, service_fn};

use super::{Counter, Running};
use crate::table::Setup;
use crate::watch::{Watch, describe, layer};

pub(crate) async fn http_1(setup: Setup) -> Running {
    serve(setup, false).await
}

pub(crate) async fn http_2(setup: Setup) -> Running {
    serve(setup, true).await
}

async fn serve(setup: Setup, second: bool) -> Running {
    let (watch, handled) = (Watch::new(setup), Counter::default());
    let counter = handled.clone();
    let handler = service_fn(move |request: Request<Incoming>| {
        counter.count();
        let answer = Response::new(Full::<Bytes>::from(describe(request.extensions())));
        std::future::ready(Ok::<_, Infallible>(answer))
    });
    let service = ServiceBuilder::new().layer(watch.clone()).layer(layer(setup)).service(handler);
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
            let (stream, service) = (TokioIo::new(stream), TowerToHyperService::new(service));
            connections.spawn(async move {
                // How a connection ends is for the client to see.
                if second {
                    let _ = http2::Builder::new(TokioExecutor::new()).serve_connection(stream, service).await;
                } else {
                    let _ = http1::Builder::new().serve_connection(stream, service).await;
                }
            });
        }
    });
    Running { addr, handled, watch, _tasks: tasks }
}
