//! API processes beside a TMS.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::tms::read_ready;
use crate::{PATIENCE, until};

/// Where the TMS is, and with which key it is asked.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    pub(crate) url: String,
    pub(crate) key: String,
}

/// An `api-server serve` with its data in memory; what it knows of tenants is on disk.
pub(crate) struct ApiProcess {
    process: Child,
    folder: PathBuf,
    tms: Access,
    settings: Vec<(String, String)>,
    pub(crate) public: SocketAddr,
    pub(crate) private: SocketAddr,
    ops: SocketAddr,
    /// From its start until it accepted.
    pub(crate) ready_after: Duration,
}

impl ApiProcess {
    /// Starts it on a folder, with these settings beside those of every test.
    pub(crate) async fn start(folder: &Path, tms: &Access, settings: &[(&str, &str)]) -> Self {
        let settings =
            settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self::launch(folder.to_owned(), tms.clone(), settings).await
    }

    async fn launch(folder: PathBuf, tms: Access, settings: Vec<(String, String)>) -> Self {
        std::fs::create_dir_all(&folder).expect("a folder");
        // Beside the folder, which may be on a disk that is full.
        let ready_file = folder.with_extension("ready.json");
        std::fs::remove_file(&ready_file).ok();
        let mut command = Command::new(env!("CARGO_BIN_EXE_api-server"));
        command
            .arg("serve")
            .env("MULTI_TENANT", "yes")
            .env("MULTI_TENANT_MANAGER_URL", &tms.url)
            .env("MULTI_TENANT_MANAGER_API_KEY", &tms.key)
            .env("BASE_DOMAINS", "localhost")
            .env("STORAGE", "memory")
            .env("DATA_DIR", folder.join("data"))
            .env("READY_FILE", &ready_file)
            // Of an outage it would say a lot.
            .env("LOGGING_LEVEL", "error")
            .envs(settings.iter().map(|(name, value)| (name, value)));
        for bind in ["PUBLIC_BIND", "PRIVATE_BIND", "OPS_BIND"] {
            command.env(bind, "127.0.0.1:0");
        }
        let began = Instant::now();
        let mut process =
            command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("the program starts");
        let ready = read_ready(&mut process, &ready_file).await;
        let ready_after = began.elapsed();
        let addr = |name: &str| {
            let url = ready[name].as_str().expect("a URL");
            url.trim_start_matches("http://").parse().expect("an address")
        };
        let (public, private, ops) = (addr("public"), addr("private"), addr("ops"));
        Self { process, folder, tms, settings, public, private, ops, ready_after }
    }

    /// SIGKILL, and a new process on the same folder.
    pub(crate) async fn kill_and_start_again(mut self) -> Self {
        self.kill();
        let (folder, tms) = (self.folder.clone(), self.tms.clone());
        Self::launch(folder, tms, std::mem::take(&mut self.settings)).await
    }

    fn kill(&mut self) {
        // It may be dead already.
        self.process.kill().ok();
        self.process.wait().ok();
    }

    /// The status that `/healthcheck` answers under a host.
    pub(crate) async fn status(&self, host: &str) -> u16 {
        Connection::open(self.public).await.status(host).await
    }

    /// The status under the host of a tenant.
    pub(crate) async fn of(&self, tenant: &str) -> u16 {
        self.status(&format!("{tenant}.localhost")).await
    }

    /// How its directory stands, as `/readyz` tells.
    pub(crate) async fn directory(&self) -> Value {
        let (status, body) = Connection::open(self.ops).await.get("/readyz", "localhost").await;
        assert_eq!(status, 200, "{body}");
        let mut body: Value = serde_json::from_str(&body).expect("JSON");
        body["directory"].take()
    }

    /// Waits until it is connected to the feed and has so many tenants in memory.
    pub(crate) async fn until_it_has(&self, tenants: usize) {
        until("every tenant", PATIENCE, async || {
            let directory = self.directory().await;
            directory["feed"] == "current" && directory["tenants"] == tenants
        })
        .await;
    }

    /// Waits until its snapshot on disk tells of a tenant.
    pub(crate) async fn until_its_snapshot_has(&self, tenant: &str) {
        let (path, name) = (self.folder.join("data/directory/snapshot"), format!("\"{tenant}\""));
        let has = |bytes: Vec<u8>| bytes.windows(name.len()).any(|window| window == name.as_bytes());
        until("a snapshot", PATIENCE, async || std::fs::read(&path).is_ok_and(has)).await;
    }
}

impl Drop for ApiProcess {
    fn drop(&mut self) {
        self.kill();
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

    /// The status that `/healthcheck` answers under a host.
    pub(crate) async fn status(&mut self, host: &str) -> u16 {
        self.get("/healthcheck", host).await.0
    }

    pub(crate) async fn get(&mut self, path: &str, host: &str) -> (u16, String) {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        self.stream.write_all(request.as_bytes()).await.expect("sent");
        self.buffer.clear();
        let (head, start, length) = loop {
            self.read_some().await;
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&self.buffer[..end]).to_ascii_lowercase();
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                let length: usize = length.and_then(|length| length.parse().ok()).expect("a length");
                break (head, end + 4, length);
            }
        };
        while self.buffer.len() < start + length {
            self.read_some().await;
        }
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        (status.expect("a status"), String::from_utf8_lossy(&self.buffer[start..]).into_owned())
    }

    async fn read_some(&mut self) {
        let read = self.stream.read_buf(&mut self.buffer).await.expect("an answer");
        assert!(
            read > 0,
            "the connection was closed within an answer: {}",
            String::from_utf8_lossy(&self.buffer)
        );
    }
}
