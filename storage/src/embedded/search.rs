//! Reading: by id, by query, by scan.

use rusqlite::types::Value;
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, Transaction, params_from_iter};

use crate::aggregate::Counter;
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
    let sql = format!("SELECT id, version, body FROM {} WHERE id = ?", layout::table(kind));
    let mut statement = connection.prepare_cached(&sql).map_err(read)?;
    statement.query_row([id.as_str()], document).optional().map_err(read)
}

/// `query` has been checked.
pub(super) fn search(connection: &mut Connection, kind: &Kind, query: &Query) -> Result<Page, StoreError> {
    let read = |error| failed(kind, error);
    let condition = Condition::new(kind, &query.filter)?;
    // One transaction, so that the page is a part of what was counted.
    let transaction = connection.transaction().map_err(read)?;
    let total = count_in(&transaction, kind, &condition).map_err(read)?;
    let documents = page(&transaction, kind, condition, query).map_err(read)?;
    Ok(Page { total, documents })
}

/// `filter` has been checked.
pub(super) fn count(connection: &mut Connection, kind: &Kind, filter: &Filter) -> Result<u64, StoreError> {
    let read = |error| failed(kind, error);
    let condition = Condition::new(kind, filter)?;
    let transaction = connection.transaction().map_err(read)?;
    count_in(&transaction, kind, &condition).map_err(read)
}

/// `filter` has been checked.
pub(super) fn aggregate(
    connection: &Connection,
    kind: &Kind,
    filter: &Filter,
    mut counter: Counter,
) -> Result<Buckets, StoreError> {
    let read = |error| failed(kind, error);
    let condition = Condition::new(kind, filter)?;
    let sql = format!("SELECT body FROM {} WHERE {}", layout::table(kind), condition.sql);
    let mut statement = connection.prepare_cached(&sql).map_err(read)?;
    let mut rows = statement.query(params_from_iter(condition.parameters)).map_err(read)?;
    while let Some(row) = rows.next().map_err(read)? {
        counter.add(&row.get_ref(0).and_then(|body| function::body(body, 0)).map_err(read)?);
    }
    Ok(counter.finish())
}

pub(super) fn scan(
    connection: &Connection,
    kind: &Kind,
    after: Option<&DocumentId>,
    limit: usize,
) -> Result<Vec<Document>, StoreError> {
    let read = |error| failed(kind, error);
    // No id is empty, so every id comes after the empty text.
    let after = after.map_or("", DocumentId::as_str);
    let sql =
        format!("SELECT id, version, body FROM {} WHERE id > ? ORDER BY id LIMIT ?", layout::table(kind));
    let mut statement = connection.prepare_cached(&sql).map_err(read)?;
    documents(&mut statement, vec![after.to_owned().into(), limit_value(limit)]).map_err(read)
}

fn count_in(transaction: &Transaction<'_>, kind: &Kind, condition: &Condition) -> rusqlite::Result<u64> {
    let sql = format!("SELECT count(*) FROM {} WHERE {}", layout::table(kind), condition.sql);
    let mut statement = transaction.prepare_cached(&sql)?;
    let count: i64 = statement.query_row(params_from_iter(&condition.parameters), |row| row.get(0))?;
    Ok(count.cast_unsigned())
}

fn page(
    transaction: &Transaction<'_>,
    kind: &Kind,
    condition: Condition,
    query: &Query,
) -> rusqlite::Result<Vec<Document>> {
    let sql = format!(
        "SELECT id, version, body FROM {} WHERE {} ORDER BY {} LIMIT ? OFFSET ?",
        layout::table(kind),
        condition.sql,
        order(kind, &query.sort)
    );
    let mut parameters = condition.parameters;
    parameters.extend([limit_value(query.limit), limit_value(query.offset)]);
    documents(&mut transaction.prepare_cached(&sql)?, parameters)
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

fn documents(statement: &mut CachedStatement<'_>, parameters: Vec<Value>) -> rusqlite::Result<Vec<Document>> {
    statement.query_map(params_from_iter(parameters), document)?.collect()
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
