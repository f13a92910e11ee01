//! The other suites catch what they are for: wrappers that keep namespaces apart and break another promise.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use storage::lifecycle::Created;
use storage::{
    Aggregation, Applied, Batch, Buckets, Document, DocumentId, Filter, Guard, MAX_WINDOW, MemoryStore,
    Namespace, Page, Query, Schema, Store, StoreError, StoreErrorKind, conformance,
};

/// Which promise is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Broken {
    /// None: the wrapper itself must not be what is caught.
    Nothing,
    /// A guard is looked at before the write, not with it.
    CompareThenSet,
    /// A removal only hides the data until the next install.
    RemovalHides,
    /// An install empties what exists.
    InstallEmpties,
    /// Every write says that the document was new.
    NeverExisted,
    /// Ties are not sorted by id.
    TiesBackwards,
    /// The total is that of the page.
    TotalOfThePage,
    /// How far to count is not heard.
    CountsAll,
    /// A scan ends where a search would.
    ScanOfAWindow,
    /// Days are those of UTC.
    DaysOfUtc,
    /// What has no time is counted at the beginning of 1970.
    AbsentIsZero,
}

const BROKEN: [Broken; 10] = [
    Broken::CompareThenSet,
    Broken::RemovalHides,
    Broken::InstallEmpties,
    Broken::NeverExisted,
    Broken::TiesBackwards,
    Broken::TotalOfThePage,
    Broken::CountsAll,
    Broken::ScanOfAWindow,
    Broken::DaysOfUtc,
    Broken::AbsentIsZero,
];

struct Wrapper {
    inner: MemoryStore,
    broken: Broken,
    hidden: Mutex<BTreeSet<Namespace>>,
}

impl Wrapper {
    fn hidden(&self) -> MutexGuard<'_, BTreeSet<Namespace>> {
        self.hidden.lock().expect("nothing panics while it is locked")
    }

    fn must_be_visible(&self, namespace: &Namespace) -> Result<(), StoreError> {
        if self.hidden().contains(namespace) {
            return Err(StoreError::new(StoreErrorKind::NotInstalled, "hidden"));
        }
        Ok(())
    }

    async fn compare_then_set(
        &self,
        namespace: &Namespace,
        mut batch: Batch,
    ) -> Result<Vec<Applied>, StoreError> {
        for (item, (change, guard)) in batch.guarded.iter().enumerate() {
            let found = self.inner.get(namespace, change.kind(), change.id()).await?;
            let holds = match guard {
                Guard::Absent => found.is_none(),
                Guard::Unchanged(read) => found.is_some_and(|found| found.version == *read),
            };
            if !holds {
                return Err(StoreError::new(StoreErrorKind::Conflict { item }, "changed"));
            }
        }
        // Here the others come in between.
        tokio::task::yield_now().await;
        let guarded = std::mem::take(&mut batch.guarded).into_iter().map(|(change, _)| change);
        batch.appended = guarded.chain(batch.appended).collect();
        self.inner.write(namespace, batch).await
    }
}

#[async_trait]
impl Store for Wrapper {
    fn schema(&self) -> &Schema {
        self.inner.schema()
    }

    async fn install(&self, namespace: &Namespace) -> Result<Created, StoreError> {
        if self.broken == Broken::InstallEmpties {
            self.inner.remove(namespace).await?;
        }
        let mut created = self.inner.install(namespace).await?;
        if self.hidden().remove(namespace) {
            created.indices.push(namespace.to_string());
        }
        Ok(created)
    }

    async fn upgrade(&self, namespace: &Namespace) -> Result<bool, StoreError> {
        self.inner.upgrade(namespace).await
    }

    async fn remove(&self, namespace: &Namespace) -> Result<(), StoreError> {
        if self.broken == Broken::RemovalHides && self.inner.refresh(namespace).await.is_ok() {
            self.hidden().insert(*namespace);
            return Ok(());
        }
        self.inner.remove(namespace).await
    }

    async fn write(&self, namespace: &Namespace, batch: Batch) -> Result<Vec<Applied>, StoreError> {
        self.must_be_visible(namespace)?;
        let mut applied = match self.broken {
            Broken::CompareThenSet if batch.guarded.len() == 1 => {
                self.compare_then_set(namespace, batch).await?
            }
            _ => self.inner.write(namespace, batch).await?,
        };
        if self.broken == Broken::NeverExisted {
            applied.iter_mut().for_each(|row| row.existed = false);
        }
        Ok(applied)
    }

    async fn get(
        &self,
        namespace: &Namespace,
        kind: &str,
        id: &DocumentId,
    ) -> Result<Option<Document>, StoreError> {
        self.must_be_visible(namespace)?;
        self.inner.get(namespace, kind, id).await
    }

    async fn search(&self, namespace: &Namespace, kind: &str, query: &Query) -> Result<Page, StoreError> {
        self.must_be_visible(namespace)?;
        let mut query = query.clone();
        if self.broken == Broken::CountsAll {
            query.count_up_to = u64::MAX;
        }
        let mut page = self.inner.search(namespace, kind, &query).await?;
        match self.broken {
            Broken::TotalOfThePage => page.total = page.documents.len() as u64,
            Broken::TiesBackwards if query.sort.len() == 1 => {
                let field = query.sort[0].path.clone();
                for pair in 1..page.documents.len() {
                    let value = |at: usize| page.documents[at].body.get(field.as_ref()).cloned();
                    if value(pair).is_some() && value(pair) == value(pair - 1) {
                        page.documents.swap(pair, pair - 1);
                    }
                }
            }
            _ => {}
        }
        Ok(page)
    }

    async fn count(&self, namespace: &Namespace, kind: &str, filter: &Filter) -> Result<u64, StoreError> {
        self.must_be_visible(namespace)?;
        self.inner.count(namespace, kind, filter).await
    }

    async fn aggregate(
        &self,
        namespace: &Namespace,
        kind: &str,
        filter: &Filter,
        aggregation: &Aggregation,
    ) -> Result<Buckets, StoreError> {
        self.must_be_visible(namespace)?;
        let mut aggregation = aggregation.clone();
        if let (Broken::DaysOfUtc, Aggregation::Histogram { zone, .. }) = (self.broken, &mut aggregation)
            && zone.starts_with("America/")
        {
            *zone = "UTC".to_owned();
        }
        let mut buckets = self.inner.aggregate(namespace, kind, filter, &aggregation).await?;
        if let (Broken::AbsentIsZero, Buckets::Histogram(buckets), Aggregation::Histogram { path, .. }) =
            (self.broken, &mut buckets, aggregation)
        {
            let absent = Filter::Not(Box::new(Filter::Exists { path }));
            let both = Filter::And(vec![filter.clone(), absent]);
            let absent = self.inner.count(namespace, kind, &both).await?;
            if absent > 0 {
                buckets.insert(0, (jiff::Timestamp::UNIX_EPOCH, absent));
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
        self.must_be_visible(namespace)?;
        let found = self.inner.scan(namespace, kind, after, limit).await?;
        if self.broken != Broken::ScanOfAWindow {
            return Ok(found);
        }
        let window = self.inner.scan(namespace, kind, None, MAX_WINDOW).await?;
        Ok(found.into_iter().filter(|document| window.contains(document)).collect())
    }

    async fn refresh(&self, namespace: &Namespace) -> Result<(), StoreError> {
        self.must_be_visible(namespace)?;
        self.inner.refresh(namespace).await
    }
}

async fn checked(broken: Broken) -> Result<(), conformance::Failure> {
    let inner = MemoryStore::new(conformance::schema());
    let store: Arc<dyn Store> = Arc::new(Wrapper { inner, broken, hidden: Mutex::default() });
    // Without the random part, which would find most of it by chance.
    conformance::documents::all(&store).await?;
    conformance::search::all(&store).await?;
    conformance::pages::all(&store).await?;
    conformance::aggregations::all(&store).await?;
    conformance::lifecycle::all(&store).await?;
    conformance::concurrency::all(&store).await
}

#[tokio::test]
async fn a_store_that_breaks_nothing_passes() {
    checked(Broken::Nothing).await.expect("the wrapper breaks nothing by itself");
}

#[tokio::test]
async fn every_broken_promise_is_caught() {
    for broken in BROKEN {
        let failure = checked(broken).await.expect_err(&format!("{broken:?} was not caught"));
        println!("{broken:?}: {failure}");
    }
}

#[tokio::test]
async fn increments_are_lost_where_comparing_and_setting_are_two_steps() {
    let inner = MemoryStore::new(conformance::schema());
    let broken = Broken::CompareThenSet;
    let store: Arc<dyn Store> = Arc::new(Wrapper { inner, broken, hidden: Mutex::default() });
    conformance::documents::all(&store).await.expect("one writer alone loses nothing");
    let failure = conformance::concurrency::counters(&store).await.expect_err("increments are lost");
    assert!(failure.step.starts_with("the counter of"), "{failure}");
    let failure = conformance::concurrency::races(&store).await.expect_err("there are several winners");
    assert!(failure.step.starts_with("winners of"), "{failure}");
}
