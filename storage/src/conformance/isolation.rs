//! An attack on the walls between namespaces: random calls, each answer compared with a model of its namespace alone.
//!
//! Two tenants, one's id the beginning of the other's, two lives of each, both contexts, and everywhere the same document
//! ids: whatever one of the eight does, the others must show nothing of it.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use fastrand::Rng;
use jiff::Timestamp;
use serde_json::json;
use tenant_core::{ActiveTenant, Context};

use super::model::{Model, compare, follow, holds, of_kind};
use super::{During, Failure, OTHER, THING, body, equal, id, refused, tenant};
use crate::document::{Batch, Change, Document, DocumentId, Guard, Version};
use crate::error::StoreErrorKind;
use crate::lifecycle::{self, Created};
use crate::namespace::NamespacedStore;
use crate::query::{Aggregation, Buckets, Filter, Interval, Order, Query, Scalar, Sort, TimeUnit};
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

/// A namespace under attack.
struct Space {
    tenant: usize,
    data: NamespacedStore,
    /// What it holds; `None` while it is not installed.
    model: Option<Model>,
}

impl Space {
    /// An install made something exactly where nothing was.
    fn installed(&mut self, created: &Created) -> Result<(), Failure> {
        let made_something = created != &Created::default();
        equal("whether an install made something", &made_something, &self.model.is_none())?;
        self.model.get_or_insert_default();
        Ok(())
    }
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
            0..6 => self.remove_tenant(self.spaces[space].tenant).await,
            6..20 => self.remove(space).await,
            20..50 => self.install_tenant(self.spaces[space].tenant).await,
            50..120 => self.install(space).await,
            120..500 => self.write(space, kind).await,
            500..650 => self.get(space, kind).await,
            650..730 => self.count(space, kind).await,
            730..840 => self.search(space, kind).await,
            840..920 => self.aggregate(space, kind).await,
            920..975 => self.scan(space, kind).await,
            975..998 => self.refresh(space).await,
            _ => self.compare_all().await,
        }
    }

    async fn install_tenant(&mut self, number: usize) -> Result<(), Failure> {
        let tenant = self.tenants[number];
        let handle = lifecycle::install(self.store, tenant.id(), tenant.incarnation()).await;
        let handle = handle.during("installing a tenant")?;
        for space in self.spaces.iter_mut().filter(|space| space.tenant == number) {
            space.installed(handle.created(space.data.namespace().context()))?;
        }
        Ok(())
    }

    /// One context without the other: what a process that was killed leaves behind.
    async fn install(&mut self, space: usize) -> Result<(), Failure> {
        let space = &mut self.spaces[space];
        let created = self.store.install(space.data.namespace()).await.during("installing")?;
        space.installed(&created)
    }

    async fn remove_tenant(&mut self, number: usize) -> Result<(), Failure> {
        let tenant = self.tenants[number];
        let removed = lifecycle::remove(self.store, tenant.id(), tenant.incarnation()).await;
        removed.during("removing a tenant")?;
        for space in self.spaces.iter_mut().filter(|space| space.tenant == number) {
            space.model = None;
        }
        Ok(())
    }

    async fn remove(&mut self, space: usize) -> Result<(), Failure> {
        let space = &mut self.spaces[space];
        self.store.remove(space.data.namespace()).await.during("removing")?;
        space.model = None;
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
        let mut body = body(json!({"name": name, "rank": self.written, "owner": owner}));
        if self.rng.u32(..4) > 0 {
            body.insert("time".to_owned(), json!({"insert": at(self.rng.i64(..HOURS)).to_string()}));
        }
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
        let holds = batch.guarded.iter().all(|(change, guard)| holds(model, kind, change, *guard));
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

    async fn refresh(&mut self, space: usize) -> Result<(), Failure> {
        let Space { data, model, .. } = &self.spaces[space];
        compare("refresh", data.refresh().await, model.as_ref(), |_| ())
    }

    /// A filter, and the documents that it finds among some: in a declared field, in another, or everywhere.
    fn filter(&mut self) -> (Filter, impl Fn(&Document) -> bool + use<>) {
        let (name, which) = (NAMES[self.rng.usize(..NAMES.len())], self.rng.u32(..4));
        let is = Filter::equals("name", name);
        let filter = match which {
            0 => Filter::All,
            1 => is,
            2 => Filter::Not(Box::new(is)),
            _ => Filter::Exists { path: "owner".into() },
        };
        let matches = move |document: &Document| match which {
            1 => document.body["name"] == name,
            2 => document.body["name"] != name,
            _ => true,
        };
        (filter, matches)
    }

    async fn count(&mut self, space: usize, kind: &'static str) -> Result<(), Failure> {
        self.refresh(space).await?;
        let (filter, matches) = self.filter();
        let Space { data, model, .. } = &self.spaces[space];
        let answer = data.count(kind, &filter).await;
        compare("count", answer, model.as_ref(), |model| of_kind(model, kind).filter(matches).count() as u64)
    }

    async fn search(&mut self, space: usize, kind: &'static str) -> Result<(), Failure> {
        self.refresh(space).await?;
        let (filter, matches) = self.filter();
        let (offset, limit) = (self.rng.usize(..3), [1, 3, 100][self.rng.usize(..3)]);
        let count_up_to = [0, 2, u64::MAX][self.rng.usize(..3)];
        let by_rank = Sort { path: "rank".into(), order: Order::Descending };
        let sort = if kind == THING { vec![by_rank] } else { Vec::new() };
        let Space { data, model, .. } = &self.spaces[space];
        let query = Query { filter, sort, offset, limit, count_up_to };
        let answer = data.search(kind, &query).await.map(|page| (page.total, page.documents));
        compare("search", answer, model.as_ref(), |model| {
            let mut found: Vec<_> = of_kind(model, kind).filter(matches).collect();
            if kind == THING {
                found.sort_by_key(|document| Reverse(document.body["rank"].as_u64()));
            }
            let total = count_up_to.min(found.len() as u64);
            (total, found.into_iter().skip(offset).take(limit).collect::<Vec<_>>())
        })
    }

    async fn aggregate(&mut self, space: usize, kind: &'static str) -> Result<(), Failure> {
        self.refresh(space).await?;
        let (filter, matches) = self.filter();
        let by_time = self.rng.bool();
        // By whose they are: nobody but the namespace itself may come up.
        let aggregation = if by_time {
            let interval = Interval { count: 1, unit: TimeUnit::Hour };
            Aggregation::Histogram { path: "time.insert".into(), interval, zone: "UTC".to_owned() }
        } else {
            Aggregation::Terms { path: ["owner", "name"][self.rng.usize(..2)].into(), size: 100 }
        };
        let Space { data, model, .. } = &self.spaces[space];
        let answer = data.aggregate(kind, &filter, &aggregation).await;
        compare("aggregation", answer, model.as_ref(), |model| {
            counted(of_kind(model, kind).filter(matches), &aggregation)
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

/// Documents are of some hours after the beginning of 1970.
const HOURS: i64 = 6;

fn at(hour: i64) -> Timestamp {
    Timestamp::from_second(hour * 3600).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// What an aggregation finds in documents of this suite.
fn counted(documents: impl Iterator<Item = Document>, aggregation: &Aggregation) -> Buckets {
    let bodies: Vec<_> = documents.map(|document| document.body).collect();
    match aggregation {
        Aggregation::Terms { path, .. } => {
            let mut counts = BTreeMap::<&str, u64>::new();
            for text in bodies.iter().filter_map(|body| body[path.as_ref()].as_str()) {
                *counts.entry(text).or_default() += 1;
            }
            let mut values: Vec<_> =
                counts.into_iter().map(|(text, count)| (Scalar::from(text), count)).collect();
            values.sort_by_key(|(_, count)| Reverse(*count));
            Buckets::Terms { values, other: 0 }
        }
        Aggregation::Histogram { .. } => {
            let of = |hour: i64| {
                let text = at(hour).to_string();
                let here = bodies
                    .iter()
                    .filter(|body| body.get("time").is_some_and(|time| time["insert"] == text.as_str()));
                (at(hour), here.count() as u64)
            };
            Buckets::Histogram((0..HOURS).map(of).filter(|(_, count)| *count > 0).collect())
        }
    }
}
