//! Work that several threads share.

use std::panic::resume_unwind;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use crate::Result;

/// Runs `work` for each share on a thread of its own. How long it took from the moment all threads were there.
///
/// # Errors
/// One of a thread.
///
/// # Panics
/// If a thread does.
pub fn all_at_once<T: Send>(shares: Vec<T>, work: impl Fn(T) -> Result<()> + Sync) -> Result<Duration> {
    let start = Barrier::new(shares.len() + 1);
    thread::scope(|scope| {
        let threads: Vec<_> = shares
            .into_iter()
            .map(|share| {
                let (start, work) = (&start, &work);
                scope.spawn(move || {
                    start.wait();
                    work(share)
                })
            })
            .collect();
        start.wait();
        let began = Instant::now();
        for thread in threads {
            thread.join().unwrap_or_else(|panic| resume_unwind(panic))?;
        }
        Ok(began.elapsed())
    })
}

/// Things a second.
#[expect(clippy::cast_precision_loss, reason = "nobody counts to 2^53 here")]
pub fn rate(things: usize, elapsed: Duration) -> f64 {
    things as f64 / elapsed.as_secs_f64()
}
