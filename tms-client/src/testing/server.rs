//! [`FaultyTms`]: the server. What it answers is decided elsewhere.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Handle;
use tokio::task::{JoinHandle, JoinSet};

use super::answer::{Effect, Reply};
use super::calls::Call;
use super::endpoints;
use super::state::Shared;

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;
/// When to accept again after that failed.
const RETRY: Duration = Duration::from_millis(10);

/// A TMS in this process, on a port of its own, that fails as a test tells it to. See [the module](super).
///
/// Dropping it closes the port and every connection.
pub struct FaultyTms {
    address: SocketAddr,
    shared: Arc<Shared>,
    runtime: Handle,
    serving: Mutex<Option<JoinHandle<()>>>,
    /// Bound and never listening: keeps the port while the server is stopped, and refuses connections to it.
    _reserved: TcpSocket,
}

impl fmt::Debug for FaultyTms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultyTms").field("address", &self.address).finish_non_exhaustive()
    }
}

impl FaultyTms {
    /// A TMS on a free port of 127.0.0.1, without tenants and without faults. Its tasks run on the current runtime.
    ///
    /// # Panics
    /// If there is no free port.
    pub async fn start() -> Self {
        Self::start_on(&Handle::current()).await
    }

    /// Like [`FaultyTms::start`], on another runtime: the tasks of the current one are then those of what is tested.
    ///
    /// # Panics
    /// If there is no free port.
    pub async fn start_on(runtime: &Handle) -> Self {
        let reserved = bind(([127, 0, 0, 1], 0).into()).expect("a free port");
        let address = reserved.local_addr().expect("an address");
        let (shared, runtime) = (Arc::new(Shared::new()), runtime.clone());
        let tms = Self { address, shared, runtime, serving: Mutex::default(), _reserved: reserved };
        tms.start_again().await;
        tms
    }

    /// Where it is, such as `http://127.0.0.1:41234`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Closes the port and every connection: who connects is refused.
    ///
    /// # Panics
    /// If it is stopped already.
    pub async fn stop(&self) {
        let serving = self.serving().take().expect("it was running");
        serving.abort();
        let _aborted = serving.await;
    }

    /// Listens on the same port again, after [`FaultyTms::stop`]. Tenants, tokens and rules are as they were.
    ///
    /// # Panics
    /// If it is not stopped.
    pub async fn start_again(&self) {
        assert!(self.serving().is_none(), "it is running");
        let (address, shared) = (self.address, Arc::clone(&self.shared));
        let (listens, listening) = tokio::sync::oneshot::channel();
        let serving = self.runtime.spawn(async move {
            let listener = bind(address).and_then(|socket| socket.listen(BACKLOG)).expect("the port is kept");
            let _started = listens.send(());
            serve(&listener, &shared).await;
        });
        *self.serving() = Some(serving);
        listening.await.expect("the port is kept");
    }

    /// Accepts connections from now on and never answers on them, nor on those that are open. Requests on the latter are
    /// counted.
    pub fn half_open(&self) {
        self.shared.change(|state| state.is_half_open = true);
    }

    /// Ends [`FaultyTms::half_open`] for connections to come. Those that were left without an answer get none.
    pub fn answer_again(&self) {
        self.shared.change(|state| state.is_half_open = false);
    }

    /// How many connections were accepted so far.
    pub fn connections(&self) -> usize {
        self.shared.lock().accepted
    }

    /// Waits until at least so many connections were accepted, counted from the start.
    ///
    /// # Panics
    /// If they do not come within the [`patience`](FaultyTms::patience).
    pub async fn until_connections(&self, connections: usize) {
        self.until(&format!("{connections} connections"), |state| state.accepted >= connections).await;
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    fn serving(&self) -> MutexGuard<'_, Option<JoinHandle<()>>> {
        self.serving.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for FaultyTms {
    fn drop(&mut self) {
        if let Some(serving) = self.serving().take() {
            serving.abort();
        }
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // Two sockets may share the address as long as one of them listens at most.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

async fn serve(listener: &TcpListener, shared: &Arc<Shared>) {
    // Dropped with this task, and every connection with it.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(connections.spawn(connection(stream, Arc::clone(shared)))),
                // Too many open files, until somebody closes one.
                Err(_) => tokio::time::sleep(RETRY).await,
            },
            // Takes those that ended out of the set.
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    let is_half_open = shared.change(|state| {
        state.accepted += 1;
        state.is_half_open
    });
    if is_half_open {
        return std::future::pending().await;
    }
    let service = service_fn(|request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(respond(&shared, request).await) }
    });
    // A cut answer is an error here, and meant.
    let _cut =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn respond(shared: &Arc<Shared>, request: Request<Incoming>) -> Response<Reply> {
    let (head, body) = request.into_parts();
    let call = Call::read(&head);
    // A body that broke off is read as the one that came.
    let body = body.collect().await.map_or_else(|_| Bytes::new(), |body| body.to_bytes());
    // At once, so that a test that waited for the call changes nothing of its answer.
    let (plan, turn, answer) = shared.change(|state| {
        let (plan, turn) = state.script.plan(&call);
        let answers = !state.is_half_open && !matches!(plan.effect, Effect::Never);
        let answer = answers.then(|| match plan.effect.instead() {
            Some(answer) => answer,
            None => endpoints::answer(shared, state, &call, &head, &body),
        });
        state.log.push(call);
        (plan, turn, answer)
    });
    let Some(answer) = answer else { return std::future::pending().await };
    if let Some(gate) = &plan.gate {
        gate.pass().await;
    }
    if !plan.delay.is_zero() {
        tokio::time::sleep(plan.delay).await;
    }
    if let Some(turn) = &turn {
        turn.come().await;
    }
    answer.into_response(&plan.effect, turn)
}
