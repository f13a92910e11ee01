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

/// What makes a group of batches durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    /// A commit that syncs the file's own journal.
    File,
    /// A sync of the process's journal. The file's transaction stays open for more groups, and is committed without a sync
    /// later: pages that many groups change are written once.
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
    /// What the connection is set to.
    synchronous: Option<Durability>,
    life: Life,
    /// How many groups of the transaction that is open are in the journal, and acknowledged.
    landed: u64,
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
        Self {
            connection,
            schema,
            statements,
            namespace,
            next_version: 0,
            end_version: 0,
            synchronous: None,
            life: Life { id: None, entries: 0 },
            landed: 0,
        }
    }

    /// Whether a group can be made durable by the journal: entries need a life of this writer's.
    pub(super) fn has_life(&self) -> bool {
        self.life.id.is_some()
    }

    /// Whether entries in the journal wait for the file.
    pub(super) fn is_unsettled(&self) -> bool {
        self.life.entries > 0
    }

    /// Begins a group that goes into the journal. Its entry, still empty.
    pub(super) fn begin_entry(&mut self) -> Result<Entry, StoreError> {
        let life = self.life.id.ok_or_else(|| failure::unavailable("the file has no life"))?;
        if self.landed == 0 {
            self.begin(Durability::Journal)?;
        }
        self.execute("SAVEPOINT entry").map_err(|error| failure::sqlite("begin to write", error))?;
        Ok(Entry::new(Origin { namespace: self.namespace, life, number: self.life.entries + 1 }))
    }

    /// The journal holds the group: it stays, and can be acknowledged.
    pub(super) fn land(&mut self) -> Result<(), StoreError> {
        self.execute("RELEASE entry").map_err(|error| failure::sqlite("write", error))?;
        self.life.entries += 1;
        self.landed += 1;
        Ok(())
    }

    /// Takes the group back that has begun, and nothing else.
    ///
    /// # Errors
    /// If what had landed before is lost with it: the file has to be opened again.
    pub(super) fn take_back(&mut self) -> Result<(), StoreError> {
        // The row that reserved them may be gone with it.
        (self.next_version, self.end_version) = (0, 0);
        let failed = |error| failure::sqlite("take back a write", error);
        if self.landed > 0 {
            return self
                .execute("ROLLBACK TO entry")
                .and_then(|()| self.execute("RELEASE entry"))
                .map_err(failed);
        }
        // SQLite may have ended it by itself.
        if self.connection.is_autocommit() { Ok(()) } else { self.execute("ROLLBACK").map_err(failed) }
    }

    /// Commits what has landed, so that other connections see it. Nothing is synced.
    pub(super) fn flush(&mut self) -> Result<(), StoreError> {
        if self.landed > 0 {
            self.execute("COMMIT").map_err(|error| failure::sqlite("commit", error))?;
            self.landed = 0;
        }
        Ok(())
    }

    /// Applies a group and commits it with a sync of the file, in which another life begins: what has landed is committed
    /// before, and no entry in the journal waits for the file any more.
    ///
    /// # Errors
    /// It is unknown then what the file holds: it has to be opened again.
    pub(super) fn commit_synced(
        &mut self,
        apply: impl FnOnce(&mut Self) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let failed = |error| failure::sqlite("commit", error);
        self.flush()?;
        self.begin(Durability::File)?;
        let life = Uuid::new_v4();
        let committed = apply(self)
            .and_then(|()| layout::begin_life(&self.connection, life).map_err(failed))
            .and_then(|()| self.execute("COMMIT").map_err(failed));
        match &committed {
            Ok(()) => self.life = Life { id: Some(life), entries: 0 },
            Err(_) => self.take_back()?,
        }
        committed
    }

    fn begin(&mut self, durability: Durability) -> Result<(), StoreError> {
        let begin = || -> rusqlite::Result<()> {
            if self.synchronous != Some(durability) {
                let synchronous = match durability {
                    Durability::File => "FULL",
                    Durability::Journal => "NORMAL",
                };
                self.connection.pragma_update(None, "synchronous", synchronous)?;
            }
            self.execute("BEGIN IMMEDIATE")
        };
        begin().map_err(|error| failure::sqlite("begin to write", error))?;
        self.synchronous = Some(durability);
        Ok(())
    }

    /// Applies all of a batch, or nothing of it, within the group that has begun.
    ///
    /// # Errors
    /// After a conflict the group can go on; after anything else it cannot.
    pub(super) fn apply(
        &mut self,
        steps: &[Step],
        entry: Option<&mut Entry>,
    ) -> Result<Vec<Applied>, StoreError> {
        let failed = |error| failure::sqlite("write", error);
        let first = self.versions(steps.len())?;
        // What has no guard can only fail as the whole group does.
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

    /// Commits what has landed, with another life if entries wait for the file. Nothing is synced yet: closing does it.
    pub(super) fn settle_unsynced(&mut self) -> Result<(), StoreError> {
        if self.is_unsettled() {
            let failed = |error| failure::sqlite("settle", error);
            layout::begin_life(&self.connection, Uuid::new_v4()).map_err(failed)?;
        }
        self.flush()
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
