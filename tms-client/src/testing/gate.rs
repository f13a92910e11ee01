//! [`Gate`]: holds answers back until the test lets them go; and the turns of answers that change their order.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

/// Between two answers that change their order, so that they arrive in it.
const GAP: Duration = Duration::from_millis(20);

/// Holds answers back, see [`Fault::behind`](super::Fault::behind). Clones are the same gate.
#[derive(Debug, Clone)]
pub struct Gate(Arc<Semaphore>);

impl Gate {
    /// A gate that lets nothing through yet.
    pub fn closed() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    /// Lets everything through, now and later.
    pub fn open(&self) {
        self.0.close();
    }

    /// Lets so many answers through, those that came first before the others; the ones that come later count too.
    pub fn let_through(&self, answers: usize) {
        self.0.add_permits(answers);
    }

    pub(super) async fn pass(&self) {
        // An error means that the gate is open.
        if let Ok(permit) = self.0.acquire().await {
            permit.forget();
        }
    }
}

/// Calls that are answered in reverse order once all are in.
#[derive(Debug)]
pub(super) struct Turns(Vec<Semaphore>);

impl Turns {
    pub(super) fn new(calls: usize) -> Arc<Self> {
        Arc::new(Self((0..calls).map(|_| Semaphore::new(0)).collect()))
    }

    pub(super) fn calls(&self) -> usize {
        self.0.len()
    }
}

/// One call's place among [`Turns`]. Dropped when its answer is out, which makes way for the one that came before it.
#[derive(Debug)]
pub(super) struct Turn {
    turns: Arc<Turns>,
    place: usize,
}

impl Turn {
    pub(super) fn new(turns: &Arc<Turns>, place: usize) -> Self {
        Self { turns: Arc::clone(turns), place }
    }

    pub(super) async fn come(&self) {
        if self.place + 1 < self.turns.calls() {
            // Never closed, so this is only the wait.
            let _turn = self.turns.0[self.place].acquire().await;
            tokio::time::sleep(GAP).await;
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(before) = self.place.checked_sub(1) {
            self.turns.0[before].add_permits(1);
        }
    }
}
