//! Writing: batches made ready, and the one connection of a file that applies them.

use rusqlite::{Connection, Statement, Transaction, TransactionBehavior};

use crate::check;
use crate::document::{Applied, Batch, Change, DocumentId, Guard, Version};
use crate::embedded::{failure, layout};
use crate::error::{StoreError, StoreErrorKind};
use crate::kind::Schema;

/// One change of a batch, checked and encoded before the writer is waited for.
#[derive(Debug)]
pub(super) struct Step {
    table: String,
    fields: usize,
    id: DocumentId,
    guard: Option<Guard>,
    content: Option<Content>,
}

/// What a document shall hold.
#[derive(Debug)]
struct Content {
    body: String,
    fields: Vec<Option<Vec<u8>>>,
}

/// Checks and encodes a batch.
pub(super) fn prepare(schema: &Schema, batch: Batch) -> Result<Vec<Step>, StoreError> {
    let guarded = batch.guarded.into_iter().map(|(change, guard)| (change, Some(guard)));
    let appended = batch.appended.into_iter().map(|change| (change, None));
    guarded.chain(appended).map(|(change, guard)| step(schema, change, guard)).collect()
}

fn step(schema: &Schema, change: Change, guard: Option<Guard>) -> Result<Step, StoreError> {
    let kind = schema.kind(change.kind())?;
    let (id, content) = match change {
        Change::Delete { id, .. } => (id, None),
        Change::Put { id, body, .. } => {
            let fields = check::fields(kind, &body)?;
            let body = serde_json::to_string(&body)
                .map_err(|error| StoreError::invalid("the body cannot be written").with_source(error))?;
            (id, Some(Content { body, fields }))
        }
    };
    Ok(Step { table: layout::table(kind), fields: kind.fields().len(), id, guard, content })
}

/// How many versions are reserved at a time: the row that keeps them is not written in every commit.
const VERSIONS: i64 = 1 << 20;

/// The connection that writes to a file, and the versions that are its to give.
pub(super) struct Writer {
    connection: Connection,
    next_version: i64,
    end_version: i64,
}

impl Writer {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection, next_version: 0, end_version: 0 }
    }

    /// Applies all of the steps, or none. On disk when it returns.
    pub(super) fn write(&mut self, steps: &[Step]) -> Result<Vec<Applied>, StoreError> {
        if steps.is_empty() {
            return Ok(Vec::new());
        }
        let failed = |error| failure::sqlite("write", error);
        let Self { connection, next_version, end_version } = self;
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let needed = i64::try_from(steps.len()).map_err(|_| StoreError::invalid("the batch is too large"))?;
        let (first, end) = if *end_version - *next_version < needed {
            reserve(&transaction, needed.max(VERSIONS)).map_err(failed)?
        } else {
            // Used up even if the commit fails: it may have come about all the same.
            let first = *next_version;
            *next_version += needed;
            (first, *end_version)
        };
        let applied = apply_all(&transaction, steps, first)?;
        transaction.commit().map_err(failed)?;
        (*next_version, *end_version) = (first + needed, end);
        Ok(applied)
    }
}

/// The first version of a new block, and the end of it.
fn reserve(transaction: &Transaction<'_>, count: i64) -> rusqlite::Result<(i64, i64)> {
    let sql = "UPDATE meta SET reserved_versions = reserved_versions + ? RETURNING reserved_versions";
    let end: i64 = transaction.query_row(sql, [count], |row| row.get(0))?;
    Ok((end - count, end))
}

fn apply_all(
    transaction: &Transaction<'_>,
    steps: &[Step],
    first_version: i64,
) -> Result<Vec<Applied>, StoreError> {
    let mut applied = Vec::with_capacity(steps.len());
    for (item, (step, version)) in steps.iter().zip(first_version..).enumerate() {
        let row = apply(transaction, step, version).map_err(|error| failure::sqlite("write", error))?;
        applied.push(row.ok_or_else(|| {
            let message = format!("the guard of item {item} does not hold");
            StoreError::new(StoreErrorKind::Conflict { item }, message)
        })?);
    }
    Ok(applied)
}

/// `None` if the guard does not hold.
fn apply(transaction: &Transaction<'_>, step: &Step, version: i64) -> rusqlite::Result<Option<Applied>> {
    match &step.content {
        Some(content) => put(transaction, step, content, version),
        None => delete(transaction, step),
    }
}

fn put(
    transaction: &Transaction<'_>,
    step: &Step,
    content: &Content,
    version: i64,
) -> rusqlite::Result<Option<Applied>> {
    let row = |existed| Applied { version: Some(Version::from_raw(version.cast_unsigned())), existed };
    let execute = |sql: &str, read: Option<Version>| -> rusqlite::Result<bool> {
        let mut statement = transaction.prepare_cached(sql)?;
        bind(&mut statement, step, content, version, read)?;
        Ok(statement.raw_execute()? > 0)
    };
    if let Some(Guard::Unchanged(read)) = step.guard {
        return Ok(execute(&update(step, true), Some(read))?.then(|| row(true)));
    }
    if execute(&insert(step), None)? {
        return Ok(Some(row(false)));
    }
    match step.guard {
        Some(_) => Ok(None),
        None => execute(&update(step, false), None).map(|_| Some(row(true))),
    }
}

fn delete(transaction: &Transaction<'_>, step: &Step) -> rusqlite::Result<Option<Applied>> {
    let table = &step.table;
    let row = |existed| Some(Applied { version: None, existed });
    let id = step.id.as_str();
    match step.guard {
        None => {
            let mut statement = transaction.prepare_cached(&format!("DELETE FROM {table} WHERE id = ?"))?;
            Ok(row(statement.execute([id])? > 0))
        }
        Some(Guard::Unchanged(read)) => {
            let sql = format!("DELETE FROM {table} WHERE id = ? AND version = ?");
            let deleted = transaction.prepare_cached(&sql)?.execute((id, read.to_raw().cast_signed()))?;
            Ok(if deleted > 0 { row(true) } else { None })
        }
        Some(Guard::Absent) => {
            let sql = format!("SELECT 1 FROM {table} WHERE id = ?");
            let exists = transaction.prepare_cached(&sql)?.exists([id])?;
            Ok(if exists { None } else { row(false) })
        }
    }
}

/// Parameters as [`bind`] numbers them.
fn insert(step: &Step) -> String {
    let Step { table, fields, .. } = step;
    let columns: String = (0..*fields).map(|field| format!(", f{field}")).collect();
    let values: String = (0..*fields).map(|field| format!(", ?{}", field + 4)).collect();
    format!(
        "INSERT INTO {table} (id, version, body{columns}) VALUES (?1, ?2, ?3{values}) ON CONFLICT (id) DO NOTHING"
    )
}

fn update(step: &Step, guarded: bool) -> String {
    let Step { table, fields, .. } = step;
    let columns: String = (0..*fields).map(|field| format!(", f{field} = ?{}", field + 4)).collect();
    let guard = if guarded { format!(" AND version = ?{}", fields + 4) } else { String::new() };
    format!("UPDATE {table} SET version = ?2, body = ?3{columns} WHERE id = ?1{guard}")
}

/// The id, the version, the body, each field, and the version that a guard asks for.
fn bind(
    statement: &mut Statement<'_>,
    step: &Step,
    content: &Content,
    version: i64,
    read: Option<Version>,
) -> rusqlite::Result<()> {
    statement.raw_bind_parameter(1, step.id.as_str())?;
    statement.raw_bind_parameter(2, version)?;
    statement.raw_bind_parameter(3, content.body.as_str())?;
    for (field, bytes) in content.fields.iter().enumerate() {
        statement.raw_bind_parameter(field + 4, bytes.as_deref())?;
    }
    match read {
        Some(read) => statement.raw_bind_parameter(step.fields + 4, read.to_raw().cast_signed()),
        None => Ok(()),
    }
}
