//! axum, as its users serve it; it takes both versions of HTTP.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::Request;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tower::ServiceBuilder;

use super::{Counter, Running};
use crate::table::Setup;
use crate::watch::{Watch, describe, layer};

pub(crate) async fn serve(setup: Setup) -> Running {
    let (watch, handled) = (Watch::new(setup), Counter::default());
    let counter = handled.clone();
    let handler = async move |request: Request| {
        counter.count();
        describe(request.extensions())
    };
    let app =
        Router::new().fallback(handler).layer(ServiceBuilder::new().layer(watch.clone()).layer(layer(setup)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await.unwrap();
    });
    Running { addr, handled, watch, _tasks: tasks }
}
