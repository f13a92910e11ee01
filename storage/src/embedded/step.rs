//! Batches made ready before a writer is waited for: checked, encoded, and the SQL of each kind written once.

use crate::check;
use crate::document::{Batch, Change, DocumentId, Guard};
use crate::embedded::layout;
use crate::error::StoreError;
use crate::kind::{Kind, Schema};

/// One change of a batch.
#[derive(Debug)]
pub(super) struct Step {
    /// Where the kind stands in the schema, and in [`Statements`].
    pub(super) kind: usize,
    pub(super) id: DocumentId,
    pub(super) guard: Option<Guard>,
    /// `None` for a removal.
    pub(super) content: Option<Content>,
}

/// What a document shall hold.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) body: String,
    pub(super) fields: Vec<Option<Vec<u8>>>,
}

impl Step {
    /// About how much memory it takes, in bytes.
    pub(super) fn size(&self) -> usize {
        let content = self.content.as_ref().map_or(0, |content| content.body.len());
        size_of::<Self>() + self.id.as_str().len() + content
    }
}

/// Checks and encodes a batch.
pub(super) fn prepare(schema: &Schema, batch: Batch) -> Result<Vec<Step>, StoreError> {
    let guarded = batch.guarded.into_iter().map(|(change, guard)| (change, Some(guard)));
    let appended = batch.appended.into_iter().map(|change| (change, None));
    guarded.chain(appended).map(|(change, guard)| step(schema, change, guard)).collect()
}

fn step(schema: &Schema, change: Change, guard: Option<Guard>) -> Result<Step, StoreError> {
    let kind = schema.position(change.kind())?;
    let (id, content) = match change {
        Change::Delete { id, .. } => (id, None),
        Change::Put { id, body, .. } => {
            let fields = check::fields(&schema.kinds()[kind], &body)?;
            let body = serde_json::to_string(&body)
                .map_err(|error| StoreError::invalid("the body cannot be written").with_source(error))?;
            (id, Some(Content { body, fields }))
        }
    };
    Ok(Step { kind, id, guard, content })
}

/// The SQL that writes the documents of each kind of a schema, in its order.
#[derive(Debug)]
pub(super) struct Statements(Vec<KindStatements>);

/// The SQL that writes the documents of a kind. Parameters: `?1` the id, `?2` the version, `?3` the body, then each field,
/// and last the version that a guard asks for.
#[derive(Debug)]
pub(super) struct KindStatements {
    pub(super) insert: String,
    pub(super) update: String,
    pub(super) update_unchanged: String,
    /// `?1` the id.
    pub(super) delete: String,
    /// `?1` the id, `?2` the version that the guard asks for.
    pub(super) delete_unchanged: String,
    /// `?1` the id.
    pub(super) exists: String,
}

impl Statements {
    pub(super) fn new(schema: &Schema) -> Self {
        Self(schema.kinds().iter().map(KindStatements::new).collect())
    }

    pub(super) fn of(&self, kind: usize) -> &KindStatements {
        &self.0[kind]
    }
}

impl KindStatements {
    fn new(kind: &Kind) -> Self {
        let table = layout::table(kind);
        let fields = 0..kind.fields().len();
        let columns: String = fields.clone().map(|field| format!(", f{field}")).collect();
        let values: String = fields.clone().map(|field| format!(", ?{}", field + 4)).collect();
        let set: String = fields.clone().map(|field| format!(", f{field} = ?{}", field + 4)).collect();
        let update = format!("UPDATE {table} SET version = ?2, body = ?3{set} WHERE id = ?1");
        Self {
            insert: format!(
                "INSERT INTO {table} (id, version, body{columns}) VALUES (?1, ?2, ?3{values}) ON CONFLICT (id) DO NOTHING"
            ),
            update_unchanged: format!("{update} AND version = ?{}", fields.end + 4),
            update,
            delete: format!("DELETE FROM {table} WHERE id = ?1"),
            delete_unchanged: format!("DELETE FROM {table} WHERE id = ?1 AND version = ?2"),
            exists: format!("SELECT 1 FROM {table} WHERE id = ?1"),
        }
    }
}
