//! A way to the engine that can be switched off and on.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// Off, its port is closed and its connections are gone, as if the engine were.
pub(crate) struct Switch {
    addr: SocketAddr,
    engine: String,
    passes: Option<JoinHandle<()>>,
}

impl Switch {
    /// One that is off, at a free port, before the first of these nodes.
    pub(crate) async fn off(hosts: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let engine = hosts.split(',').next().expect("a node");
        let engine = engine.trim_start_matches("http://").trim_end_matches('/').to_owned();
        Self { addr: listener.local_addr().expect("an address"), engine, passes: None }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    pub(crate) async fn switch_on(&mut self) {
        let listener = TcpListener::bind(self.addr).await.expect("the port is free");
        self.passes = Some(tokio::spawn(pass(listener, self.engine.clone())));
    }

    pub(crate) async fn switch_off(&mut self) {
        let passes = self.passes.take().expect("on");
        passes.abort();
        // Only when it has ended, its connections are gone.
        assert!(passes.await.is_err_and(|ended| ended.is_cancelled()));
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        if let Some(passes) = &self.passes {
            passes.abort();
        }
    }
}

async fn pass(listener: TcpListener, engine: String) {
    let mut connections = JoinSet::new();
    while let Ok((mut client, _)) = listener.accept().await {
        let engine = engine.clone();
        connections.spawn(async move {
            if let Ok(mut node) = TcpStream::connect(engine).await {
                let _ = copy_bidirectional(&mut client, &mut node).await;
            }
        });
    }
}
