//! API processes beside a TMS.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::tms::read_ready;

/// An `api-server serve` with its data in memory; what it knows of tenants is on disk.
pub(crate) struct ApiProcess {
    process: Child,
    folder: PathBuf,
    tms: (String, String),
    pub(crate) public: SocketAddr,
    pub(crate) private: SocketAddr,
    pub(crate) ops: SocketAddr,
    /// From its start until it accepted.
    pub(crate) ready_after: Duration,
}

impl ApiProcess {
    pub(crate) fn start(folder: &Path, tms_url: &str, key: &str) -> Self {
        std::fs::create_dir_all(folder).expect("a folder");
        let ready_file = folder.join("ready.json");
        std::fs::remove_file(&ready_file).ok();
        let began = Instant::now();
        let mut command = Command::new(env!("CARGO_BIN_EXE_api-server"));
        command
            .env("MULTI_TENANT", "yes")
            .env("MULTI_TENANT_MANAGER_URL", tms_url)
            .env("MULTI_TENANT_MANAGER_API_KEY", key)
            .env("BASE_DOMAINS", "localhost")
            .env("STORAGE", "memory")
            .env("DATA_DIR", folder.join("data"))
            .env("READY_FILE", &ready_file);
        for bind in ["PUBLIC_BIND", "PRIVATE_BIND", "OPS_BIND"] {
            command.env(bind, "127.0.0.1:0");
        }
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("the program starts");
        let ready = read_ready(&mut process, &ready_file);
        let ready_after = began.elapsed();
        let addr = |name: &str| {
            let url = ready[name].as_str().expect("a URL");
            url.trim_start_matches("http://").parse().expect("an address")
        };
        let (public, private, ops) = (addr("public"), addr("private"), addr("ops"));
        let tms = (tms_url.to_owned(), key.to_owned());
        Self { process, folder: folder.to_owned(), tms, public, private, ops, ready_after }
    }

    /// SIGKILL, and a new process on the same folder.
    pub(crate) fn kill_and_start_again(mut self) -> Self {
        self.process.kill().expect("killed");
        self.process.wait().expect("its end");
        Self::start(&self.folder, &self.tms.0, &self.tms.1)
    }

    /// The status that `/healthcheck` answers under a host.
    pub(crate) async fn status(&self, host: &str) -> u16 {
        Connection::open(self.public).await.status(host).await
    }

    /// The status under the host of a tenant.
    pub(crate) async fn of(&self, tenant: &str) -> u16 {
        self.status(&format!("{tenant}.localhost")).await
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for ApiProcess {
    fn drop(&mut self) {
        // It may be dead already.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// A connection that is kept: as little of a client as will do, so that what is measured is the server.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).await.expect("it accepts");
        stream.set_nodelay(true).expect("a socket");
        Self { stream, buffer: Vec::new() }
    }

    pub(crate) async fn status(&mut self, host: &str) -> u16 {
        let request = format!("GET /healthcheck HTTP/1.1\r\nHost: {host}\r\n\r\n");
        self.stream.write_all(request.as_bytes()).await.expect("sent");
        self.buffer.clear();
        let (head, length) = loop {
            self.read_some().await;
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&self.buffer[..end]).to_ascii_lowercase();
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                let length: usize = length.and_then(|length| length.parse().ok()).expect("a length");
                break (head, end + 4 + length);
            }
        };
        while self.buffer.len() < length {
            self.read_some().await;
        }
        head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
    }

    async fn read_some(&mut self) {
        let read = self.stream.read_buf(&mut self.buffer).await.expect("an answer");
        assert!(read > 0, "the connection was closed within an answer: {}", String::from_utf8_lossy(&self.buffer));
    }
}
