//! [`Space`]: the documents of one namespace, made from its log.
//!
//! ```text
//! 1f0a9c42 ["acme/6f1c3d6e-…/production/",184467440737095]          whose log it is, after which number its versions begin
//! 9e107d9d [["visit","v1",{"time":"2026-…"}],["visit","v0",null]]   a batch: what each document is now, null if it is gone
//! ```

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use storage::{
    Applied, Batch, Body, Change, Document, DocumentId, Guard, Namespace, Schema, StoreError, StoreErrorKind,
    Version,
};
use uuid::Uuid;

use crate::log::Log;

/// The documents of a kind, in the order of ids.
pub(crate) type Documents = BTreeMap<DocumentId, (Version, Body)>;

pub(crate) struct Space {
    log: Log,
    kinds: HashMap<String, Documents>,
    /// Each put counts it up, in the log as in memory: what is read again has the version that was answered.
    last_version: u64,
}

/// Makes the log of a namespace. Whether there was none.
pub(crate) fn create(path: &Path, namespace: &Namespace) -> Result<bool, StoreError> {
    // A log that is removed and made again must not give out the versions of the first one.
    let before_first = (Uuid::new_v4().as_u128() >> 80) as u64;
    Log::create(path, &json(&(namespace.to_string(), before_first))?)
}

pub(crate) fn document((id, (version, body)): (&DocumentId, &(Version, Body))) -> Document {
    Document { id: id.clone(), version: *version, body: body.clone() }
}

impl Space {
    /// Reads a log that was made for this namespace.
    pub(crate) fn open(path: PathBuf, namespace: &Namespace, schema: &Schema) -> Result<Self, StoreError> {
        let (log, lines) = Log::open(path)?;
        let [head, batches @ ..] = lines.as_slice() else { return Err(corrupt("a log without a beginning")) };
        let (owner, last_version): (String, u64) = parsed(head)?;
        if owner != namespace.to_string() {
            let message = format!("the log of {namespace} belongs to {owner}");
            return Err(StoreError::new(StoreErrorKind::NotInstalled, message));
        }
        let mut space = Self { log, kinds: HashMap::new(), last_version };
        for batch in batches {
            for (kind, id, body) in parsed::<Vec<(String, String, Option<Body>)>>(batch)? {
                space.apply(&kind, DocumentId::new(id)?, body);
            }
        }
        space.must_fit(schema)?;
        Ok(space)
    }

    /// An older program may have declared other kinds.
    fn must_fit(&self, schema: &Schema) -> Result<(), StoreError> {
        for kind in schema.kinds() {
            for (id, (_, body)) in self.documents(kind.name()).into_iter().flatten() {
                kind.check(body).map_err(|error| {
                    StoreError::new(StoreErrorKind::Backend, format!("the document {id}: {error}"))
                })?;
            }
        }
        Ok(())
    }

    pub(crate) fn documents(&self, kind: &str) -> Option<&Documents> {
        self.kinds.get(kind)
    }

    /// Applies all of a batch that was checked, or nothing. First the log, then the memory: nobody reads what may be lost.
    pub(crate) fn write(&mut self, batch: Batch) -> Result<Vec<Applied>, StoreError> {
        self.guards_must_hold(&batch)?;
        let guarded = batch.guarded.into_iter().map(|(change, _)| change);
        let changes: Vec<Change> = guarded.chain(batch.appended).collect();
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        self.log.append(&json(&changes.iter().map(entry).collect::<Vec<_>>())?)?;
        let apply = |change| match change {
            Change::Put { kind, id, body } => self.apply(&kind, id, Some(body)),
            Change::Delete { kind, id } => self.apply(&kind, id, None),
        };
        Ok(changes.into_iter().map(apply).collect())
    }

    /// Each guard sees what the changes before it have done, which nothing else shows yet.
    fn guards_must_hold(&self, batch: &Batch) -> Result<(), StoreError> {
        let mut last_version = self.last_version;
        let mut changed = HashMap::new();
        for (item, (change, guard)) in batch.guarded.iter().enumerate() {
            let key = (change.kind(), change.id());
            let stored = || Some(self.documents(change.kind())?.get(change.id())?.0);
            let current = changed.get(&key).copied().unwrap_or_else(stored);
            let holds = match guard {
                Guard::Absent => current.is_none(),
                Guard::Unchanged(read) => current == Some(*read),
            };
            if !holds {
                let message = format!("the guard of item {item} does not hold");
                return Err(StoreError::new(StoreErrorKind::Conflict { item }, message));
            }
            let is_put = matches!(change, Change::Put { .. });
            last_version += u64::from(is_put);
            changed.insert(key, is_put.then_some(Version::from_raw(last_version)));
        }
        Ok(())
    }

    fn apply(&mut self, kind: &str, id: DocumentId, body: Option<Body>) -> Applied {
        let documents = self.kinds.entry(kind.to_owned()).or_default();
        let Some(body) = body else {
            return Applied { version: None, existed: documents.remove(&id).is_some() };
        };
        self.last_version += 1;
        let version = Version::from_raw(self.last_version);
        Applied { version: Some(version), existed: documents.insert(id, (version, body)).is_some() }
    }
}

/// A change as a line has it.
fn entry(change: &Change) -> (&str, &str, Option<&Body>) {
    let body = match change {
        Change::Put { body, .. } => Some(body),
        Change::Delete { .. } => None,
    };
    (change.kind(), change.id().as_str(), body)
}

fn json(value: &impl Serialize) -> Result<String, StoreError> {
    let failed = |error| StoreError::invalid("the batch cannot be written").with_source(error);
    serde_json::to_string(value).map_err(failed)
}

/// What a line says, whose checksum is right: anything else was written by another program.
fn parsed<T: DeserializeOwned>(line: &str) -> Result<T, StoreError> {
    serde_json::from_str(line).map_err(|error| corrupt("a line that is none of a log").with_source(error))
}

fn corrupt(what: &str) -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, what)
}
