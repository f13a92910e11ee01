//! An HTTP server in a process of its own, so that its processor time is told from its client's.

use std::fs;
use std::net::SocketAddr;

use tokio::runtime::Runtime;

use crate::child::{Child, serve_at};
use crate::{Result, hosts, stacks};

/// A server; it ends with this.
pub struct Server {
    /// Where it listens.
    pub addr: SocketAddr,
    process: Child,
}

impl Server {
    /// Starts one that serves this stack: `bare`, `identity`, `layer` or `naive`.
    ///
    /// # Errors
    /// If it does not start.
    pub fn start(stack: &str, tenants: usize) -> Result<Self> {
        let process = Child::start(&["--serve-http", stack, "--serve-http-tenants", &tenants.to_string()])?;
        Ok(Self { addr: process.address.parse()?, process })
    }

    /// Seconds that its threads have run so far.
    ///
    /// # Errors
    /// If `/proc` does not tell.
    pub fn processor_seconds(&self) -> Result<f64> {
        let mut nanoseconds = 0.0;
        for task in fs::read_dir(format!("/proc/{}/task", self.process.id()))? {
            let times = fs::read_to_string(task?.path().join("schedstat"))?;
            nanoseconds += times.split(' ').next().unwrap_or_default().parse::<f64>()?;
        }
        Ok(nanoseconds / 1e9)
    }
}

/// The process of a server: says where it listens, and serves until its input ends.
///
/// # Errors
/// If there is no such stack, or it cannot listen.
pub fn serve_http(stack: &str, tenants: usize) -> Result<()> {
    let runtime = Runtime::new()?;
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))?;
    let addr = listener.local_addr()?;
    match stack {
        "bare" => drop(runtime.spawn(axum::serve(listener, stacks::bare()).into_future())),
        "identity" => drop(runtime.spawn(axum::serve(listener, stacks::identity()).into_future())),
        "naive" => drop(runtime.spawn(axum::serve(listener, stacks::naive(tenants)).into_future())),
        "layer" => {
            let service = stacks::within(stacks::directory(tenants))?;
            drop(runtime.spawn(axum::serve(listener, service).into_future()));
        }
        _ => return Err("no such stack".into()),
    }
    serve_at(addr)
}

/// Sends so many requests over so many connections, each one after the answer to the one before, for tenants of which few
/// are busy.
///
/// # Errors
/// If an answer is not the handler's.
pub async fn load(addr: SocketAddr, tenants: usize, connections: usize, requests: usize) -> Result<()> {
    let mut clients = tokio::task::JoinSet::new();
    let all = hosts::requests(tenants, requests);
    for share in all.chunks(requests.div_ceil(connections)) {
        let share = share.to_vec();
        clients.spawn(async move { client(addr, &share).await });
    }
    while let Some(done) = clients.join_next().await {
        done??;
    }
    Ok(())
}

async fn client(addr: SocketAddr, hosts: &[Vec<u8>]) -> Result<()> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let mut stream = tokio::net::TcpStream::connect(addr).await?;
    stream.set_nodelay(true)?;
    let (mut request, mut answer) = (Vec::new(), [0; 1024]);
    for host in hosts {
        request.clear();
        for part in [&b"GET / HTTP/1.1\r\nhost: "[..], host, b"\r\n\r\n"] {
            request.extend_from_slice(part);
        }
        stream.write_all(&request).await?;
        let mut read = 0;
        while !answer[..read].ends_with(b"\r\n\r\nok") {
            let more = stream.read(&mut answer[read..]).await?;
            if more == 0 {
                return Err(format!("no answer: {}", String::from_utf8_lossy(&answer[..read])).into());
            }
            read += more;
        }
    }
    Ok(())
}
