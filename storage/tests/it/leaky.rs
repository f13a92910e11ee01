//! The isolation suite catches stores that leak: each wrapper breaks one wall of a backend that has them all.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use storage::lifecycle::Created;
use storage::{
    Aggregation, Applied, Batch, Buckets, Change, Document, DocumentId, Filter, Guard, MemoryStore,
    Namespace, Page, Query, Schema, Store, StoreError, StoreErrorKind, conformance,
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
    /// A page that is not full is filled with the documents of others.
    Search,
    /// The total of a page is everyone's.
    Total,
    /// A scan that found little goes on elsewhere.
    Scan,
    /// What others have is counted by value and by time too.
    Aggregate,
    /// What is written here is written everywhere.
    Write,
    /// What is deleted here is deleted everywhere.
    Delete,
    /// A guard looks at everyone's documents.
    Guard,
    /// An install of one life empties another.
    Install,
    /// A removal takes another life of the tenant with it.
    Remove,
    /// A removal takes the tenant's other context with it.
    RemoveContext,
    /// A refresh says that what is not installed is.
    Refresh,
    /// All lives of a tenant are one.
    Incarnation,
    /// Staging and production are one.
    Context,
    /// A tenant whose id begins with another's is that one.
    Name,
}

const LEAKS: [Leak; 16] = [
    Leak::Read,
    Leak::Count,
    Leak::Search,
    Leak::Total,
    Leak::Scan,
    Leak::Aggregate,
    Leak::Write,
    Leak::Delete,
    Leak::Guard,
    Leak::Install,
    Leak::Remove,
    Leak::RemoveContext,
    Leak::Refresh,
    Leak::Incarnation,
    Leak::Context,
    Leak::Name,
];

struct Leaky {
    inner: MemoryStore,
    leak: Leak,
    /// Every namespace that is installed: a wrapper cannot make one itself.
    seen: Mutex<BTreeSet<Namespace>>,
}

impl Leaky {
    fn seen(&self) -> MutexGuard<'_, BTreeSet<Namespace>> {
        self.seen.lock().expect("nothing panics while it is locked")
    }

    /// The namespace that the call works on in truth.
    fn real(&self, namespace: &Namespace) -> Namespace {
        let same_id = |other: &Namespace| other.id() == namespace.id();
        let same_life = |other: &Namespace| other.incarnation() == namespace.incarnation();
        let same_context = |other: &Namespace| other.context() == namespace.context();
        let same = |other: &&Namespace| match self.leak {
            Leak::Incarnation => same_id(other) && same_context(other),
            Leak::Context => same_id(other) && same_life(other) && other.context() == Context::Staging,
            Leak::Name => namespace.id().as_str().starts_with(other.id().as_str()) && same_context(other),
            _ => *other == namespace,
        };
        self.seen().iter().find(same).copied().unwrap_or(*namespace)
    }

    /// The others, if they are to be heard of.
    fn others(&self, leak: Leak, namespace: &Namespace) -> Vec<Namespace> {
        if self.leak != leak {
            return Vec::new();
        }
        self.seen().iter().filter(|other| *other != namespace).copied().collect()
    }

    /// Another life of the tenant, or its other context, if what is done here is done to it too.
    fn relative(&self, namespace: &Namespace) -> Option<Namespace> {
        let related = |other: &&Namespace| match self.leak {
            Leak::Install | Leak::Remove => {
                other.id() == namespace.id() && other.incarnation() != namespace.incarnation()
            }
            Leak::RemoveContext => {
                other.incarnation() == namespace.incarnation() && other.context() != namespace.context()
            }
            _ => false,
        };
        self.seen().iter().find(related).copied()
    }

    /// What a batch does to others.
    fn spilled(&self, batch: &Batch) -> Batch {
        let changes = batch.guarded.iter().map(|(change, _)| change).chain(&batch.appended);
        let spilled = changes.filter(|change| match self.leak {
            Leak::Write => matches!(change, Change::Put { .. }),
            _ => matches!(change, Change::Delete { .. }),
        });
        Batch { guarded: Vec::new(), appended: spilled.cloned().collect() }
    }

    /// Whether a document that must be absent is found elsewhere.
    async fn found_elsewhere(&self, namespace: &Namespace, batch: &Batch) -> Result<bool, StoreError> {
        for other in self.others(Leak::Guard, namespace) {
            for (change, guard) in &batch.guarded {
                let found = self.inner.get(&other, change.kind(), change.id()).await?;
                if *guard == Guard::Absent && found.is_some() {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}

#[async_trait]
impl Store for Leaky {
    fn schema(&self) -> &Schema {
        self.inner.schema()
    }

    async fn install(&self, namespace: &Namespace) -> Result<Created, StoreError> {
        let real = self.real(namespace);
        let mut created = self.inner.install(&real).await?;
        // It hides that it made nothing.
        if self.seen().insert(*namespace) && real != *namespace {
            created.indices.push(namespace.to_string());
        }
        if let (Leak::Install, Some(other)) = (self.leak, self.relative(namespace)) {
            self.inner.remove(&other).await?;
            self.inner.install(&other).await?;
        }
        Ok(created)
    }

    async fn upgrade(&self, namespace: &Namespace) -> Result<bool, StoreError> {
        self.inner.upgrade(&self.real(namespace)).await
    }

    async fn remove(&self, namespace: &Namespace) -> Result<(), StoreError> {
        let real = self.real(namespace);
        self.seen().remove(namespace);
        if let (Leak::Remove | Leak::RemoveContext, Some(other)) = (self.leak, self.relative(namespace)) {
            self.inner.remove(&other).await?;
        }
        self.inner.remove(&real).await
    }

    async fn write(&self, namespace: &Namespace, batch: Batch) -> Result<Vec<Applied>, StoreError> {
        if self.found_elsewhere(namespace, &batch).await? {
            return Err(StoreError::new(StoreErrorKind::Conflict { item: 0 }, "someone has it"));
        }
        let applied = self.inner.write(&self.real(namespace), batch.clone()).await?;
        if matches!(self.leak, Leak::Write | Leak::Delete) {
            for other in self.others(self.leak, namespace) {
                self.inner.write(&other, self.spilled(&batch)).await?;
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
        for other in self.others(Leak::Read, namespace) {
            if found.is_none() {
                found = self.inner.get(&other, kind, id).await?;
            }
        }
        Ok(found)
    }

    async fn search(&self, namespace: &Namespace, kind: &str, query: &Query) -> Result<Page, StoreError> {
        let mut page = self.inner.search(&self.real(namespace), kind, query).await?;
        for other in self.others(Leak::Search, namespace) {
            let more = self.inner.search(&other, kind, query).await?.documents;
            let room = query.limit - page.documents.len();
            page.documents.extend(more.into_iter().take(room));
        }
        for other in self.others(Leak::Total, namespace) {
            page.total += self.inner.search(&other, kind, query).await?.total;
        }
        Ok(page)
    }

    async fn count(&self, namespace: &Namespace, kind: &str, filter: &Filter) -> Result<u64, StoreError> {
        let mut count = self.inner.count(&self.real(namespace), kind, filter).await?;
        for other in self.others(Leak::Count, namespace) {
            count += self.inner.count(&other, kind, filter).await?;
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
        let mut buckets = self.inner.aggregate(&self.real(namespace), kind, filter, aggregation).await?;
        for other in self.others(Leak::Aggregate, namespace) {
            let more = self.inner.aggregate(&other, kind, filter, aggregation).await?;
            match (&mut buckets, more) {
                (Buckets::Terms { values, .. }, Buckets::Terms { values: more, .. }) => values.extend(more),
                (Buckets::Histogram(buckets), Buckets::Histogram(more)) => buckets.extend(more),
                _ => {}
            }
        }
        Ok(buckets)
    }

    async fn scan(
        &self,
        namespace: &Namespace,
        kind: &str,
        after: Option<&DocumentId>,
        limit: usize,
    ) -> Result<Vec<Document>, StoreError> {
        let mut documents = self.inner.scan(&self.real(namespace), kind, after, limit).await?;
        for other in self.others(Leak::Scan, namespace) {
            let after = documents.last().map(|document| document.id.clone()).or(after.cloned());
            let room = limit - documents.len();
            documents.extend(self.inner.scan(&other, kind, after.as_ref(), room).await?);
        }
        Ok(documents)
    }

    async fn refresh(&self, namespace: &Namespace) -> Result<(), StoreError> {
        match self.leak {
            Leak::Refresh => Ok(()),
            _ => self.inner.refresh(&self.real(namespace)).await,
        }
    }
}

async fn attacked(leak: Leak, seed: u64) -> Result<(), conformance::Failure> {
    let inner = MemoryStore::new(conformance::schema());
    let store: Arc<dyn Store> = Arc::new(Leaky { inner, leak, seen: Mutex::default() });
    conformance::isolation::attack(&store, seed, 3000).await
}

#[tokio::test]
async fn a_store_that_leaks_nowhere_passes() {
    for seed in 0..3 {
        attacked(Leak::Nowhere, seed).await.expect("the wrapper is no leak by itself");
    }
}

#[tokio::test]
async fn every_leak_is_caught_whatever_the_seed() {
    for leak in LEAKS {
        for seed in 0..10 {
            let failure = attacked(leak, seed).await.expect_err(&format!("{leak:?} was not caught"));
            assert!(failure.step.contains(&format!("seed {seed}")), "{failure}");
        }
    }
}
