//! Clients that ask at their pace, whatever the server's.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use super::server::DOMAIN;
use crate::Result;

/// Requests of one tenant: so many a second, over so many connections.
pub(super) struct Stream {
    tenant: String,
    rate: f64,
    connections: usize,
}

impl Stream {
    pub(super) fn new(tenant: impl Into<String>, rate: f64, connections: usize) -> Self {
        Self { tenant: tenant.into(), rate, connections }
    }
}

/// What came of requests.
#[derive(Default)]
pub(super) struct Tally {
    /// Milliseconds of those that were admitted.
    took: Vec<f64>,
    refused: usize,
}

impl Tally {
    pub(super) fn sent(&self) -> usize {
        self.took.len() + self.refused
    }

    pub(super) fn admitted(&self) -> usize {
        self.took.len()
    }

    pub(super) fn errors(&self) -> usize {
        self.refused
    }

    pub(super) fn p95(&self) -> f64 {
        let mut sorted = self.took.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() * 95 / 100).copied().unwrap_or(f64::NAN)
    }

    fn add(&mut self, other: Self) {
        self.took.extend(other.took);
        self.refused += other.refused;
    }
}

/// Requests a second of a server that is never without work.
pub(super) fn capacity(clients: &Runtime, addr: SocketAddr, lasts: Duration) -> Result<f64> {
    // Each connection asks again as soon as it was answered, because it is late.
    let endless = Stream::new("quiet", 1e6, 8);
    let done = clients.block_on(async { tokio::spawn(all(addr, vec![endless], lasts)).await? })?;
    Ok(done.admitted() as f64 / lasts.as_secs_f64())
}

/// All of them for so long, and what came of all together.
pub(super) async fn all(addr: SocketAddr, streams: Vec<Stream>, lasts: Duration) -> Result<Tally> {
    let mut connections = JoinSet::new();
    let began = Instant::now();
    for stream in streams {
        let every = Duration::from_secs_f64(stream.connections as f64 / stream.rate);
        for i in 0..stream.connections {
            let first = began + every.mul_f64(i as f64 / stream.connections as f64);
            let connection = Connection::open(addr, &stream.tenant).await?;
            connections.spawn(connection.paced(first, every, began + lasts));
        }
    }
    let mut tally = Tally::default();
    while let Some(done) = connections.join_next().await {
        tally.add(done??);
    }
    Ok(tally)
}

struct Connection {
    stream: TcpStream,
    request: String,
    answer: Vec<u8>,
}

impl Connection {
    async fn open(addr: SocketAddr, tenant: &str) -> Result<Self> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        let request = format!("GET / HTTP/1.1\r\nHost: {tenant}.{DOMAIN}\r\n\r\n");
        Ok(Self { stream, request, answer: Vec::with_capacity(1024) })
    }

    /// A request that waits because the one before it was slow counts from when it should have left. That a timer was late
    /// is not the server's fault.
    async fn paced(mut self, first: Instant, every: Duration, until: Instant) -> Result<Tally> {
        let (mut tally, mut due) = (Tally::default(), first);
        while due < until && Instant::now() < until {
            let began = if due > Instant::now() {
                sleep_until(due.into()).await;
                Instant::now()
            } else {
                due
            };
            if self.ask().await? {
                tally.took.push(began.elapsed().as_secs_f64() * 1e3);
            } else {
                tally.refused += 1;
            }
            due += every;
        }
        Ok(tally)
    }

    /// Whether the request was admitted; an answer that is neither that nor a refusal is an error.
    async fn ask(&mut self) -> Result<bool> {
        self.stream.write_all(self.request.as_bytes()).await?;
        self.answer.clear();
        loop {
            if self.stream.read_buf(&mut self.answer).await? == 0 {
                return Err("the server closed the connection".into());
            }
            if let Some(status) = complete(&self.answer) {
                return match status {
                    b"200" => Ok(true),
                    b"429" => Ok(false),
                    other => Err(format!("status {}", String::from_utf8_lossy(other)).into()),
                };
            }
        }
    }
}

/// The status of an answer that has arrived whole.
fn complete(answer: &[u8]) -> Option<&[u8]> {
    let text = std::str::from_utf8(answer).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let length: usize = head.split_once("content-length: ")?.1.lines().next()?.parse().ok()?;
    (body.len() >= length).then(|| answer.get(9..12)).flatten()
}
