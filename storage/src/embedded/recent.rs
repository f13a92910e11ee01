//! What was acknowledged and is not committed in the file yet, for reads by id.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use crate::document::{Applied, Document, DocumentId, Version};
use crate::embedded::function;
use crate::embedded::step::Step;
use crate::error::StoreError;

/// The last state of each document that a file's open transaction has changed.
#[derive(Debug, Default)]
pub(super) struct Recent(RwLock<State>);

#[derive(Debug, Default)]
struct State {
    /// By kind and id; nothing is a document that was removed.
    documents: HashMap<usize, HashMap<DocumentId, Option<(Version, String)>>>,
    bytes: usize,
}

impl Recent {
    /// A document, if it is here: what it is now, or that it was removed. `None` if the file has it as it is.
    pub(super) fn get(&self, kind: usize, id: &DocumentId) -> Result<Option<Option<Document>>, StoreError> {
        let state = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let Some(content) = state.documents.get(&kind).and_then(|of_kind| of_kind.get(id)) else {
            return Ok(None);
        };
        let Some((version, body)) = content else { return Ok(Some(None)) };
        Ok(Some(Some(Document { id: id.clone(), version: *version, body: function::parsed(body)? })))
    }

    /// Adds what a batch did.
    pub(super) fn add(&self, steps: Vec<Step>, applied: &[Applied]) {
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for (step, applied) in steps.into_iter().zip(applied) {
            state.bytes += step.size();
            let content = applied.version.zip(step.content.map(|content| content.body));
            state.documents.entry(step.kind).or_default().insert(step.id, content);
        }
    }

    /// About how much memory the documents take.
    pub(super) fn bytes(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes() == 0
    }

    /// The file has all of it.
    pub(super) fn clear(&self) {
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        state.bytes = 0;
        // A map that was once large stays so; a file that is written to will need it again.
        state.documents.values_mut().for_each(HashMap::clear);
    }
}
