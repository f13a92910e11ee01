//! [`Operations`]: changes of documents as `_bulk` takes them, behind one another in one text.

use std::iter;

use serde::Serialize;

use crate::document::Version;
use crate::error::StoreError;
use crate::opensearch::body_terms::BodyTerms;
use crate::opensearch::failure::unwritable;
use crate::opensearch::home::Space;
use crate::opensearch::stored::{Outgoing, State};

/// Changes of one caller, in order. A document is text as soon as it is added: a request may bring many of them, and many
/// requests may wait for the engine.
#[derive(Debug, Default)]
pub(super) struct Operations {
    lines: Vec<u8>,
    /// Where in it each of them ends.
    ends: Vec<usize>,
}

/// One change of one document.
pub(super) struct Operation<'o> {
    pub(super) target: Target,
    /// The document's in its index.
    pub(super) id: String,
    pub(super) condition: Condition,
    /// What is put there; `None` if it is deleted.
    pub(super) document: Option<Outgoing<'o>>,
}

/// Where a document is written.
#[derive(Debug, Clone)]
pub(super) enum Target {
    /// An alias of the one index of all tenants, and the space that leads to the shard.
    Shared(String, Space),
    /// One index of a tenant's own.
    Own(String),
}

/// What a document must be for its change to be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    Any,
    Absent,
    Unchanged(State),
}

/// What `_bulk` takes of an operation before the document.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Head<'o> {
    Create(Spot<'o>),
    Index(Spot<'o>),
    Delete(Spot<'o>),
}

/// Where a document is, and in what state it must be.
#[derive(Serialize)]
struct Spot<'o> {
    #[serde(rename = "_index")]
    index: &'o str,
    #[serde(rename = "_id")]
    id: &'o str,
    #[serde(skip_serializing_if = "Option::is_none")]
    routing: Option<&'o Space>,
    /// An alias that is gone is not made anew as an index without its mapping.
    #[serde(skip_serializing_if = "Option::is_none")]
    require_alias: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    if_primary_term: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    if_seq_no: Option<u64>,
}

impl Operations {
    /// The memory of `terms` serves all documents.
    ///
    /// # Errors
    /// `Invalid` if the document cannot be written as JSON. Nothing of all this is to be used then.
    pub(super) fn add(&mut self, operation: &Operation<'_>, terms: &mut BodyTerms) -> Result<(), StoreError> {
        serde_json::to_writer(&mut self.lines, &operation.head()).map_err(unwritable)?;
        self.lines.push(b'\n');
        if let Some(document) = &operation.document {
            document.append_to(&mut self.lines, terms)?;
            self.lines.push(b'\n');
        }
        self.ends.push(self.lines.len());
        Ok(())
    }

    /// How many they are.
    pub(super) fn count(&self) -> usize {
        self.ends.len()
    }

    /// How many bytes they are.
    pub(super) fn size(&self) -> usize {
        self.lines.len()
    }

    /// The lines of each of them.
    pub(super) fn each(&self) -> impl Iterator<Item = &[u8]> {
        let starts = iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.lines[start..*end])
    }
}

impl Operation<'_> {
    /// The version of the document then, if it is not the engine's own.
    pub(super) fn version(&self) -> Option<Version> {
        match self.target {
            Target::Shared(..) => None,
            Target::Own(_) => self.document.as_ref().map(|document| document.write.version()),
        }
    }

    fn head(&self) -> Head<'_> {
        let (index, routing) = match &self.target {
            Target::Shared(alias, space) => (alias, Some(space)),
            Target::Own(index) => (index, None),
        };
        let state = match self.condition {
            Condition::Unchanged(state) => Some(state),
            Condition::Any | Condition::Absent => None,
        };
        let spot = Spot {
            index,
            id: &self.id,
            routing,
            require_alias: routing.map(|_| true),
            if_primary_term: state.map(|state| state.term),
            if_seq_no: state.map(|state| state.number),
        };
        match (&self.document, self.condition) {
            (Some(_), Condition::Absent) => Head::Create(spot),
            (Some(_), _) => Head::Index(spot),
            (None, _) => Head::Delete(spot),
        }
    }
}
