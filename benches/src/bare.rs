//! [`Bare`]: the opponent that writes the same rows with nothing but SQLite.
//!
//! Its tables and indexes are those that the store itself made in a file ([`Blueprint`]), its pragmas those that the store
//! promises durability with, its rows hold the same bytes.

use std::path::Path;

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, Statement, TransactionBehavior};
use serde_json::Value;
use storage::{Body, DocumentId};

use crate::Result;
use crate::events::Event;

/// Paths of the fields of an event that have a column, in the order of the columns.
const FIELDS: [&[&str]; 5] =
    [&["metadata", "time", "insert"], &["type"], &["session", "id"], &["profile", "id"], &["source", "id"]];

const COLUMNS: [&str; 8] = ["id", "version", "f0", "f1", "f2", "f3", "f4", "body"];

const INSERT: &str =
    "INSERT INTO doc_event (id, version, f0, f1, f2, f3, f4, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)";

/// What the store made of an empty file.
#[derive(Debug, Clone)]
pub struct Blueprint {
    page_size: u32,
    statements: Vec<String>,
}

impl Blueprint {
    /// Reads an installed file that is not open anywhere else.
    ///
    /// # Errors
    /// If it cannot be read, or its events have other columns than [`Bare`] writes.
    pub fn of(path: &Path) -> Result<Self> {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let mut columns: Vec<String> = connection
            .prepare("SELECT name FROM pragma_table_info('doc_event')")?
            .query_map([], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        columns.sort();
        let mut known = COLUMNS;
        known.sort_unstable();
        if columns != known {
            return Err(format!("the store's events have the columns {columns:?}, not {known:?}").into());
        }
        let statements = connection
            .prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid")?
            .query_map([], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        let page_size = connection.query_row("PRAGMA page_size", [], |row| row.get(0))?;
        Ok(Self { page_size, statements })
    }
}

/// A row that is ready to be bound.
#[derive(Debug, Clone)]
pub struct Ready {
    id: String,
    fields: [Vec<u8>; 5],
    body: String,
}

impl Ready {
    /// Makes the text and the columns of an event.
    ///
    /// # Errors
    /// If it lacks a field.
    pub fn of((id, body): Event) -> Result<Self> {
        let field = |path: &[&str]| -> Result<&str> {
            let (first, rest) = path.split_first().ok_or("a path has a beginning")?;
            let value = rest.iter().try_fold(body.get(*first), |value, step| Some(value?.get(step)));
            let text = value.flatten().and_then(Value::as_str);
            text.ok_or_else(|| format!("an event has no {path:?}").into())
        };
        let text = |path| field(path).map(|text| text.as_bytes().to_vec());
        let [inserted, event_type, session, profile, source] = FIELDS;
        let fields =
            [instant(field(inserted)?)?, text(event_type)?, text(session)?, text(profile)?, text(source)?];
        Ok(Self { id: id.as_str().to_owned(), fields, body: serde_json::to_string(&body)? })
    }
}

/// Whole seconds with the sign turned, then nanoseconds: bytes that sort like the time.
fn instant(text: &str) -> Result<Vec<u8>> {
    let instant: Timestamp = text.parse()?;
    let seconds = instant.as_second().cast_unsigned() ^ (1 << 63);
    let nanoseconds = u32::try_from(instant.subsec_nanosecond())?;
    Ok([seconds.to_be_bytes().as_slice(), &nanoseconds.to_be_bytes()].concat())
}

/// A file with the same tables, written by the shortest way.
#[derive(Debug)]
pub struct Bare {
    connection: Connection,
    version: i64,
}

impl Bare {
    /// A new file.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn create(path: &Path, blueprint: &Blueprint) -> Result<Self> {
        let mut connection = Connection::open(path)?;
        connection.pragma_update(None, "page_size", blueprint.page_size)?;
        let mode: String =
            connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
        if mode != "wal" {
            return Err(format!("the journal mode is {mode}").into());
        }
        // Nobody waits for the tables to be safe; the first commit that is measured syncs them too.
        connection.pragma_update(None, "synchronous", "OFF")?;
        let transaction = connection.transaction()?;
        for statement in &blueprint.statements {
            transaction.execute_batch(statement)?;
        }
        transaction.commit()?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        Ok(Self { connection, version: 0 })
    }

    /// A file that exists, such as a copy of one of the store's.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub fn open(path: &Path) -> Result<Self> {
        Ok(Self {
            connection: Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?,
            version: 0,
        })
    }

    /// Writes events in one commit. Gets them as the store does, so it has the same texts and columns to make.
    ///
    /// # Errors
    /// If SQLite does not take them.
    pub fn commit(&mut self, events: Vec<Event>) -> Result<()> {
        let rows = events.into_iter().map(Ready::of).collect::<Result<Vec<_>>>()?;
        self.commit_ready(&rows)
    }

    /// Writes rows in one commit; someone else has made the text and the columns.
    ///
    /// # Errors
    /// If SQLite does not take them.
    pub fn commit_ready(&mut self, rows: &[Ready]) -> Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let mut insert = transaction.prepare_cached(INSERT)?;
            for row in rows {
                self.version += 1;
                bind(&mut insert, row, self.version)?;
            }
        }
        Ok(transaction.commit()?)
    }

    /// Reads a document by its id, and its text.
    ///
    /// # Errors
    /// If there is none, or it is no JSON object.
    pub fn get(&self, id: &DocumentId) -> Result<Body> {
        let mut statement =
            self.connection.prepare_cached("SELECT id, version, body FROM doc_event WHERE id = ?")?;
        let mut rows = statement.query([id.as_str()])?;
        let row = rows.next()?.ok_or("there is no such document")?;
        let _id: String = row.get(0)?;
        let _version: i64 = row.get(1)?;
        Ok(serde_json::from_slice(row.get_ref(2)?.as_bytes()?)?)
    }
}

fn bind(insert: &mut Statement<'_>, row: &Ready, version: i64) -> rusqlite::Result<()> {
    insert.raw_bind_parameter(1, row.id.as_str())?;
    insert.raw_bind_parameter(2, version)?;
    for (column, bytes) in row.fields.iter().enumerate() {
        insert.raw_bind_parameter(column + 3, bytes.as_slice())?;
    }
    insert.raw_bind_parameter(8, row.body.as_str())?;
    insert.raw_execute()?;
    Ok(())
}

/// Opens a file again and counts its events: what was measured has to be there.
///
/// # Errors
/// If there are not exactly `expected`.
pub fn must_hold(path: &Path, expected: usize) -> Result<()> {
    let connection = Connection::open(path)?;
    let found: i64 = connection.query_row("SELECT count(*) FROM doc_event", [], |row| row.get(0))?;
    if usize::try_from(found)? == expected {
        return Ok(());
    }
    Err(format!("bare SQLite holds {found} events, and {expected} were written").into())
}
