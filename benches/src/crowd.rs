//! [`Crowd`]: many connections that send single events to many tenants, and how long each request took.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use storage::NamespacedStore;
use tokio::task::JoinSet;

use crate::Result;
use crate::events::{Event, Events, batch};

/// Requests, and the tenants that they are for.
#[derive(Debug)]
pub struct Crowd {
    tenants: Vec<NamespacedStore>,
    /// The tenant of each request.
    requests: Vec<usize>,
    next: AtomicUsize,
    /// The tenants of which a request was answered.
    warm: Vec<AtomicBool>,
    seed: u64,
}

/// Milliseconds that requests took, in order of length.
#[derive(Debug, Default)]
pub struct Latencies {
    /// Of those that came before any of their tenant had been answered.
    pub cold: Vec<f64>,
    /// Of the others.
    pub warm: Vec<f64>,
}

/// Bodies that each connection repeats under new ids: the memory that is measured shall be the store's.
const BODIES: usize = 16;

impl Crowd {
    /// A request for each of these tenants, by position. No seed may come twice for the same tenants: it makes the ids.
    pub fn new(tenants: Vec<NamespacedStore>, requests: Vec<usize>, seed: u64) -> Self {
        let warm = tenants.iter().map(|_| AtomicBool::new(false)).collect();
        Self { tenants, requests, next: AtomicUsize::new(0), warm, seed }
    }

    /// Sends all of it over so many connections: each takes the next request once its last one was answered.
    ///
    /// # Errors
    /// The first one of a request.
    pub async fn send(self: Arc<Self>, connections: u64) -> Result<(Latencies, Duration)> {
        let senders: Vec<_> = (0..connections)
            .map(|connection| {
                let mut events = Events::new(self.seed * connections + connection);
                let bodies = events.take(BODIES);
                Arc::clone(&self).connection(events, bodies)
            })
            .collect();
        let began = Instant::now();
        let mut senders: JoinSet<Result<Latencies>> = senders.into_iter().collect();
        let mut all = Latencies::default();
        while let Some(done) = senders.join_next().await {
            let Latencies { cold, warm } = done??;
            all.cold.extend(cold);
            all.warm.extend(warm);
        }
        let elapsed = began.elapsed();
        all.cold.sort_by(f64::total_cmp);
        all.warm.sort_by(f64::total_cmp);
        Ok((all, elapsed))
    }

    async fn connection(self: Arc<Self>, mut events: Events, bodies: Vec<Event>) -> Result<Latencies> {
        let mut latencies = Latencies::default();
        for (_, body) in bodies.iter().cycle() {
            let Some(tenant) = self.requests.get(self.next.fetch_add(1, Ordering::Relaxed)) else { break };
            let was_warm = self.warm[*tenant].load(Ordering::Relaxed);
            let batch = batch(vec![(events.id(), body.clone())]);
            let began = Instant::now();
            self.tenants[*tenant].write(batch).await?;
            let took = began.elapsed().as_secs_f64() * 1e3;
            self.warm[*tenant].store(true, Ordering::Relaxed);
            if was_warm { &mut latencies.warm } else { &mut latencies.cold }.push(took);
        }
        Ok(latencies)
    }
}

/// The least figure that so many of a hundred do not exceed.
///
/// # Errors
/// If there is none.
pub fn percentile(sorted: &[f64], percent: usize) -> Result<f64> {
    let rank = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(rank).copied().ok_or_else(|| "no request to take a percentile of".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_figures() {
        let figures: Vec<f64> = (1..=200).map(f64::from).collect();
        let at = |percent| percentile(&figures, percent).expect("there are figures").to_bits();
        assert_eq!((at(50), at(99), at(100)), (100f64.to_bits(), 198f64.to_bits(), 200f64.to_bits()));
        assert!(percentile(&[], 50).is_err());
    }
}
