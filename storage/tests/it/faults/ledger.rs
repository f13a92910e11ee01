//! What was written through faults, and what has to be there afterwards.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use storage::{Batch, NamespacedStore, Store, StoreError, StoreErrorKind};
use tenant_core::{ActiveTenant, Context};

use crate::support::{body, id, install};

/// One who writes events to a tenant, and keeps account of the answers.
pub(super) struct Ledger {
    tenant: ActiveTenant,
    /// The bytes of an event.
    size: usize,
    begun: usize,
    acknowledged: BTreeSet<String>,
    /// Refused in a way that says that nothing was written.
    refused: BTreeSet<String>,
}

impl Ledger {
    pub(super) fn new(tenant: ActiveTenant, size: usize) -> Self {
        Self { tenant, size, begun: 0, acknowledged: BTreeSet::new(), refused: BTreeSet::new() }
    }

    pub(super) fn data(&self, store: &Arc<dyn Store>) -> NamespacedStore {
        NamespacedStore::new(Arc::clone(store), &self.tenant, Context::Production)
    }

    pub(super) async fn install(&self, store: &Arc<dyn Store>) {
        install(store, &self.tenant).await;
    }

    /// How often a write was refused for want of room.
    pub(super) fn refusals(&self) -> usize {
        self.refused.len()
    }

    /// Writes the next event.
    pub(super) async fn write(&mut self, store: &Arc<dyn Store>) -> Result<(), StoreError> {
        self.begun += 1;
        let key = format!("e{:06}", self.begun);
        let mut batch = Batch::default();
        batch.create(
            "event",
            id(&key),
            body(json!({"time": "2026-01-01T00:00:00Z", "fill": "x".repeat(self.size)})),
        );
        match self.data(store).write(batch).await {
            Ok(_) => {
                self.acknowledged.insert(key);
                Ok(())
            }
            Err(error) => {
                if error.kind() == StoreErrorKind::Full {
                    self.refused.insert(key);
                }
                Err(error)
            }
        }
    }

    /// Writes the next event, and waits where the store says that it has to.
    pub(super) async fn write_when_there_is_room(&mut self, store: &Arc<dyn Store>) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while let Err(error) = self.write(store).await {
            assert!(error.is_retryable() && Instant::now() < deadline, "there is room: {error}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Holds what is there against the answers.
    pub(super) async fn check(&self, store: &Arc<dyn Store>) {
        let tenant = self.tenant.id();
        let documents = self.data(store).scan("event", None, usize::MAX).await;
        let documents = documents.unwrap_or_else(|error| panic!("{tenant} is read: {error}"));
        let found: BTreeSet<String> =
            documents.iter().map(|document| document.id.as_str().to_owned()).collect();
        let lost: Vec<_> = self.acknowledged.difference(&found).collect();
        assert!(lost.is_empty(), "{tenant}: acknowledged and lost: {lost:?}");
        let crept_in: Vec<_> = self.refused.intersection(&found).collect();
        assert!(crept_in.is_empty(), "{tenant}: refused and there: {crept_in:?}");
    }
}
