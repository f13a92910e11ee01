//! Batches that share a transaction.

use std::mem;

use crate::embedded::failure;
use crate::embedded::journal::entry::Entry;
use crate::embedded::queue::{Outcome, Request};
use crate::embedded::recent::Recent;
use crate::embedded::writer::Writer;
use crate::error::StoreError;

/// Batches, each with what is to be answered once it is durable.
pub(super) struct Group {
    requests: Vec<Request>,
    outcomes: Vec<Outcome>,
}

impl Group {
    pub(super) fn new(requests: Vec<Request>) -> Self {
        Self { requests, outcomes: Vec::new() }
    }

    /// About how large it is.
    pub(super) fn bytes(&self) -> usize {
        self.requests.iter().map(Request::bytes).sum()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// Applies each batch. One whose guard does not hold leaves nothing, and the others go on.
    ///
    /// # Errors
    /// What ends the whole group.
    pub(super) fn apply(
        &mut self,
        writer: &mut Writer,
        mut entry: Option<&mut Entry>,
    ) -> Result<(), StoreError> {
        for request in &self.requests {
            match writer.apply(&request.steps, entry.as_deref_mut()) {
                Err(error) if !error.is_conflict() => return Err(error),
                outcome => self.outcomes.push(outcome),
            }
        }
        Ok(())
    }

    /// Answers each batch with its own outcome.
    pub(super) fn answer(self) {
        for (request, outcome) in self.requests.into_iter().zip(self.outcomes) {
            request.answer(outcome);
        }
    }

    /// The same for batches that the file does not show yet: what they wrote is found in `recent`.
    pub(super) fn answer_before_commit(self, recent: &Recent) {
        for (mut request, outcome) in self.requests.into_iter().zip(self.outcomes) {
            if let Ok(applied) = &outcome {
                recent.add(mem::take(&mut request.steps), applied);
            }
            request.answer(outcome);
        }
    }

    /// Answers all of them with the same failure.
    pub(super) fn fail(self, error: &StoreError) {
        for request in self.requests {
            request.answer(Err(failure::again(error)));
        }
    }
}
