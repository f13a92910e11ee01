//! The accept loop: bounded connections, header timeouts, a graceful end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::{Extension, Router};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tower_layer::Layer as _;

use crate::stall::Stall;

/// Connections at once; more wait to be accepted.
const CONNECTIONS: usize = 1024;
/// How long a client may take to send a request's head.
const HEAD: Duration = Duration::from_secs(10);
/// How long requests under way may take to finish when the server ends.
const DRAIN: Duration = Duration::from_secs(5);
/// How long accepting rests when it fails, as it does without a free file descriptor.
const REST: Duration = Duration::from_millis(50);

/// Serves until `stop` changes or its sender is gone; then lets what is under way finish, for a while. A client that takes
/// nothing for `stall` is cut off.
pub(crate) async fn serve(
    listener: TcpListener,
    app: Router,
    stall: Duration,
    mut stop: watch::Receiver<()>,
) {
    // HTTP/1 alone: over plain connections clients do not speak anything else.
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD);
    let graceful = GracefulShutdown::new();
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let (stream, peer, slot) = tokio::select! {
            _ = stop.changed() => break,
            Some(_) = connections.join_next() => continue,
            accepted = accept(&listener, &slots) => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(REST).await;
                    continue;
                }
            },
        };
        let service = TowerToHyperService::new(Extension(ConnectInfo(peer)).layer(app.clone()));
        let connection =
            builder.serve_connection(TokioIo::new(Stall::new(stream, stall)), service).into_owned();
        let connection = graceful.watch(connection);
        connections.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error, "a connection broke");
            }
            drop(slot);
        });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests that did not finish in time are cut off");
    }
    connections.shutdown().await;
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let slot = slots.clone().acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, peer, slot))
}
