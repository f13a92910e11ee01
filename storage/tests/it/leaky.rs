//! The isolation suite catches stores that leak: each wrapper breaks one wall of a backend that has them all.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use storage::lifecycle::Created;
use storage::{
    Aggregation, Applied, Batch, Buckets, Change, Document, DocumentId, Filter, MemoryStore, Namespace, Page,
    Query, Schema, Store, StoreError, conformance,
};
use tenant_core::Context;

/// Which wall is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leak {
    /// None: the wrapper itself must not be what is caught.
    Nowhere,
    /// What is not found here is read elsewhere.
    Read,
    /// Everyone's documents are counted.
    Count,
    /// What is deleted here is deleted everywhere.
    Delete,
    /// All lives of a tenant are one.
    Incarnation,
    /// Staging and production are one.
    Context,
}

struct Leaky {
    inner: MemoryStore,
    leak: Leak,
    /// Every namespace that was installed: a wrapper cannot make one itself.
    seen: Mutex<BTreeSet<Namespace>>,
}

impl Leaky {
    fn seen(&self) -> MutexGuard<'_, BTreeSet<Namespace>> {
        self.seen.lock().expect("nothing panics while it is locked")
    }

    /// The namespace that the call works on in truth.
    fn real(&self, namespace: &Namespace) -> Namespace {
        let same = |other: &&Namespace| match self.leak {
            Leak::Incarnation => other.id() == namespace.id() && other.context() == namespace.context(),
            Leak::Context => {
                other.id() == namespace.id()
                    && other.incarnation() == namespace.incarnation()
                    && other.context() == Context::Staging
            }
            _ => *other == namespace,
        };
        self.seen().iter().find(same).copied().unwrap_or(*namespace)
    }

    fn others(&self, namespace: &Namespace) -> Vec<Namespace> {
        self.seen().iter().filter(|other| *other != namespace).copied().collect()
    }
}

#[async_trait]
impl Store for Leaky {
    fn schema(&self) -> &Schema {
        self.inner.schema()
    }

    async fn install(&self, namespace: &Namespace) -> Result<Created, StoreError> {
        let real = self.real(namespace);
        self.seen().insert(*namespace);
        let mut created = self.inner.install(&real).await?;
        // It hides that it made nothing.
        if real != *namespace {
            created.indices.push(namespace.to_string());
        }
        Ok(created)
    }

    async fn remove(&self, namespace: &Namespace) -> Result<(), StoreError> {
        let real = self.real(namespace);
        self.seen().remove(namespace);
        self.inner.remove(&real).await
    }

    async fn write(&self, namespace: &Namespace, batch: Batch) -> Result<Vec<Applied>, StoreError> {
        let applied = self.inner.write(&self.real(namespace), batch.clone()).await?;
        if self.leak == Leak::Delete {
            let deleted = batch.appended.into_iter().filter(|change| matches!(change, Change::Delete { .. }));
            let deleted = Batch { guarded: Vec::new(), appended: deleted.collect() };
            for other in self.others(namespace) {
                self.inner.write(&other, deleted.clone()).await?;
            }
        }
        Ok(applied)
    }

    async fn get(
        &self,
        namespace: &Namespace,
        kind: &str,
        id: &DocumentId,
    ) -> Result<Option<Document>, StoreError> {
        let mut found = self.inner.get(&self.real(namespace), kind, id).await?;
        if self.leak == Leak::Read {
            for other in self.others(namespace) {
                if found.is_none() {
                    found = self.inner.get(&other, kind, id).await?;
                }
            }
        }
        Ok(found)
    }

    async fn search(&self, namespace: &Namespace, kind: &str, query: &Query) -> Result<Page, StoreError> {
        self.inner.search(&self.real(namespace), kind, query).await
    }

    async fn count(&self, namespace: &Namespace, kind: &str, filter: &Filter) -> Result<u64, StoreError> {
        let mut count = self.inner.count(&self.real(namespace), kind, filter).await?;
        if self.leak == Leak::Count {
            for other in self.others(namespace) {
                count += self.inner.count(&other, kind, filter).await?;
            }
        }
        Ok(count)
    }

    async fn aggregate(
        &self,
        namespace: &Namespace,
        kind: &str,
        filter: &Filter,
        aggregation: &Aggregation,
    ) -> Result<Buckets, StoreError> {
        self.inner.aggregate(&self.real(namespace), kind, filter, aggregation).await
    }

    async fn scan(
        &self,
        namespace: &Namespace,
        kind: &str,
        after: Option<&DocumentId>,
        limit: usize,
    ) -> Result<Vec<Document>, StoreError> {
        self.inner.scan(&self.real(namespace), kind, after, limit).await
    }

    async fn refresh(&self, namespace: &Namespace) -> Result<(), StoreError> {
        self.inner.refresh(&self.real(namespace)).await
    }
}

async fn attacked(leak: Leak, seed: u64) -> Result<(), conformance::Failure> {
    let inner = MemoryStore::new(conformance::schema());
    let store: Arc<dyn Store> = Arc::new(Leaky { inner, leak, seen: Mutex::default() });
    conformance::isolation::attack(&store, seed, 3000).await
}

#[tokio::test]
async fn a_store_that_leaks_nowhere_passes() {
    attacked(Leak::Nowhere, 1).await.expect("the wrapper is no leak by itself");
}

#[tokio::test]
async fn every_leak_is_caught_whatever_the_seed() {
    for leak in [Leak::Read, Leak::Count, Leak::Delete, Leak::Incarnation, Leak::Context] {
        for seed in 0..10 {
            let failure = attacked(leak, seed).await.expect_err(&format!("{leak:?} was not caught"));
            assert!(failure.step.contains(&format!("seed {seed}")), "{failure}");
        }
    }
}
