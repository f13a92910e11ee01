//! What is in a file: a row that says whose it is, and a table for each kind.
//!
//! Everything of a file is made in one transaction, so a file is whole or has nothing.

use std::fmt::Write;

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};
use uuid::Uuid;

use crate::embedded::failure;
use crate::error::{StoreError, StoreErrorKind};
use crate::kind::{FieldType, Kind, Schema};
use crate::namespace::Namespace;

/// `tnry`: what `file` and other tools recognise our files by.
const APPLICATION_ID: i32 = 0x746e_7279;

/// The version of what this file describes, not of the kinds.
pub(super) const FORMAT: i32 = 2;

/// What a file is to this program.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum State {
    /// An install has not come to its end; there is nothing in it.
    Empty,
    /// It belongs to the namespace, and was written by an older program.
    Older {
        /// Of what this file describes.
        format: i32,
    },
    /// It belongs to the namespace and to the schema.
    Installed,
}

/// What is in a file that was opened for a namespace.
///
/// # Errors
/// [`NotInstalled`](StoreErrorKind::NotInstalled) if it belongs to another namespace, a backend failure if it is not
/// one of ours or of another schema.
pub(super) fn inspect(
    connection: &Connection,
    namespace: &Namespace,
    schema: &Schema,
) -> Result<State, StoreError> {
    let read = |error| failure::sqlite("read what the file is", error);
    let application: i32 =
        connection.query_row("PRAGMA application_id", [], |row| row.get(0)).map_err(read)?;
    if application != APPLICATION_ID {
        let tables: i64 =
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(read)?;
        if application == 0 && tables == 0 {
            return Ok(State::Empty);
        }
        return Err(failure::corrupt(format!("the file of {namespace} is none of this program's")));
    }
    let format: i32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(read)?;
    if format > FORMAT {
        return Err(newer(namespace, "format", format.into(), FORMAT.into()));
    }
    let row = connection
        .query_row("SELECT namespace, schema_version, declaration FROM meta", [], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?, row.get::<_, String>(2)?))
        })
        .optional()
        .map_err(read)?;
    let (owner, version, declaration) =
        row.ok_or_else(|| failure::corrupt(format!("the file of {namespace} does not say whose it is")))?;
    if owner != namespace.to_string() {
        return Err(failure::not_installed(format!("the file of {namespace} belongs to {owner}")));
    }
    if version > i64::from(schema.version()) {
        return Err(newer(namespace, "schema", version, schema.version().into()));
    }
    if version < i64::from(schema.version()) || format < FORMAT {
        return Ok(State::Older { format });
    }
    if declaration != self::declaration(schema) {
        let message = format!("the kinds changed since {namespace} was installed, and their version did not");
        return Err(StoreError::new(StoreErrorKind::Backend, message));
    }
    Ok(State::Installed)
}

fn newer(namespace: &Namespace, what: &str, found: i64, known: i64) -> StoreError {
    let message = format!(
        "the file of {namespace} has the {what} version {found}, and this program knows {known}: run a newer one"
    );
    StoreError::new(StoreErrorKind::Backend, message)
}

/// Makes the tables of an empty file, unless another call has just done so. Whether it was this one.
pub(super) fn create(
    connection: &mut Connection,
    namespace: &Namespace,
    schema: &Schema,
) -> Result<bool, StoreError> {
    let make = |error| failure::sqlite("make the tables", error);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(make)?;
    if inspect(&transaction, namespace, schema)? != State::Empty {
        return Ok(false);
    }
    transaction.execute_batch(&tables(schema)).map_err(make)?;
    // A file that is removed and made again must not give out the versions of the first one.
    let first_version = i64::try_from(Uuid::new_v4().as_u128() >> 80).expect("48 bits");
    transaction
        .execute(
            "INSERT INTO meta (namespace, schema_version, declaration, reserved_versions) VALUES (?, ?, ?, ?)",
            (namespace.to_string(), schema.version(), declaration(schema), first_version),
        )
        .map_err(make)?;
    transaction.commit().map_err(make)?;
    Ok(true)
}

fn tables(schema: &Schema) -> String {
    let mut sql = format!(
        "PRAGMA application_id = {APPLICATION_ID};
         PRAGMA user_version = {FORMAT};
         CREATE TABLE meta (namespace TEXT NOT NULL, schema_version INTEGER NOT NULL,
                            declaration TEXT NOT NULL, reserved_versions INTEGER NOT NULL, life BLOB) STRICT;\n"
    );
    for kind in schema.kinds() {
        sql.push_str(&documents(kind, &table(kind)));
        sql.push_str(&create_indexes(kind));
    }
    sql
}

/// The SQL that makes a table for the documents of a kind.
pub(super) fn documents(kind: &Kind, table: &str) -> String {
    let columns: String = (0..kind.fields().len()).map(|field| format!(", f{field} BLOB")).collect();
    // The body comes last: reading a column after a long body means reading all of the body.
    format!(
        "CREATE TABLE {table} (id TEXT PRIMARY KEY NOT NULL, version INTEGER NOT NULL{columns}, \
         body TEXT NOT NULL) STRICT;\n"
    )
}

/// The SQL that makes the indexes of a kind.
pub(super) fn create_indexes(kind: &Kind) -> String {
    let (name, table) = (kind.name(), table(kind));
    let indexes = indexes(kind);
    let create = indexes.iter().enumerate().map(|(number, fields)| {
        format!("CREATE INDEX \"ix_{name}_{number}\" ON {table} ({});\n", index_columns(fields))
    });
    create.collect()
}

fn push(sql: &mut String, arguments: std::fmt::Arguments<'_>) {
    sql.write_fmt(arguments).expect("writing to a string does not fail");
}

/// The life that the file is in; `None` if it never had an entry in the journal.
pub(super) fn life(connection: &Connection) -> rusqlite::Result<Option<Uuid>> {
    let life: Option<Vec<u8>> = connection.query_row("SELECT life FROM meta", [], |row| row.get(0))?;
    Ok(life.and_then(|bytes| Uuid::from_slice(&bytes).ok()))
}

pub(super) fn begin_life(connection: &Connection, life: Uuid) -> rusqlite::Result<()> {
    connection.prepare_cached("UPDATE meta SET life = ?")?.execute([life.as_bytes()]).map(drop)
}

/// Reserves so many versions; answers where they end.
pub(super) fn reserve_versions(connection: &Connection, count: i64) -> rusqlite::Result<i64> {
    let sql = "UPDATE meta SET reserved_versions = reserved_versions + ? RETURNING reserved_versions";
    connection.prepare_cached(sql)?.query_row([count], |row| row.get(0))
}

/// Lets no version up to this one be given again.
pub(super) fn skip_versions(connection: &Connection, last: u64) -> rusqlite::Result<()> {
    let sql = "UPDATE meta SET reserved_versions = max(reserved_versions, ?)";
    connection.prepare_cached(sql)?.execute([last.cast_signed() + 1]).map(drop)
}

/// The declared indexes, and one over the time field: the latest documents are what everyone asks for.
fn indexes(kind: &Kind) -> Vec<Vec<usize>> {
    let mut indexes: Vec<Vec<usize>> =
        kind.indexes().iter().filter(|index| !index.is_empty()).cloned().collect();
    let time = kind.time_field().and_then(|field| kind.field_position(&field.path));
    if let Some(time) = time
        && !indexes.iter().any(|index| *index == [time])
    {
        indexes.push(vec![time]);
    }
    indexes
}

/// The last field is the one to sort by: the greatest first, ties by id, as the latest are asked for.
fn index_columns(fields: &[usize]) -> String {
    let columns: Vec<String> = fields.iter().map(|field| format!("f{field}")).collect();
    format!("{} DESC, id", columns.join(", "))
}

/// The table of a kind, quoted. A kind's name has no quote in it, and no other table's name begins so.
pub(super) fn table(kind: &Kind) -> String {
    format!("\"doc_{}\"", kind.name())
}

/// The kinds as text, to notice a change that came without a new version, and what an older program had declared.
pub(super) fn declaration(schema: &Schema) -> String {
    schema.kinds().iter().map(|kind| fields_of(kind) + &indexes_of(kind)).collect()
}

/// A kind's part of the declaration, without its indexes.
pub(super) fn fields_of(kind: &Kind) -> String {
    let mut text = format!("{}\n", kind.name());
    for field in kind.fields() {
        let field_type = match field.field_type {
            FieldType::Text => "text",
            FieldType::Number => "number",
            FieldType::Date => "date",
        };
        push(&mut text, format_args!("  {} {field_type}\n", field.path));
    }
    text
}

/// The rest of a kind's part.
pub(super) fn indexes_of(kind: &Kind) -> String {
    indexes(kind).iter().map(|index| format!("  index {index:?}\n")).collect()
}
