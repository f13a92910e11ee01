//! [`Writer`]: the one connection of a file that writes.

use std::sync::Arc;

use rusqlite::{Connection, Statement};
use uuid::Uuid;

use crate::document::{Applied, Guard, Version};
use crate::embedded::journal::entry::{Entry, Origin};
use crate::embedded::step::{Content, KindStatements, Statements, Step};
use crate::embedded::{failure, layout};
use crate::error::{StoreError, StoreErrorKind};
use crate::kind::Schema;
use crate::namespace::Namespace;

/// How many versions are reserved at a time: the row that keeps them is not written in every commit.
const VERSIONS: i64 = 1 << 20;

/// What makes a transaction durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    /// The commit syncs the file's own journal.
    File,
    /// The process's journal has been synced before the commit, which syncs nothing.
    Journal,
}

/// The connection that writes to a file, and the versions that are its to give.
pub(super) struct Writer {
    connection: Connection,
    schema: Arc<Schema>,
    statements: Arc<Statements>,
    namespace: Namespace,
    next_version: i64,
    end_version: i64,
    durability: Option<Durability>,
    life: Life,
    /// The life that the transaction begins, if it is committed.
    next_life: Option<Uuid>,
}

/// The life that the file is in.
#[derive(Debug, Clone, Copy)]
struct Life {
    /// `None` until this writer has begun one: entries of an earlier writer's life may be anywhere.
    id: Option<Uuid>,
    /// How many entries of it are in the journal.
    entries: u64,
}

impl Writer {
    pub(super) fn new(
        connection: Connection,
        namespace: Namespace,
        schema: Arc<Schema>,
        statements: Arc<Statements>,
    ) -> Self {
        let life = Life { id: None, entries: 0 };
        Self {
            connection,
            schema,
            statements,
            namespace,
            next_version: 0,
            end_version: 0,
            durability: None,
            life,
            next_life: None,
        }
    }

    /// Whether a transaction can be made durable by the journal: entries need a life of this writer's.
    pub(super) fn has_life(&self) -> bool {
        self.life.id.is_some()
    }

    /// Whether entries in the journal wait for the file.
    pub(super) fn is_unsettled(&self) -> bool {
        self.life.entries > 0
    }

    /// Begins a transaction.
    pub(super) fn begin(&mut self, durability: Durability) -> Result<(), StoreError> {
        let begin = || -> rusqlite::Result<()> {
            if self.durability != Some(durability) {
                let synchronous = match durability {
                    Durability::File => "FULL",
                    Durability::Journal => "NORMAL",
                };
                self.connection.pragma_update(None, "synchronous", synchronous)?;
            }
            self.execute("BEGIN IMMEDIATE")
        };
        begin().map_err(|error| failure::sqlite("begin to write", error))?;
        self.durability = Some(durability);
        Ok(())
    }

    /// The entry of the transaction that has begun, still empty; `None` if the file itself makes it durable.
    pub(super) fn entry(&self) -> Option<Entry> {
        let life = self.life.id.filter(|_| self.durability == Some(Durability::Journal))?;
        Some(Entry::new(Origin { namespace: self.namespace, life, number: self.life.entries + 1 }))
    }

    /// Applies all of a batch, or nothing of it, within the transaction that has begun.
    ///
    /// # Errors
    /// After a conflict the transaction can go on; after anything else it cannot.
    pub(super) fn apply(
        &mut self,
        steps: &[Step],
        entry: Option<&mut Entry>,
    ) -> Result<Vec<Applied>, StoreError> {
        let failed = |error| failure::sqlite("write", error);
        let first = self.versions(steps.len())?;
        // What has no guard can only fail as the whole transaction does.
        let can_conflict = steps.iter().any(|step| step.guard.is_some());
        if can_conflict {
            self.execute("SAVEPOINT batch").map_err(failed)?;
        }
        let applied = self.apply_all(steps, first);
        if can_conflict {
            if applied.as_ref().is_err_and(StoreError::is_conflict) {
                self.execute("ROLLBACK TO batch").map_err(failed)?;
            }
            // A transaction that SQLite has ended has no savepoints either.
            if applied.is_ok() || applied.as_ref().is_err_and(StoreError::is_conflict) {
                self.execute("RELEASE batch").map_err(failed)?;
            }
        }
        if let (Ok(applied), Some(entry)) = (&applied, entry) {
            self.note(entry, steps, applied);
        }
        applied
    }

    /// The first of so many versions. Used up even if the commit fails: it may have come about all the same.
    fn versions(&mut self, count: usize) -> Result<i64, StoreError> {
        let count = i64::try_from(count).map_err(|_| StoreError::invalid("the batch is too large"))?;
        if self.end_version - self.next_version < count {
            let reserved = count.max(VERSIONS);
            let end = layout::reserve_versions(&self.connection, reserved)
                .map_err(|error| failure::sqlite("write", error))?;
            (self.next_version, self.end_version) = (end - reserved, end);
        }
        let first = self.next_version;
        self.next_version += count;
        Ok(first)
    }

    fn apply_all(&self, steps: &[Step], first_version: i64) -> Result<Vec<Applied>, StoreError> {
        let mut applied = Vec::with_capacity(steps.len());
        for (item, (step, version)) in steps.iter().zip(first_version..).enumerate() {
            let sql = self.statements.of(step.kind);
            let row = match &step.content {
                Some(content) => put(&self.connection, sql, step, content, version),
                None => delete(&self.connection, sql, step),
            };
            applied.push(row.map_err(|error| failure::sqlite("write", error))?.ok_or_else(|| {
                let message = format!("the guard of item {item} does not hold");
                StoreError::new(StoreErrorKind::Conflict { item }, message)
            })?);
        }
        Ok(applied)
    }

    fn note(&self, entry: &mut Entry, steps: &[Step], applied: &[Applied]) {
        for (step, applied) in steps.iter().zip(applied) {
            let kind = self.schema.kinds()[step.kind].name();
            match (&step.content, applied.version) {
                (Some(content), Some(version)) => entry.put(kind, &step.id, version, &content.body),
                _ => entry.remove(kind, &step.id),
            }
        }
    }

    /// Lets another life begin with this transaction, which the file itself has to make durable.
    pub(super) fn begin_life(&mut self) -> Result<(), StoreError> {
        let id = Uuid::new_v4();
        layout::begin_life(&self.connection, id).map_err(|error| failure::sqlite("write", error))?;
        self.next_life = Some(id);
        Ok(())
    }

    pub(super) fn commit(&mut self) -> Result<(), StoreError> {
        if let Err(error) = self.execute("COMMIT") {
            (self.next_version, self.end_version) = (0, 0);
            return Err(failure::sqlite("commit", error));
        }
        if let Some(id) = self.next_life.take() {
            self.life = Life { id: Some(id), entries: 0 };
        } else if self.durability == Some(Durability::Journal) {
            self.life.entries += 1;
        }
        Ok(())
    }

    /// Ends the transaction without effect, if one is under way.
    pub(super) fn roll_back(&mut self) {
        if !self.connection.is_autocommit() {
            // What fails here has ended the transaction.
            let _ = self.execute("ROLLBACK");
            // The row that reserved them may be gone with it.
            (self.next_version, self.end_version) = (0, 0);
        }
        self.next_life = None;
    }

    /// Lets another life begin in a transaction that nothing syncs yet, if entries wait for the file: closing syncs it.
    pub(super) fn settle_unsynced(&mut self) -> Result<(), StoreError> {
        if self.is_unsettled() {
            let failed = |error| failure::sqlite("settle", error);
            layout::begin_life(&self.connection, Uuid::new_v4()).map_err(failed)?;
        }
        Ok(())
    }

    /// Closes the connection; the last one of a file moves its journal into it.
    pub(super) fn close(self) {
        if let Err((_, error)) = self.connection.close() {
            tracing::error!(namespace = %self.namespace, %error, "could not close the file of {}", self.namespace);
        }
    }

    fn execute(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.raw_execute().map(drop)
    }
}

/// `None` if the guard does not hold.
fn put(
    connection: &Connection,
    sql: &KindStatements,
    step: &Step,
    content: &Content,
    version: i64,
) -> rusqlite::Result<Option<Applied>> {
    let row = |existed| Applied { version: Some(Version::from_raw(version.cast_unsigned())), existed };
    let execute = |sql: &str, read: Option<Version>| -> rusqlite::Result<bool> {
        let mut statement = connection.prepare_cached(sql)?;
        bind(&mut statement, step, content, version, read)?;
        Ok(statement.raw_execute()? > 0)
    };
    if let Some(Guard::Unchanged(read)) = step.guard {
        return Ok(execute(&sql.update_unchanged, Some(read))?.then(|| row(true)));
    }
    if execute(&sql.insert, None)? {
        return Ok(Some(row(false)));
    }
    match step.guard {
        Some(_) => Ok(None),
        None => execute(&sql.update, None).map(|_| Some(row(true))),
    }
}

/// `None` if the guard does not hold.
fn delete(connection: &Connection, sql: &KindStatements, step: &Step) -> rusqlite::Result<Option<Applied>> {
    let row = |existed| Applied { version: None, existed };
    let id = step.id.as_str();
    Ok(match step.guard {
        None => Some(row(connection.prepare_cached(&sql.delete)?.execute([id])? > 0)),
        Some(Guard::Unchanged(read)) => {
            let mut delete = connection.prepare_cached(&sql.delete_unchanged)?;
            (delete.execute((id, read.to_raw().cast_signed()))? > 0).then(|| row(true))
        }
        Some(Guard::Absent) => {
            let exists = connection.prepare_cached(&sql.exists)?.exists([id])?;
            (!exists).then(|| row(false))
        }
    })
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
        Some(read) => statement.raw_bind_parameter(content.fields.len() + 4, read.to_raw().cast_signed()),
        None => Ok(()),
    }
}
