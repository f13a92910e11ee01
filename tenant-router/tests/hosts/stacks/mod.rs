//! The stacks: each serves the same handler behind the same layer, in its own way.

#[cfg(feature = "axum")]
pub(crate) mod axum;
pub(crate) mod hyper;
pub(crate) mod tonic;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task::JoinSet;

use crate::watch::Watch;

/// A server on a port of its own, stopped when dropped.
pub(crate) struct Running {
    pub(crate) addr: SocketAddr,
    /// How often the handler ran.
    pub(crate) handled: Counter,
    pub(crate) watch: Watch,
    pub(crate) _tasks: JoinSet<()>,
}

/// Counts the runs of a handler.
#[derive(Clone, Default)]
pub(crate) struct Counter(Arc<AtomicUsize>);

impl Counter {
    pub(crate) fn count(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}
