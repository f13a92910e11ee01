//! What a namespace must hold, kept beside it.

use std::collections::BTreeMap;
use std::fmt::Debug;

use super::{During, Failure, equal, failed, refused};
use crate::document::{Applied, Body, Change, Document, DocumentId, Guard, Version};
use crate::error::{StoreError, StoreErrorKind};

/// The documents by kind and id.
pub(super) type Model = BTreeMap<(&'static str, DocumentId), (Version, Body)>;

/// The documents of a kind, in the order of ids.
pub(super) fn of_kind<'m>(model: &'m Model, kind: &'static str) -> impl Iterator<Item = Document> + 'm {
    let documents = model.iter().filter(move |((of, _), _)| *of == kind);
    documents.map(|((_, id), (version, body))| Document {
        id: id.clone(),
        version: *version,
        body: body.clone(),
    })
}

pub(super) fn compare<T: PartialEq + Debug>(
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
pub(super) fn follow(
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
        equal(&format!("whether there was {before:?}"), &row.existed, &before.is_some())?;
    }
    Ok(())
}

/// Whether a guard holds.
pub(super) fn holds(model: &Model, kind: &'static str, change: &Change, guard: Guard) -> bool {
    let current = model.get(&(kind, change.id().clone())).map(|(version, _)| *version);
    match guard {
        Guard::Absent => current.is_none(),
        Guard::Unchanged(version) => current == Some(version),
    }
}
