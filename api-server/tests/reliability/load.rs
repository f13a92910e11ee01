//! A steady stream of requests, each of which is sent when it is its time, however long the last one took.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::sleep_until;

use crate::site::Connection;

const CONNECTIONS: usize = 8;

/// A request that was answered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) sent: Instant,
    /// From when it was due.
    pub(crate) took: Duration,
    pub(crate) status: u16,
}

/// Requests to every process in turn, under every host in turn.
pub(crate) struct Load {
    is_over: Arc<AtomicBool>,
    connections: JoinSet<Vec<Sample>>,
}

impl Load {
    /// Sends so many requests a second, until [`Load::end`].
    pub(crate) async fn begin(addrs: &[SocketAddr], hosts: &[String], per_second: u32) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let mut connections = JoinSet::new();
        let interval = Duration::from_secs(1) * u32::try_from(CONNECTIONS).expect("small") / per_second;
        for number in 0..CONNECTIONS {
            let mut connection = Connection::open(addrs[number % addrs.len()]).await;
            let (hosts, is_over) = (hosts.to_vec(), Arc::clone(&is_over));
            connections.spawn(async move {
                let mut samples = Vec::new();
                let mut due = Instant::now() + interval * u32::try_from(number).expect("small") / 8;
                for host in hosts.iter().cycle().skip(number * 7) {
                    if is_over.load(Ordering::Relaxed) {
                        break;
                    }
                    sleep_until(due.into()).await;
                    let status = connection.status(host).await;
                    samples.push(Sample { sent: due, took: due.elapsed(), status });
                    due += interval;
                }
                samples
            });
        }
        Self { is_over, connections }
    }

    pub(crate) async fn end(self) -> Vec<Sample> {
        self.is_over.store(true, Ordering::Relaxed);
        self.connections.join_all().await.into_iter().flatten().collect()
    }
}

/// The 95th percentile of how long those took that were sent in a time.
pub(crate) fn p95(samples: &[Sample], from: Instant, to: Instant) -> Duration {
    let within = samples.iter().filter(|sample| (from..to).contains(&sample.sent));
    let mut took: Vec<Duration> = within.map(|sample| sample.took).collect();
    took.sort_unstable();
    assert!(took.len() > 100, "{} requests are too few", took.len());
    took[took.len() * 95 / 100]
}
