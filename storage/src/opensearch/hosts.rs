//! [`Hosts`]: the nodes of a cluster, and one request to any of them.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use opensearch::http::transport::Transport;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use crate::error::{StoreError, StoreErrorKind};
use crate::opensearch::config::OpenSearchConfig;
use crate::opensearch::failure::{RETRY_AFTER, unexpected, unreachable};
use crate::opensearch::health::{EngineStatus, Health, Outcome, root};
use crate::opensearch::request::{Failed, Request};
use crate::opensearch::transport::{Body, Failure, compressed, send_once, transport};

/// How often a request is sent, if those before surely did nothing.
const ATTEMPTS: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// A node that could not be reached is not asked for so long, unless no other can be.
const LEFT_OUT: Duration = Duration::from_secs(3);
/// What is smaller is sent as it is.
const WORTH_COMPRESSING: usize = 1 << 10;

/// The nodes.
#[derive(Debug)]
pub(super) struct Hosts {
    hosts: Vec<Host>,
    next: AtomicUsize,
    start: Instant,
    timeout: Duration,
    compress: bool,
    health: Health,
}

#[derive(Debug)]
struct Host {
    transport: Transport,
    /// In milliseconds since the start; 0 if its last answer came.
    left_out_until: AtomicU64,
    /// How many more requests it may have at once.
    free: Semaphore,
}

impl Hosts {
    /// # Errors
    /// `Invalid` for a URL, a certificate or a key that is none.
    pub(super) fn new(config: &OpenSearchConfig) -> Result<Self, StoreError> {
        if config.hosts.is_empty() {
            return Err(StoreError::invalid("no node of the engine is named"));
        }
        let hosts = config.hosts.iter().map(|url| {
            let transport = transport(url, config)?;
            let free = Semaphore::new(config.max_connections.get().min(Semaphore::MAX_PERMITS));
            Ok(Host { transport, left_out_until: AtomicU64::new(0), free })
        });
        let hosts = hosts.collect::<Result<_, StoreError>>()?;
        Ok(Self {
            hosts,
            next: AtomicUsize::new(0),
            start: Instant::now(),
            timeout: config.timeout,
            compress: config.compress,
            health: Health::default(),
        })
    }

    /// The answer to a request, read as JSON.
    pub(super) async fn ask<T: DeserializeOwned>(&self, request: Request) -> Result<T, StoreError> {
        let body = self.send(&request).await?;
        serde_json::from_slice(&body).map_err(unexpected)
    }

    /// The body of the answer to a request. It is sent again while that is safe: where it surely did nothing, and, if it
    /// only reads, after any failure; but not to a node that took all the time, if there is no other one.
    pub(super) async fn send(&self, request: &Request) -> Result<Bytes, Failed> {
        let body = self.body(request).await;
        let mut attempt = 1;
        loop {
            let host = self.host();
            let failed = match self.send_once(host, request, &body).await {
                Ok(answer) => {
                    host.left_out_until.store(0, Ordering::Relaxed);
                    self.health.answered();
                    return Ok(answer);
                }
                Err(failed) => failed,
            };
            let (again, at_least) = match &failed {
                Failure::Crowded => (false, Duration::ZERO),
                Failure::Refused(refused) => {
                    let may = refused.is_busy() || (request.is_read && refused.status >= 502);
                    (may, refused.retry_after.unwrap_or_default())
                }
                Failure::Transport { error, is_connect, is_timeout } => {
                    host.left_out_until.store(self.left_out_from_now(), Ordering::Relaxed);
                    let others = self.hosts.iter().any(|host| self.is_in(host));
                    if !others {
                        self.health.failed(root(error));
                    }
                    // One that took all the time is not asked again.
                    (*is_connect || (request.is_read && (others || !is_timeout)), Duration::ZERO)
                }
            };
            if !again || attempt == ATTEMPTS || at_least > Duration::from_secs(5) {
                return Err(self.give_up(failed));
            }
            // Full jitter: those who failed together do not come back together.
            let pause = FIRST_PAUSE * 2u32.pow(attempt - 1);
            sleep(pause.mul_f64(fastrand::f64()).max(at_least)).await;
            attempt += 1;
        }
    }

    fn give_up(&self, failed: Failure) -> Failed {
        match failed {
            Failure::Refused(refused) => {
                match Outcome::of(&refused) {
                    Outcome::Refused => self.health.answered(),
                    _ => {
                        let told = format!("the engine answered {} {}", refused.status, refused.cause.name);
                        self.health.failed(told);
                    }
                }
                Failed::Refused(refused)
            }
            Failure::Transport { error, .. } => {
                self.health.failed(root(&error));
                Failed::Other(unreachable(error))
            }
            Failure::Crowded => {
                let kind = StoreErrorKind::Unavailable { retry_after: RETRY_AFTER };
                Failed::Other(StoreError::new(kind, "too many requests to the engine are under way"))
            }
        }
    }

    /// How it has answered lately.
    pub(super) fn status(&self) -> EngineStatus {
        self.health.status()
    }

    /// What is sent of a request's body.
    async fn body(&self, request: &Request) -> Body {
        let answer_compressed = self.compress;
        let plain = |bytes| Body { bytes, is_compressed: false, answer_compressed };
        match request.body.clone() {
            Some(bytes) if self.compress && bytes.len() > WORTH_COMPRESSING => {
                // It takes a while: not in the thread that others wait for.
                let compressed = tokio::task::spawn_blocking({
                    let bytes = bytes.clone();
                    move || compressed(&bytes)
                });
                match compressed.await {
                    Ok(Ok(compressed)) => {
                        Body { bytes: Some(compressed), is_compressed: true, answer_compressed }
                    }
                    _ => plain(Some(bytes)),
                }
            }
            bytes => plain(bytes),
        }
    }

    /// One attempt, which is counted.
    async fn send_once(&self, host: &Host, request: &Request, body: &Body) -> Result<Bytes, Failure> {
        let Ok(Ok(_turn)) = timeout(self.timeout, host.free.acquire()).await else {
            self.health.count(Outcome::Busy, self.timeout);
            return Err(Failure::Crowded);
        };
        let began = Instant::now();
        let sent = send_once(&host.transport, request, body).await;
        let outcome = match &sent {
            Ok(_) => Outcome::Answered,
            Err(Failure::Refused(refused)) => Outcome::of(refused),
            Err(_) => Outcome::Unreachable,
        };
        self.health.count(outcome, began.elapsed());
        sent
    }

    /// The next node that is not left out; if all are, the next one.
    fn host(&self) -> &Host {
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        let in_turn = |offset: usize| &self.hosts[(first + offset) % self.hosts.len()];
        (0..self.hosts.len()).map(in_turn).find(|host| self.admits(host)).unwrap_or(in_turn(0))
    }

    /// Whether a node is to be asked. One that was left out long enough is asked by one request, before which it is left out
    /// once more: if it still takes all the time, it takes nobody else's.
    fn admits(&self, host: &Host) -> bool {
        match host.left_out_until.load(Ordering::Relaxed) {
            0 => true,
            until if until > self.now() => false,
            until => host
                .left_out_until
                .compare_exchange(until, self.left_out_from_now(), Ordering::Relaxed, Ordering::Relaxed)
                .is_ok(),
        }
    }

    fn left_out_from_now(&self) -> u64 {
        self.now() + u64::try_from(LEFT_OUT.as_millis()).unwrap_or(0)
    }

    fn is_in(&self, host: &Host) -> bool {
        host.left_out_until.load(Ordering::Relaxed) <= self.now()
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::num::NonZeroUsize;
    use std::sync::{Arc, Mutex};

    use flate2::read::GzDecoder;
    use serde_json::Value;

    use super::*;

    /// A node that answers everything with `{}` after a moment, and knows what it was sent.
    #[derive(Default)]
    struct Node {
        sent: Mutex<Vec<(String, Vec<u8>)>>,
        at_once: AtomicUsize,
        most: AtomicUsize,
    }

    impl Node {
        fn start() -> (Arc<Self>, OpenSearchConfig) {
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            let config =
                OpenSearchConfig::new([format!("http://{}", listener.local_addr().expect("an address"))]);
            let node = Arc::<Self>::default();
            let accepting = Arc::clone(&node);
            std::thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    let node = Arc::clone(&accepting);
                    std::thread::spawn(move || node.serve(stream));
                }
            });
            (node, config)
        }

        fn serve(&self, mut stream: TcpStream) {
            let (mut read, mut buffer) = (Vec::new(), [0; 4096]);
            while let Ok(length @ 1..) = stream.read(&mut buffer) {
                read.extend_from_slice(&buffer[..length]);
                let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
                let head = String::from_utf8_lossy(&read[..end]).to_ascii_lowercase();
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                let whole = end + 4 + length.map_or(0, |length| length.parse().expect("a number"));
                if read.len() < whole {
                    continue;
                }
                self.most.fetch_max(self.at_once.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(30));
                self.at_once.fetch_sub(1, Ordering::SeqCst);
                self.sent.lock().expect("no panic").push((head, read[end + 4..whole].to_vec()));
                read.drain(..whole);
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").expect("sent");
            }
        }

        /// The body, whether it is compressed, and whether the answer might have been.
        fn last(&self) -> ([bool; 2], Vec<u8>) {
            let (head, body) = self.sent.lock().expect("no panic").pop().expect("a request");
            ([head.contains("content-encoding: gzip"), !head.contains("accept-encoding: identity")], body)
        }
    }

    fn request(length: usize) -> Request {
        Request::read("x".to_owned(), &Value::String("a".repeat(length)))
    }

    #[tokio::test]
    async fn what_is_large_is_compressed_if_that_is_asked_for() {
        let (node, mut config) = Node::start();
        Hosts::new(&config).expect("hosts").send(&request(5000)).await.expect("an answer");
        assert_eq!((node.last().0, node.sent.lock().expect("no panic").len()), ([false, false], 0));
        config.compress = true;
        let hosts = Hosts::new(&config).expect("hosts");
        hosts.send(&request(100)).await.expect("an answer");
        assert_eq!(node.last().0, [false, true]);
        hosts.send(&request(5000)).await.expect("an answer");
        let (both, body) = node.last();
        assert!(both == [true, true] && body.len() < 500);
        let mut read = String::new();
        GzDecoder::new(body.as_slice()).read_to_string(&mut read).expect("gzip");
        assert_eq!(read, Value::String("a".repeat(5000)).to_string());
    }

    #[tokio::test]
    async fn no_more_requests_are_under_way_than_may_be() {
        let (node, mut config) = Node::start();
        config.max_connections = NonZeroUsize::new(3).expect("not zero");
        let hosts = Arc::new(Hosts::new(&config).expect("hosts"));
        let sent = (0..12).map(|_| {
            let hosts = Arc::clone(&hosts);
            tokio::spawn(async move { hosts.send(&request(10)).await.is_ok() })
        });
        for sent in sent.collect::<Vec<_>>() {
            assert!(sent.await.expect("no panic"));
        }
        assert_eq!(node.most.load(Ordering::SeqCst), 3);
        assert!(hosts.status().is_reachable());
    }

    #[tokio::test]
    async fn a_node_that_was_left_out_is_asked_by_one_request_at_first() {
        let (_node, mut config) = Node::start();
        let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
        config.hosts.push(format!("http://{}", silent.local_addr().expect("an address")));
        config.timeout = Duration::from_millis(300);
        let asked = Arc::new(AtomicUsize::new(0));
        let counting = Arc::clone(&asked);
        std::thread::spawn(move || {
            let mut held = Vec::new();
            for stream in silent.incoming() {
                held.push(stream);
                counting.fetch_add(1, Ordering::SeqCst);
            }
        });
        let hosts = Arc::new(Hosts::new(&config).expect("hosts"));
        // It was left out, and that is over.
        hosts.hosts[1].left_out_until.store(1, Ordering::Relaxed);
        while hosts.now() < 1 {
            sleep(Duration::from_millis(1)).await;
        }
        let sent = (0..12).map(|_| {
            let hosts = Arc::clone(&hosts);
            tokio::spawn(async move { hosts.send(&request(10)).await.is_ok() })
        });
        for sent in sent.collect::<Vec<_>>() {
            assert!(sent.await.expect("no panic"), "the other node answers");
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }
}
