//! Reading: by id, by query, by scan.

mod columns;
#[cfg(test)]
mod plans;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};

use crate::aggregate::{Column, Counter};
use crate::document::{Document, DocumentId, Version};
use crate::embedded::narrow::Condition;
use crate::embedded::{failure, function, layout};
use crate::error::StoreError;
use crate::kind::Kind;
use crate::query::{Buckets, Filter, Order, Page, Query, Sort};

pub(super) fn get(
    connection: &Connection,
    kind: &Kind,
    id: &DocumentId,
) -> Result<Option<Document>, StoreError> {
    let read = |error| failed(kind, error);
    let mut statement = connection.prepare_cached(&get_sql(kind)).map_err(read)?;
    statement.query_row([id.as_str()], document).optional().map_err(read)
}

fn get_sql(kind: &Kind) -> String {
    format!("SELECT id, version, body FROM {} WHERE id = ?", layout::table(kind))
}

/// `query` has been checked.
pub(super) fn search(connection: &mut Connection, kind: &Kind, query: &Query) -> Result<Page, StoreError> {
    let read = |error| failed(kind, error);
    let condition = Condition::new(kind, &query.filter)?;
    // One transaction, so that the page is a part of what was counted.
    let transaction = connection.transaction().map_err(read)?;
    let total = match query.count_up_to {
        0 => 0,
        most => one(&transaction, &count_of(kind, &condition, most)).map_err(read)?,
    };
    let documents = documents(&transaction, &page_of(kind, &condition, query)).map_err(read)?;
    Ok(Page { total, documents })
}

/// `filter` has been checked.
pub(super) fn count(connection: &mut Connection, kind: &Kind, filter: &Filter) -> Result<u64, StoreError> {
    let condition = Condition::new(kind, filter)?;
    one(connection, &count_of(kind, &condition, u64::MAX)).map_err(|error| failed(kind, error))
}

/// `filter` has been checked.
pub(super) fn aggregate(
    connection: &mut Connection,
    kind: &Kind,
    filter: &Filter,
    mut counter: Counter,
) -> Result<Buckets, StoreError> {
    // One transaction: what takes several statements counts one state.
    let connection = &connection.transaction().map_err(|error| failed(kind, error))?;
    let counted = match counter.column(kind) {
        Some(Column::Time(field, spans)) => {
            columns::by_time(connection, kind, filter, field, spans, &mut counter)
        }
        Some(Column::Value(field)) => columns::by_value(connection, kind, filter, field, &mut counter),
        None => by_body(connection, kind, filter, &mut counter),
    };
    counted.map(|()| counter.finish())
}

/// What is in no column is read from each body.
fn by_body(
    connection: &Connection,
    kind: &Kind,
    filter: &Filter,
    counter: &mut Counter,
) -> Result<(), StoreError> {
    let read = |error| failed(kind, error);
    let Condition { sql, parameters } = Condition::new(kind, filter)?;
    let sql = format!("SELECT body FROM {} WHERE {sql}", layout::table(kind));
    let mut statement = connection.prepare_cached(&sql).map_err(read)?;
    let mut rows = statement.query(params_from_iter(parameters)).map_err(read)?;
    while let Some(row) = rows.next().map_err(read)? {
        counter.add(&row.get_ref(0).and_then(|body| function::body(body, 0)).map_err(read)?);
    }
    Ok(())
}

pub(super) fn scan(
    connection: &Connection,
    kind: &Kind,
    after: Option<&DocumentId>,
    limit: usize,
) -> Result<Vec<Document>, StoreError> {
    documents(connection, &scan_of(kind, after, limit)).map_err(|error| failed(kind, error))
}

/// A statement, the same text for every call of the same shape, and its parameters.
#[derive(Debug)]
struct Statement {
    sql: String,
    parameters: Vec<Value>,
}

fn scan_of(kind: &Kind, after: Option<&DocumentId>, limit: usize) -> Statement {
    // No id is empty, so every id comes after the empty text.
    let after = after.map_or("", DocumentId::as_str);
    let sql =
        format!("SELECT id, version, body FROM {} WHERE id > ? ORDER BY id LIMIT ?", layout::table(kind));
    Statement { sql, parameters: vec![after.to_owned().into(), limit_value(limit)] }
}

/// Counts no further than `most`.
fn count_of(kind: &Kind, condition: &Condition, most: u64) -> Statement {
    let table = layout::table(kind);
    let mut parameters = condition.parameters.clone();
    let sql = match (i64::try_from(most), condition.is_all()) {
        // Without a condition SQLite counts the entries of the smallest index, page by page.
        (Err(_), true) => format!("SELECT count(*) FROM {table}"),
        (Err(_), false) => format!("SELECT count(*) FROM {table} WHERE {}", condition.sql),
        (Ok(most), _) => {
            parameters.push(most.into());
            format!("SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {} LIMIT ?)", condition.sql)
        }
    };
    Statement { sql, parameters }
}

fn page_of(kind: &Kind, condition: &Condition, query: &Query) -> Statement {
    let sql = format!(
        "SELECT id, version, body FROM {} WHERE {} ORDER BY {} LIMIT ? OFFSET ?",
        layout::table(kind),
        condition.sql,
        order(kind, &query.sort)
    );
    let mut parameters = condition.parameters.clone();
    parameters.extend([limit_value(query.limit), limit_value(query.offset)]);
    Statement { sql, parameters }
}

/// Missing values last: NULL is less than every value to SQLite, which is last where the greatest comes first.
fn order(kind: &Kind, sort: &[Sort]) -> String {
    let mut order = String::new();
    for sort in sort {
        let Some(position) = kind.field_position(&sort.path) else { continue };
        let direction = match sort.order {
            Order::Ascending => "ASC NULLS LAST",
            Order::Descending => "DESC",
        };
        order.push_str(&format!("f{position} {direction}, "));
    }
    order + "id"
}

/// SQLite counts with i64.
fn limit_value(limit: usize) -> Value {
    i64::try_from(limit).unwrap_or(i64::MAX).into()
}

/// The one number that a statement answers.
fn one(connection: &Connection, statement: &Statement) -> rusqlite::Result<u64> {
    let parameters = params_from_iter(&statement.parameters);
    let number: i64 = connection.prepare_cached(&statement.sql)?.query_row(parameters, |row| row.get(0))?;
    Ok(number.cast_unsigned())
}

fn documents(connection: &Connection, statement: &Statement) -> rusqlite::Result<Vec<Document>> {
    let mut prepared = connection.prepare_cached(&statement.sql)?;
    prepared.query_map(params_from_iter(&statement.parameters), document)?.collect()
}

fn document(row: &Row<'_>) -> rusqlite::Result<Document> {
    let id = DocumentId::new(row.get::<_, String>(0)?).map_err(|error| conversion(0, error))?;
    let version = row.get::<_, i64>(1)?;
    let body = function::body(row.get_ref(2)?, 2)?;
    Ok(Document { id, version: Version::from_raw(version.cast_unsigned()), body })
}

fn conversion(column: usize, error: StoreError) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
}

fn failed(kind: &Kind, error: rusqlite::Error) -> StoreError {
    let what = format!("read the documents of the kind `{}`", kind.name());
    match error {
        rusqlite::Error::FromSqlConversionFailure(..) => {
            failure::corrupt(format!("could not {what}: {error}"))
        }
        error => failure::sqlite(&what, error),
    }
}
