//! A steady stream of requests, each of which is sent when it is its time, however long the others take.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep_until;

use crate::site::Connection;

/// Connections to each process that are open from the start: no request waits for one.
const CONNECTIONS: usize = 400;

/// A request that was answered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// Which process was asked.
    pub(crate) process: usize,
    pub(crate) sent: Instant,
    pub(crate) took: Duration,
    pub(crate) status: u16,
}

/// Requests to every process, under every host in turn.
pub(crate) struct Load {
    is_over: Arc<AtomicBool>,
    sending: JoinHandle<Vec<Sample>>,
}

impl Load {
    /// Sends so many requests a second to each process, until [`Load::end`].
    pub(crate) async fn begin(addrs: &[SocketAddr], hosts: &[String], per_second: u32) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let mut pools = Vec::new();
        for addr in addrs {
            pools.push(Arc::new(Pool::open(*addr).await));
        }
        let interval = Duration::from_secs(1) / per_second / u32::try_from(addrs.len()).expect("few");
        let sending = send(pools, hosts.to_vec(), interval, Arc::clone(&is_over));
        Self { is_over, sending: tokio::spawn(sending) }
    }

    /// All answers, once the last one is there.
    pub(crate) async fn end(self) -> Vec<Sample> {
        self.is_over.store(true, Ordering::Relaxed);
        self.sending.await.expect("every request is answered")
    }
}

async fn send(
    pools: Vec<Arc<Pool>>,
    hosts: Vec<String>,
    interval: Duration,
    is_over: Arc<AtomicBool>,
) -> Vec<Sample> {
    let (mut requests, mut samples) = (JoinSet::new(), Vec::new());
    let mut due = Instant::now();
    for number in 0.. {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        sleep_until(due.into()).await;
        due += interval;
        // Each host at each process before the next host.
        let process = number % pools.len();
        let host = hosts[number / pools.len() % hosts.len()].clone();
        let (pool, sent) = (Arc::clone(&pools[process]), Instant::now());
        requests.spawn(async move {
            let status = pool.status(&host).await;
            Sample { process, sent, took: sent.elapsed(), status }
        });
        while let Some(sample) = requests.try_join_next() {
            samples.push(sample.expect("an answer"));
        }
    }
    samples.extend(requests.join_all().await);
    samples
}

/// Connections to a process; one more wherever all are waiting for an answer.
struct Pool {
    addr: SocketAddr,
    /// The next one is that which was not used for longest: none is idle for so long that it is closed.
    idle: Mutex<VecDeque<Connection>>,
}

impl Pool {
    async fn open(addr: SocketAddr) -> Self {
        let mut idle = VecDeque::new();
        for _ in 0..CONNECTIONS {
            idle.push_back(Connection::open(addr).await);
        }
        Self { addr, idle: Mutex::new(idle) }
    }

    async fn status(&self, host: &str) -> u16 {
        let idle = self.idle.lock().expect("no panic").pop_front();
        let mut connection = match idle {
            Some(connection) => connection,
            None => Connection::open(self.addr).await,
        };
        let status = connection.status(host).await;
        self.idle.lock().expect("no panic").push_back(connection);
        status
    }
}

/// The 95th percentile of how long those took that were sent in a time.
pub(crate) fn p95<'a>(samples: impl IntoIterator<Item = &'a Sample>, from: Instant, to: Instant) -> Duration {
    let within = samples.into_iter().filter(|sample| (from..to).contains(&sample.sent));
    let mut took: Vec<Duration> = within.map(|sample| sample.took).collect();
    took.sort_unstable();
    assert!(took.len() > 100, "{} requests are too few", took.len());
    took[took.len() * 95 / 100]
}
