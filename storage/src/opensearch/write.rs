//! Writing: the guarded changes one after the other, each with its guard in the engine's hands, then the appended ones
//! together.

use crate::document::{Applied, Batch, Change, Guard, Version};
use crate::error::{StoreError, StoreErrorKind};
use crate::opensearch::OpenSearchStore;
use crate::opensearch::lane::{Action, Operation, Outcome};
use crate::opensearch::read::Documents;
use crate::opensearch::spaces::Space;
use crate::opensearch::stored;
use crate::store::Store;

impl OpenSearchStore {
    /// Applies a batch that was checked.
    pub(super) async fn apply(&self, space: &Space, batch: Batch) -> Result<Vec<Applied>, StoreError> {
        let mut applied = Vec::with_capacity(batch.guarded.len() + batch.appended.len());
        for (item, (change, guard)) in batch.guarded.iter().enumerate() {
            applied.push(self.guarded(space, item, change, *guard).await?);
        }
        if batch.appended.is_empty() {
            return Ok(applied);
        }
        let operations = batch.appended.iter().map(|change| self.operation(space, change, None));
        let operations = operations.collect::<Result<Vec<_>, StoreError>>()?;
        for outcome in self.lane.write(&operations).await? {
            applied.push(row(&outcome.map_err(StoreError::from)?));
        }
        Ok(applied)
    }

    async fn guarded(
        &self,
        space: &Space,
        item: usize,
        change: &Change,
        guard: Guard,
    ) -> Result<Applied, StoreError> {
        let conflict = || {
            let message = format!("the guard of item {item} does not hold");
            StoreError::new(StoreErrorKind::Conflict { item }, message)
        };
        let unchanged = match (change, guard) {
            (Change::Delete { kind, id }, Guard::Absent) => {
                let kind = self.schema().kind(kind)?;
                let documents = Documents { engine: &self.engine, space: *space, kind };
                return match documents.get(id).await? {
                    None => Ok(Applied { version: None, existed: false }),
                    Some(_) => Err(conflict()),
                };
            }
            // No state of ours has no term, and the engine takes none.
            (_, Guard::Unchanged(version)) if stored::parts(version).0 == 0 => return Err(conflict()),
            (_, Guard::Unchanged(version)) => Some(version),
            (Change::Put { .. }, Guard::Absent) => None,
        };
        let mut operation = self.operation(space, change, unchanged)?;
        if guard == Guard::Absent
            && let Action::Put(document) = operation.action
        {
            operation.action = Action::Create(document);
        }
        match self.lane.write(&[operation]).await?.pop() {
            Some(Ok(outcome)) => Ok(row(&outcome)),
            Some(Err(refused)) if refused.is_conflict() => Err(conflict()),
            Some(Err(refused)) => Err(refused.into()),
            None => Err(StoreError::new(StoreErrorKind::Backend, "the engine answered nothing")),
        }
    }

    fn operation(
        &self,
        space: &Space,
        change: &Change,
        unchanged: Option<Version>,
    ) -> Result<Operation, StoreError> {
        let kind = self.schema().kind(change.kind())?;
        let action = match change {
            Change::Put { id, body, .. } => Action::Put(stored::encode(space, kind, id, body)?),
            Change::Delete { .. } => Action::Delete,
        };
        Ok(Operation {
            index: self.engine.layout.of_kind(kind),
            id: stored::engine_id(space, kind, change.id()),
            space: *space,
            action,
            unchanged,
        })
    }
}

fn row(outcome: &Outcome) -> Applied {
    let is_removal = matches!(outcome.result.as_str(), "deleted" | "not_found");
    let existed = matches!(outcome.result.as_str(), "deleted" | "updated");
    Applied { version: (!is_removal).then_some(outcome.version), existed }
}
