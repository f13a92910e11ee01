//! Writing: the guarded changes one after the other, each with its guard in the engine's hands, then the appended ones
//! together.

use std::collections::HashMap;

use crate::document::{Applied, Batch, Change, Guard, Version};
use crate::error::{StoreError, StoreErrorKind};
use crate::opensearch::OpenSearchStore;
use crate::opensearch::body_terms::BodyTerms;
use crate::opensearch::home::Home;
use crate::opensearch::lane::Outcome;
use crate::opensearch::operations::{Condition, Operation, Operations, Target};
use crate::opensearch::read::Documents;
use crate::opensearch::stored::{Outgoing, State, Write, engine_id};
use crate::store::Store;

impl OpenSearchStore {
    /// Applies a batch that was checked.
    pub(super) async fn apply(&self, home: Home, batch: Batch) -> Result<Vec<Applied>, StoreError> {
        let Batch { guarded, appended } = batch;
        let mut applied = Vec::with_capacity(guarded.len() + appended.len());
        let (operations, versions) = self.prepared(home, appended).await?;
        for (item, (change, guard)) in guarded.iter().enumerate() {
            applied.push(self.guarded(home, change, *guard).await?.ok_or_else(|| conflict(item))?);
        }
        if versions.is_empty() {
            return Ok(applied);
        }
        for (outcome, version) in self.lane.write(operations).await?.into_iter().zip(versions) {
            applied.push(row(&outcome?, version, home));
        }
        Ok(applied)
    }

    /// What is to be done, and the documents' versions then.
    async fn prepared(
        &self,
        home: Home,
        changes: Vec<Change>,
    ) -> Result<(Operations, Vec<Option<Version>>), StoreError> {
        let indices = self.in_older_partitions(home, &changes).await?;
        let (mut operations, mut terms) = (Operations::default(), BodyTerms::default());
        let mut versions = Vec::with_capacity(changes.len());
        for (change, index) in changes.into_iter().zip(indices) {
            let operation = self.operation(home, &change, index, Condition::Any).await?;
            operations.add(&operation, &mut terms)?;
            versions.push(operation.version());
        }
        Ok((operations, versions))
    }

    /// `None` if the guard does not hold.
    async fn guarded(
        &self,
        home: Home,
        change: &Change,
        guard: Guard,
    ) -> Result<Option<Applied>, StoreError> {
        let documents = self.documents_of(home, change.kind())?;
        // An index of the tenant's own may be one of several, and its states come again when it is made anew.
        let is_own = documents.own_alias().is_some();
        let is_looked_at = is_own || matches!((change, guard), (Change::Delete { .. }, Guard::Absent));
        let found = if is_looked_at { documents.find(&[change.id()]).await?.pop().flatten() } else { None };
        let (index, condition) = match (guard, found) {
            (Guard::Absent, Some(_)) => return Ok(None),
            (Guard::Absent, None) => (None, Condition::Absent),
            (Guard::Unchanged(version), Some((spot, document))) if document.version == version => {
                (Some(spot.index), Condition::Unchanged(spot.state))
            }
            (Guard::Unchanged(version), None) if !is_own => match State::of(version, &home.space) {
                Some(state) => (None, Condition::Unchanged(state)),
                None => return Ok(None),
            },
            (Guard::Unchanged(_), _) => return Ok(None),
        };
        if let (Change::Delete { .. }, Guard::Absent) = (change, guard) {
            return Ok(Some(Applied { version: None, existed: false }));
        }
        let operation = self.operation(home, change, index, condition).await?;
        let (version, write) = (operation.version(), operation.document.as_ref().map(|sent| sent.write));
        let mut operations = Operations::default();
        operations.add(&operation, &mut BodyTerms::default())?;
        match self.lane.write(operations).await?.pop() {
            Some(Ok(outcome)) => Ok(Some(row(&outcome, version, home))),
            // Where a node dies, the engine carries an operation out on the next one that it has from the first already.
            Some(Err(refused)) if refused.is_conflict() => {
                let found = documents.find(&[change.id()]).await?.pop().flatten();
                let ours = found.filter(|(spot, _)| Some(spot.write) == write);
                let existed = guard != Guard::Absent;
                Ok(ours.map(|(_, document)| Applied { version: Some(document.version), existed }))
            }
            Some(Err(refused)) => Err(refused.into()),
            None => Err(StoreError::new(StoreErrorKind::Backend, "the engine answered nothing")),
        }
    }

    /// For each document that is written now, where in partitions before the current one it is: it stays there.
    async fn in_older_partitions(
        &self,
        home: Home,
        changes: &[Change],
    ) -> Result<Vec<Option<String>>, StoreError> {
        let mut by_kind: HashMap<&str, Vec<usize>> = HashMap::new();
        for (at, change) in changes.iter().enumerate() {
            by_kind.entry(change.kind()).or_default().push(at);
        }
        let mut indices = vec![None; changes.len()];
        for (kind, positions) in by_kind {
            let documents = self.documents_of(home, kind)?;
            let Some(alias) = documents.own_alias() else { continue };
            let partitions = self.engine.dedicated.partitions(&alias, kind).await?;
            if let [_, older @ ..] = partitions.as_slice()
                && !older.is_empty()
            {
                let ids: Vec<_> = positions.iter().map(|at| changes[*at].id()).collect();
                for (at, found) in positions.into_iter().zip(documents.find_in(older, &ids).await?) {
                    indices[at] = found.map(|(spot, _)| spot.index);
                }
            }
        }
        Ok(indices)
    }

    /// A change as the engine takes it. `index` is where the document is, in indices of the tenant's own.
    async fn operation<'c>(
        &'c self,
        home: Home,
        change: &'c Change,
        index: Option<String>,
        condition: Condition,
    ) -> Result<Operation<'c>, StoreError> {
        let documents = self.documents_of(home, change.kind())?;
        let (kind, space) = (documents.kind, home.space);
        let target = match (index, documents.own_alias()) {
            (Some(index), Some(_)) => Target::Own(index),
            (None, Some(alias)) => {
                Target::Own(self.engine.dedicated.ensure_current(&alias, kind.name()).await?)
            }
            (_, None) => Target::Shared(documents.alias(), space),
        };
        let document = match change {
            Change::Put { id, body, .. } => Some(Outgoing { space, kind, id, body, write: Write::new() }),
            Change::Delete { .. } => None,
        };
        Ok(Operation { target, id: engine_id(&space, kind, change.id()), condition, document })
    }

    fn documents_of(&self, home: Home, kind: &str) -> Result<Documents<'_>, StoreError> {
        Ok(Documents { engine: &self.engine, home, kind: self.schema().kind(kind)? })
    }
}

fn conflict(item: usize) -> StoreError {
    StoreError::new(StoreErrorKind::Conflict { item }, format!("the guard of item {item} does not hold"))
}

fn row(outcome: &Outcome, version: Option<Version>, home: Home) -> Applied {
    let is_removal = matches!(outcome.result.as_str(), "deleted" | "not_found");
    let existed = matches!(outcome.result.as_str(), "deleted" | "updated");
    let version = version.unwrap_or_else(|| outcome.state.version(&home.space));
    Applied { version: (!is_removal).then_some(version), existed }
}
