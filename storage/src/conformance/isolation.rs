//! An attack on the walls between namespaces: random calls, each answer compared with a model of its namespace alone.
//!
//! Two tenants, one's id the beginning of the other's, two lives of each, both contexts, and everywhere the same document
//! ids: whatever one of the eight does, the others must show nothing of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use fastrand::Rng;
use serde_json::{Value, json};
use tenant_core::{ActiveTenant, Context};

use super::{During, Failure, OTHER, THING, body, equal, failed, id, refused, tenant};
use crate::document::{Applied, Batch, Body, Change, Document, DocumentId, Guard, Version};
use crate::error::{StoreError, StoreErrorKind};
use crate::lifecycle;
use crate::namespace::NamespacedStore;
use crate::query::{Aggregation, Buckets, Filter, Order, Query, Scalar, Sort};
use crate::store::Store;

/// Makes so many random calls; the same seed makes the same ones. A failure names the seed and the call.
///
/// # Errors
/// The first answer that does not come from the namespace that was asked.
pub async fn attack(store: &Arc<dyn Store>, seed: u64, operations: usize) -> Result<(), Failure> {
    let mut attack = Attack::new(store, seed)?;
    for operation in 0..operations {
        let outcome = attack.operation().await;
        outcome.map_err(|failure| Failure {
            step: format!("isolation, seed {seed}, operation {operation}: {}", failure.step),
            ..failure
        })?;
    }
    attack.compare_all().await
}

type Model = BTreeMap<(&'static str, DocumentId), (Version, Body)>;

/// A namespace under attack.
struct Space {
    tenant: usize,
    data: NamespacedStore,
    /// What it holds; `None` while it is not installed.
    model: Option<Model>,
}

struct Attack<'s> {
    store: &'s Arc<dyn Store>,
    rng: Rng,
    tenants: Vec<ActiveTenant>,
    spaces: Vec<Space>,
    written: u64,
}

const KINDS: [&str; 2] = [THING, OTHER];
const NAMES: [&str; 3] = ["x", "y", "z"];

impl<'s> Attack<'s> {
    fn new(store: &'s Arc<dyn Store>, seed: u64) -> Result<Self, Failure> {
        let names = ["acme", "acme2", "acme", "acme2"];
        let tenants: Vec<_> =
            names.into_iter().map(|name| tenant(name, "attacking")).collect::<Result<_, _>>()?;
        let spaces = tenants.iter().enumerate().flat_map(|(number, tenant)| {
            Context::ALL.map(|context| Space {
                tenant: number,
                data: NamespacedStore::new(Arc::clone(store), tenant, context),
                model: None,
            })
        });
        let spaces = spaces.collect();
        Ok(Self { store, rng: Rng::with_seed(seed), tenants, spaces, written: 0 })
    }

    async fn operation(&mut self) -> Result<(), Failure> {
        let space = self.rng.usize(..self.spaces.len());
        let kind = KINDS[self.rng.usize(..KINDS.len())];
        match self.rng.u32(..1000) {
            0..15 => self.remove(self.spaces[space].tenant).await,
            15..100 => self.install(self.spaces[space].tenant).await,
            100..500 => self.write(space, kind).await,
            500..700 => self.get(space, kind).await,
            700..800 => self.count(space, kind).await,
            800..890 => self.search(space, kind).await,
            890..940 => self.aggregate(space, kind).await,
            940..998 => self.scan(space, kind).await,
            _ => self.compare_all().await,
        }
    }

    async fn install(&mut self, number: usize) -> Result<(), Failure> {
        let tenant = self.tenants[number];
        let handle = lifecycle::install(self.store, tenant.id(), tenant.incarnation()).await;
        handle.map(drop).during("installing")?;
        for space in self.spaces.iter_mut().filter(|space| space.tenant == number) {
            space.model.get_or_insert_default();
        }
        Ok(())
    }

    async fn remove(&mut self, number: usize) -> Result<(), Failure> {
        let tenant = self.tenants[number];
        lifecycle::remove(self.store, tenant.id(), tenant.incarnation()).await.during("removing")?;
        for space in self.spaces.iter_mut().filter(|space| space.tenant == number) {
            space.model = None;
        }
        Ok(())
    }

    fn document_id(&mut self) -> DocumentId {
        id(["a", "b", "c", "d", "e", "f"][self.rng.usize(..6)])
    }

    fn change(&mut self, space: usize, kind: &'static str) -> Change {
        let id = self.document_id();
        if self.rng.u32(..4) == 0 {
            return Change::Delete { kind: kind.into(), id };
        }
        self.written += 1;
        let owner = self.spaces[space].data.namespace().to_string();
        let name = NAMES[self.rng.usize(..NAMES.len())];
        let body = body(json!({"name": name, "rank": self.written, "owner": owner}));
        Change::Put { kind: kind.into(), id, body }
    }

    /// A guard that may hold: absent, or the version that any of the namespaces has under the id.
    fn guard(&mut self, kind: &'static str, id: &DocumentId) -> Guard {
        let key = (kind, id.clone());
        let versions: Vec<Version> =
            self.spaces.iter().filter_map(|space| Some(space.model.as_ref()?.get(&key)?.0)).collect();
        match self.rng.choice(versions) {
            Some(version) if self.rng.bool() => Guard::Unchanged(version),
            _ => Guard::Absent,
        }
    }

    async fn write(&mut self, space: usize, kind: &'static str) -> Result<(), Failure> {
        let mut batch = Batch::default();
        // One guard at most: what stands before one that does not hold is applied by some backends and not by others.
        if self.rng.bool() {
            let change = self.change(space, kind);
            let guard = self.guard(kind, change.id());
            batch.guarded.push((change, guard));
        }
        for _ in 0..self.rng.usize(1..4) {
            let change = self.change(space, kind);
            batch.appended.push(change);
        }
        let answer = self.spaces[space].data.write(batch.clone()).await;
        let Some(model) = &mut self.spaces[space].model else {
            return refused("writing to what is not installed", answer, StoreErrorKind::NotInstalled);
        };
        let holds = batch.guarded.iter().all(|(change, guard)| {
            let current = model.get(&(kind, change.id().clone())).map(|(version, _)| *version);
            match guard {
                Guard::Absent => current.is_none(),
                Guard::Unchanged(version) => current == Some(*version),
            }
        });
        if !holds {
            let conflict = StoreErrorKind::Conflict { item: 0 };
            return refused("writing with a guard that does not hold", answer, conflict);
        }
        let changes = batch.guarded.into_iter().map(|(change, _)| change).chain(batch.appended);
        follow(model, kind, changes.collect(), &answer.during("writing")?)
    }

    async fn get(&mut self, space: usize, kind: &'static str) -> Result<(), Failure> {
        let id = self.document_id();
        let Space { data, model, .. } = &self.spaces[space];
        let answer = data.get(kind, &id).await;
        compare("get", answer, model.as_ref(), |model| {
            let (version, body) = model.get(&(kind, id.clone()))?;
            Some(Document { id: id.clone(), version: *version, body: body.clone() })
        })
    }

    async fn count(&mut self, space: usize, kind: &'static str) -> Result<(), Failure> {
        let name = NAMES[self.rng.usize(..NAMES.len())];
        let Space { data, model, .. } = &self.spaces[space];
        refresh(data, model.is_some()).await?;
        let answer = data.count(kind, &Filter::equals("name", name)).await;
        compare("count", answer, model.as_ref(), |model| {
            of_kind(model, kind).filter(|document| document.body["name"] == name).count() as u64
        })
    }

    async fn search(&mut self, space: usize, kind: &'static str) -> Result<(), Failure> {
        let name = NAMES[self.rng.usize(..NAMES.len())];
        let Space { data, model, .. } = &self.spaces[space];
        refresh(data, model.is_some()).await?;
        let by_rank = Sort { path: "rank".into(), order: Order::Descending };
        let sort = if kind == THING { vec![by_rank] } else { Vec::new() };
        let filter = Filter::Not(Box::new(Filter::equals("name", name)));
        let query = Query { filter, sort, limit: 100, ..Query::default() };
        let answer = data.search(kind, &query).await.map(|page| (page.total, page.documents));
        compare("search", answer, model.as_ref(), |model| {
            let mut found: Vec<_> =
                of_kind(model, kind).filter(|document| document.body["name"] != name).collect();
            if kind == THING {
                found.sort_by_key(|document| std::cmp::Reverse(document.body["rank"].as_u64()));
            }
            (found.len() as u64, found)
        })
    }

    async fn aggregate(&mut self, space: usize, kind: &'static str) -> Result<(), Failure> {
        let Space { data, model, .. } = &self.spaces[space];
        refresh(data, model.is_some()).await?;
        let terms = Aggregation::Terms { path: "owner".into(), size: 100 };
        let answer = data.aggregate(kind, &Filter::All, &terms).await;
        compare("aggregation", answer, model.as_ref(), |model| {
            let count = of_kind(model, kind).count() as u64;
            let owner = Scalar::Text(data.namespace().to_string());
            let values = if count == 0 { Vec::new() } else { vec![(owner, count)] };
            Buckets::Terms { values, other: 0 }
        })
    }

    async fn scan(&mut self, space: usize, kind: &'static str) -> Result<(), Failure> {
        let after = self.document_id();
        let Space { data, model, .. } = &self.spaces[space];
        let answer = data.scan(kind, Some(&after), 3).await;
        compare("scan", answer, model.as_ref(), |model| {
            of_kind(model, kind).filter(|document| document.id > after).take(3).collect()
        })
    }

    async fn compare_all(&mut self) -> Result<(), Failure> {
        for Space { data, model, .. } in &self.spaces {
            for kind in KINDS {
                let answer = data.scan(kind, None, 100).await;
                compare("scan of all", answer, model.as_ref(), |model| of_kind(model, kind).collect())?;
            }
        }
        Ok(())
    }
}

async fn refresh(data: &NamespacedStore, installed: bool) -> Result<(), Failure> {
    match data.refresh().await {
        Err(error) if !installed && error.kind() == StoreErrorKind::NotInstalled => Ok(()),
        Ok(()) if !installed => Err(failed("refresh", "a namespace that is not installed was refreshed")),
        answer => answer.during("refresh"),
    }
}

/// The documents of a kind, in the order of ids.
fn of_kind<'m>(model: &'m Model, kind: &'static str) -> impl Iterator<Item = Document> + 'm {
    let documents = model.iter().filter(move |((of, _), _)| *of == kind);
    documents.map(|((_, id), (version, body))| Document {
        id: id.clone(),
        version: *version,
        body: body.clone(),
    })
}

fn compare<T: PartialEq + std::fmt::Debug>(
    step: &str,
    answer: Result<T, StoreError>,
    model: Option<&Model>,
    expected: impl FnOnce(&Model) -> T,
) -> Result<(), Failure> {
    match model {
        None => refused(step, answer, StoreErrorKind::NotInstalled),
        Some(model) => equal(step, &answer.during(step)?, &expected(model)),
    }
}

/// Applies to the model what was applied, and compares the answer.
fn follow(
    model: &mut Model,
    kind: &'static str,
    changes: Vec<Change>,
    applied: &[Applied],
) -> Result<(), Failure> {
    equal("how many changes were answered", &applied.len(), &changes.len())?;
    for (change, row) in changes.into_iter().zip(applied) {
        let before = match (change, row.version) {
            (Change::Put { id, body, .. }, Some(version)) => model.insert((kind, id), (version, body)),
            (Change::Delete { id, .. }, None) => model.remove(&(kind, id)),
            (change, version) => {
                return Err(failed("writing", format!("{change:?} was answered with {version:?}")));
            }
        };
        let body = before.as_ref().map(|(_, body)| Value::Object(body.clone()));
        equal(&format!("whether a document existed: {body:?}"), &row.existed, &before.is_some())?;
    }
    Ok(())
}
