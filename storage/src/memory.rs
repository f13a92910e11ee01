//! [`MemoryStore`]: the reference backend, the simplest code that satisfies the contract.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;

use crate::aggregate::Counter;
use crate::check;
use crate::document::{Applied, Batch, Body, Change, Document, DocumentId, Guard, Version};
use crate::error::{StoreError, StoreErrorKind};
use crate::kind::{Kind, Schema};
use crate::lifecycle::Created;
use crate::matching::Matcher;
use crate::namespace::Namespace;
use crate::query::{Aggregation, Buckets, Filter, Order, Page, Query};
use crate::store::Store;

/// Documents in memory, gone with the store: for tests, and for what need not outlive the process.
///
/// Every answer is what the contract says; every search looks at all the documents of the kind.
#[derive(Debug)]
pub struct MemoryStore {
    schema: Schema,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Never goes back, so that no version comes twice.
    last_version: u64,
    spaces: HashMap<Namespace, Space>,
}

type Space = HashMap<String, Documents>;
type Documents = BTreeMap<DocumentId, Content>;
type Content = (Version, Body);

impl MemoryStore {
    /// An empty store for these kinds.
    pub fn new(schema: Schema) -> Self {
        Self { schema, state: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while the documents are locked")
    }

    /// What `read` makes of the documents of a kind.
    fn read<T>(
        &self,
        namespace: &Namespace,
        kind: &str,
        read: impl FnOnce(&Documents) -> T,
    ) -> Result<T, StoreError> {
        let state = self.lock();
        let space = state.spaces.get(namespace).ok_or_else(|| not_installed(namespace))?;
        let none = Documents::new();
        Ok(read(space.get(kind).unwrap_or(&none)))
    }
}

fn not_installed(namespace: &Namespace) -> StoreError {
    StoreError::new(StoreErrorKind::NotInstalled, format!("{namespace} is not installed"))
}

#[async_trait]
impl Store for MemoryStore {
    fn schema(&self) -> &Schema {
        &self.schema
    }

    async fn install(&self, namespace: &Namespace) -> Result<Created, StoreError> {
        let mut created = Created::default();
        self.lock().spaces.entry(*namespace).or_insert_with(|| {
            created.indices.push(namespace.to_string());
            Space::new()
        });
        Ok(created)
    }

    async fn upgrade(&self, namespace: &Namespace) -> Result<bool, StoreError> {
        match self.lock().spaces.contains_key(namespace) {
            true => Ok(false),
            false => Err(not_installed(namespace)),
        }
    }

    async fn remove(&self, namespace: &Namespace) -> Result<(), StoreError> {
        self.lock().spaces.remove(namespace);
        Ok(())
    }

    async fn write(&self, namespace: &Namespace, batch: Batch) -> Result<Vec<Applied>, StoreError> {
        check::batch(&self.schema, &batch)?;
        let mut state = self.lock();
        let State { last_version, spaces } = &mut *state;
        let space = spaces.get_mut(namespace).ok_or_else(|| not_installed(namespace))?;
        apply(space, last_version, batch)
    }

    async fn get(
        &self,
        namespace: &Namespace,
        kind: &str,
        id: &DocumentId,
    ) -> Result<Option<Document>, StoreError> {
        self.schema.kind(kind)?;
        self.read(namespace, kind, |documents| documents.get_key_value(id).map(document))
    }

    async fn search(&self, namespace: &Namespace, kind: &str, query: &Query) -> Result<Page, StoreError> {
        let kind = self.schema.kind(kind)?;
        let query = check::query(kind, query)?;
        let matcher = Matcher::new(&query.filter);
        self.read(namespace, kind.name(), |documents| {
            let found = documents.iter().filter(|(_, (_, body))| matcher.matches(body)).map(document);
            page(kind, &query, found.collect())
        })?
    }

    async fn count(&self, namespace: &Namespace, kind: &str, filter: &Filter) -> Result<u64, StoreError> {
        let kind = self.schema.kind(kind)?;
        let matcher = Matcher::new(&check::filter(kind, filter)?);
        self.read(namespace, kind.name(), |documents| {
            documents.values().filter(|(_, body)| matcher.matches(body)).count() as u64
        })
    }

    async fn aggregate(
        &self,
        namespace: &Namespace,
        kind: &str,
        filter: &Filter,
        aggregation: &Aggregation,
    ) -> Result<Buckets, StoreError> {
        let kind = self.schema.kind(kind)?;
        let matcher = Matcher::new(&check::filter(kind, filter)?);
        let mut counter = Counter::new(kind, aggregation)?;
        self.read(namespace, kind.name(), |documents| {
            documents
                .values()
                .filter(|(_, body)| matcher.matches(body))
                .for_each(|(_, body)| counter.add(body));
            counter.finish()
        })
    }

    async fn scan(
        &self,
        namespace: &Namespace,
        kind: &str,
        after: Option<&DocumentId>,
        limit: usize,
    ) -> Result<Vec<Document>, StoreError> {
        self.schema.kind(kind)?;
        self.read(namespace, kind, |documents| {
            let start = after.map_or(Unbounded, Excluded);
            documents.range::<DocumentId, _>((start, Unbounded)).take(limit).map(document).collect()
        })
    }

    async fn refresh(&self, namespace: &Namespace) -> Result<(), StoreError> {
        match self.lock().spaces.contains_key(namespace) {
            true => Ok(()),
            false => Err(not_installed(namespace)),
        }
    }
}

fn document((id, (version, body)): (&DocumentId, &Content)) -> Document {
    Document { id: id.clone(), version: *version, body: body.clone() }
}

/// All of the batch, or, if a guard does not hold, nothing of it.
fn apply(space: &mut Space, last_version: &mut u64, batch: Batch) -> Result<Vec<Applied>, StoreError> {
    let guarded = batch.guarded.into_iter().map(|(change, guard)| (change, Some(guard)));
    let appended = batch.appended.into_iter().map(|change| (change, None));
    let (mut applied, mut undo) = (Vec::new(), Vec::new());
    for (item, (change, guard)) in guarded.chain(appended).enumerate() {
        let documents = space.entry(change.kind().to_owned()).or_default();
        let current = documents.get(change.id()).map(|(version, _)| *version);
        let holds = match guard {
            None => true,
            Some(Guard::Absent) => current.is_none(),
            Some(Guard::Unchanged(version)) => current == Some(version),
        };
        if !holds {
            take_back(space, undo);
            let message = format!("the guard of item {item} does not hold");
            return Err(StoreError::new(StoreErrorKind::Conflict { item }, message));
        }
        let (kind, id) = (change.kind().to_owned(), change.id().clone());
        let (version, before) = match change {
            Change::Put { id, body, .. } => {
                *last_version += 1;
                let version = Version::from_raw(*last_version);
                (Some(version), documents.insert(id, (version, body)))
            }
            Change::Delete { id, .. } => (None, documents.remove(&id)),
        };
        applied.push(Applied { version, existed: before.is_some() });
        undo.push((kind, id, before));
    }
    Ok(applied)
}

fn take_back(space: &mut Space, undo: Vec<(String, DocumentId, Option<Content>)>) {
    for (kind, id, before) in undo.into_iter().rev() {
        let documents = space.entry(kind).or_default();
        match before {
            Some(before) => documents.insert(id, before),
            None => documents.remove(&id),
        };
    }
}

/// `found` is in the order of ids.
fn page(kind: &Kind, query: &Query, found: Vec<Document>) -> Result<Page, StoreError> {
    let total = query.count_up_to.min(found.len() as u64);
    let positions: Vec<_> =
        query.sort.iter().map(|sort| (kind.field_position(&sort.path), sort.order)).collect();
    let mut rows = found
        .into_iter()
        .map(|document| Ok((check::fields(kind, &document.body)?, document)))
        .collect::<Result<Vec<_>, StoreError>>()?;
    rows.sort_by(|(left, _), (right, _)| {
        positions
            .iter()
            .filter_map(|(position, order)| position.map(|position| (position, *order)))
            .map(|(position, order)| compare(left[position].as_ref(), right[position].as_ref(), order))
            .find(|ordering| ordering.is_ne())
            .unwrap_or(Ordering::Equal)
    });
    let documents = rows.into_iter().map(|(_, document)| document).skip(query.offset).take(query.limit);
    Ok(Page { total, documents: documents.collect() })
}

/// What has no value comes last in either direction.
fn compare(left: Option<&Vec<u8>>, right: Option<&Vec<u8>>, order: Order) -> Ordering {
    match (left, right, order) {
        (Some(left), Some(right), Order::Ascending) => left.cmp(right),
        (Some(left), Some(right), Order::Descending) => right.cmp(left),
        (left, right, _) => right.is_some().cmp(&left.is_some()),
    }
}
