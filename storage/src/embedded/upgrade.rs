//! Bringing a file of an older program up to this one's format and kinds.
//!
//! The documents of a kind whose fields have changed are copied into a new table, some at a time, each time in a
//! transaction of its own: an upgrade that was killed goes on where it was. Until the last transaction, which puts the new
//! tables in the place of the old ones, the file is what it was, and the older program can still open it.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params_from_iter};

use crate::check;
use crate::embedded::layout::{self, FORMAT};
use crate::embedded::{failure, function};
use crate::error::{StoreError, StoreErrorKind};
use crate::kind::{Kind, Schema};
use crate::namespace::Namespace;

/// How many documents are copied in one transaction.
const CHUNK: usize = 2000;

/// Upgrades an older file. On disk when it returns.
///
/// # Errors
/// A document that breaks the new declaration ends it, and the message names the document: nothing is lost, and the older
/// program can still open the file.
pub(super) fn run(
    connection: &mut Connection,
    namespace: &Namespace,
    schema: &Schema,
    format: i32,
) -> Result<(), StoreError> {
    tracing::info!(%namespace, "upgrading the file of {namespace}");
    let failed = |error| failure::sqlite("upgrade", error);
    if format < 2 {
        add_life(connection).map_err(failed)?;
    }
    let plan = Plan::new(connection, schema).map_err(failed)?;
    let Some(plan) = plan else { return Ok(()) };
    plan.begin(connection).map_err(failed)?;
    for kind in &plan.copied {
        while copy_some(connection, namespace, kind)? == CHUNK {}
    }
    plan.finish(connection).map_err(failed)?;
    tracing::info!(%namespace, "upgraded the file of {namespace}");
    Ok(())
}

/// Format 2: a file says which life it is in.
fn add_life(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction
        .execute_batch(&format!("ALTER TABLE meta ADD COLUMN life BLOB; PRAGMA user_version = {FORMAT};"))?;
    transaction.commit()
}

/// What has to be done.
struct Plan<'s> {
    schema: &'s Schema,
    declaration: String,
    /// Kinds that the file does not have.
    created: Vec<&'s Kind>,
    /// Kinds whose fields have changed.
    copied: Vec<&'s Kind>,
    /// Kinds of which nothing but the indexes has changed.
    indexed: Vec<&'s Kind>,
}

impl<'s> Plan<'s> {
    /// `None` if the kinds are as they should be.
    fn new(connection: &Connection, schema: &'s Schema) -> rusqlite::Result<Option<Self>> {
        let (version, old): (u32, String) =
            connection.query_row("SELECT schema_version, declaration FROM meta", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
        if version == schema.version() {
            return Ok(None);
        }
        let old = by_kind(&old);
        let declaration = layout::declaration(schema);
        let mut plan =
            Self { schema, declaration, created: Vec::new(), copied: Vec::new(), indexed: Vec::new() };
        for kind in schema.kinds() {
            let (fields, indexes) = (layout::fields_of(kind), layout::indexes_of(kind));
            match old.get(kind.name()) {
                Some(before) if *before == format!("{fields}{indexes}") => {}
                Some(before) if without_indexes(before) == fields => plan.indexed.push(kind),
                Some(_) => plan.copied.push(kind),
                // A kind that was left out for a while, and comes back.
                None if exists(connection, &layout::table(kind))? => plan.copied.push(kind),
                None => plan.created.push(kind),
            }
        }
        Ok(Some(plan))
    }

    /// Makes the tables to copy into, unless an upgrade to the same kinds has made them before.
    fn begin(&self, connection: &mut Connection) -> rusqlite::Result<()> {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch("CREATE TABLE IF NOT EXISTS upgrade (declaration TEXT NOT NULL) STRICT")?;
        let sql = "SELECT declaration FROM upgrade";
        let begun: Option<String> = transaction.query_row(sql, [], |row| row.get(0)).optional()?;
        if begun.as_ref() == Some(&self.declaration) {
            return Ok(());
        }
        drop_begun(&transaction)?;
        transaction.execute("DELETE FROM upgrade", [])?;
        transaction.execute("INSERT INTO upgrade VALUES (?)", [&self.declaration])?;
        for kind in &self.copied {
            transaction.execute_batch(&layout::documents(kind, &next_table(kind)))?;
        }
        transaction.commit()
    }

    /// Puts the new tables in the place of the old ones.
    fn finish(&self, connection: &mut Connection) -> rusqlite::Result<()> {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for kind in &self.copied {
            let (table, next) = (layout::table(kind), next_table(kind));
            transaction
                .execute_batch(&format!("DROP TABLE {table}; ALTER TABLE {next} RENAME TO {table};"))?;
        }
        for kind in &self.created {
            transaction.execute_batch(&layout::documents(kind, &layout::table(kind)))?;
        }
        for kind in &self.indexed {
            drop_indexes(&transaction, kind)?;
        }
        for kind in self.copied.iter().chain(&self.created).chain(&self.indexed) {
            transaction.execute_batch(&layout::create_indexes(kind))?;
        }
        transaction.execute_batch("DROP TABLE upgrade")?;
        let sql = "UPDATE meta SET schema_version = ?, declaration = ?";
        transaction.execute(sql, (self.schema.version(), &self.declaration))?;
        transaction.commit()
    }
}

/// A declaration's part of each kind: a line with its name, then indented ones.
fn by_kind(declaration: &str) -> HashMap<&str, String> {
    let mut parts: HashMap<&str, String> = HashMap::new();
    let mut name = "";
    for line in declaration.lines() {
        if !line.starts_with(' ') {
            name = line;
        }
        let part = parts.entry(name).or_default();
        part.push_str(line);
        part.push('\n');
    }
    parts
}

fn without_indexes(part: &str) -> String {
    part.lines().filter(|line| !line.starts_with("  index ")).map(|line| format!("{line}\n")).collect()
}

/// Where the documents of a kind are copied to.
fn next_table(kind: &Kind) -> String {
    format!("\"next_{}\"", kind.name())
}

fn exists(connection: &Connection, quoted: &str) -> rusqlite::Result<bool> {
    let name = quoted.trim_matches('"');
    connection.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?")?.exists([name])
}

/// Forgets an upgrade to other kinds.
fn drop_begun(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB 'next_*'";
    for name in names(transaction, sql, [])? {
        transaction.execute_batch(&format!("DROP TABLE \"{name}\""))?;
    }
    Ok(())
}

fn drop_indexes(transaction: &Transaction<'_>, kind: &Kind) -> rusqlite::Result<()> {
    let table = layout::table(kind);
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL";
    for name in names(transaction, sql, [table.trim_matches('"')])? {
        transaction.execute_batch(&format!("DROP INDEX \"{name}\""))?;
    }
    Ok(())
}

fn names(
    transaction: &Transaction<'_>,
    sql: &str,
    parameters: impl rusqlite::Params,
) -> rusqlite::Result<Vec<String>> {
    transaction.prepare(sql)?.query_map(parameters, |row| row.get(0))?.collect()
}

/// Copies the next documents of a kind, with the fields as they are declared now. How many.
fn copy_some(connection: &mut Connection, namespace: &Namespace, kind: &Kind) -> Result<usize, StoreError> {
    let failed = |error| failure::sqlite("upgrade", error);
    let (table, next) = (layout::table(kind), next_table(kind));
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    let rows = documents_after_the_last(&transaction, &table, &next).map_err(failed)?;
    let columns = kind.fields().len();
    let places = ", ?".repeat(columns);
    let names: String = (0..columns).map(|field| format!(", f{field}")).collect();
    let insert = format!("INSERT INTO {next} (id, version, body{names}) VALUES (?, ?, ?{places})");
    for (id, version, body) in &rows {
        let fields = function::parsed(body).and_then(|body| check::fields(kind, &body)).map_err(|error| {
            let what = format!("the {} `{id}` of {namespace} does not fit version", kind.name());
            StoreError::new(StoreErrorKind::Backend, format!("{what} of the kinds: {error}"))
        })?;
        let values = [id.clone().into(), (*version).into(), body.clone().into()].into_iter();
        let fields = fields.into_iter().map(rusqlite::types::Value::from);
        transaction
            .prepare_cached(&insert)
            .and_then(|mut insert| insert.execute(params_from_iter(values.chain(fields))))
            .map_err(failed)?;
    }
    transaction.commit().map_err(failed)?;
    Ok(rows.len())
}

type Row = (String, i64, String);

fn documents_after_the_last(
    transaction: &Transaction<'_>,
    table: &str,
    next: &str,
) -> rusqlite::Result<Vec<Row>> {
    let sql = format!(
        "SELECT id, version, body FROM {table} WHERE id > (SELECT coalesce(max(id), '') FROM {next})
         ORDER BY id LIMIT {CHUNK}"
    );
    let mut statement = transaction.prepare_cached(&sql)?;
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect()
}
