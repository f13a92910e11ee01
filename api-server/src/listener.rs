//! One listener: accepts, serves HTTP/1 and HTTP/2, and drains.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tower::ServiceExt;
use tracing::{debug, warn};

/// How long a client may take to send a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// How many connections a listener serves at once; more of them wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 10_000;
/// How long requests that are under way may take to end after a stop was asked for.
const DRAIN: Duration = Duration::from_secs(20);
/// How long to wait when the machine cannot accept, for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `stop` becomes true or its sender is gone, then lets what is under way end.
pub(crate) async fn serve(listener: TcpListener, app: Router, mut stop: watch::Receiver<bool>) {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(Duration::from_secs(30));
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let place = tokio::select! {
            place = Arc::clone(&places).acquire_owned() => place,
            _ = stop.wait_for(|stopped| *stopped) => break,
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stopped| *stopped) => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                // An answer must not wait for the client's acknowledgement of the packet before it.
                let _ = stream.set_nodelay(true);
                let asked = Arc::new(AtomicBool::new(false));
                let service = service_fn(with_peer(app.clone(), peer, Arc::clone(&asked)));
                let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
                let connection = graceful.watch(connection);
                tokio::spawn(async move {
                    let mut connection = pin!(connection);
                    let ended = tokio::select! {
                        ended = &mut connection => ended,
                        // Before a first request, the library has a limit only from the first letters on.
                        () = tokio::time::sleep(HEAD_TIMEOUT) => {
                            if asked.load(Ordering::Relaxed) { connection.await } else { Ok(()) }
                        }
                    };
                    if let Err(fault) = ended {
                        debug!(fault, "a connection ended badly");
                    }
                    drop(place);
                });
            }
            Err(fault) => {
                warn!(%fault, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
        warn!("some requests did not end within {} s and are cut off", DRAIN.as_secs());
    }
}

/// Handlers and the tenant layer read the client's address from the request's extensions.
fn with_peer(
    app: Router,
    peer: SocketAddr,
    asked: Arc<AtomicBool>,
) -> impl Fn(axum::extract::Request<Incoming>) -> ResponseFuture + Clone {
    move |mut request| {
        asked.store(true, Ordering::Relaxed);
        request.extensions_mut().insert(ConnectInfo(peer));
        Box::pin(app.clone().oneshot(request.map(Body::new)))
    }
}

type ResponseFuture = Pin<Box<dyn Future<Output = Result<axum::response::Response, Infallible>> + Send>>;
