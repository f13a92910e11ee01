//! Counting by a declared field: from its column, and where an index has all that is asked for, from that alone. No body is
//! read but for conditions that SQL cannot say.

use rusqlite::types::Type;
use rusqlite::{Connection, params_from_iter};

use super::{Statement, count_of, failed, one};
use crate::aggregate::Counter;
use crate::embedded::layout;
use crate::embedded::narrow::{self, Condition};
use crate::error::StoreError;
use crate::histogram::{Span, Spans};
use crate::kind::Kind;
use crate::order::{decode, decode_second};
use crate::query::Filter;

/// How many values are counted one after the other, each by a look into the index, before all documents are grouped.
const FEW_VALUES: usize = 200;

/// How many documents a condition has to leave before reading all of an index is better than looking each of them up:
/// one look costs as much as twenty entries in a row.
const MANY_DOCUMENTS: u64 = 50_000;

/// Counts by the time in a column. Documents of an index come in its order, so the bucket changes seldom.
pub(super) fn by_time(
    connection: &Connection,
    kind: &Kind,
    filter: &Filter,
    field: usize,
    mut spans: Spans,
    counter: &mut Counter,
) -> Result<(), StoreError> {
    let read = |error| failed(kind, error);
    let Statement { sql, parameters } = times_of(kind, &Condition::new(kind, filter)?, field);
    let mut statement = connection.prepare_cached(&sql).map_err(read)?;
    let mut rows = statement.query(params_from_iter(parameters)).map_err(read)?;
    let mut count = 0;
    let mut span: Option<Span> = None;
    while let Some(row) = rows.next().map_err(read)? {
        let bytes = row.get_ref(0).and_then(|value| Ok(value.as_blob()?)).map_err(read)?;
        let second = decode_second(bytes).ok_or_else(|| read(malformed()))?;
        if !span.as_ref().is_some_and(|span| span.seconds.contains(&second)) {
            if let Some(span) = span.replace(spans.span(second)) {
                counter.add_bucket(span.bucket, count);
            }
            count = 0;
        }
        count += 1;
    }
    if let Some(span) = span {
        counter.add_bucket(span.bucket, count);
    }
    Ok(())
}

pub(super) fn times_of(kind: &Kind, condition: &Condition, field: usize) -> Statement {
    let sql = format!(
        "SELECT f{field} FROM {} WHERE {} AND f{field} IS NOT NULL",
        layout::table(kind),
        condition.sql
    );
    Statement { sql, parameters: condition.parameters.clone() }
}

/// Counts by the value in a column.
pub(super) fn by_value(
    connection: &Connection,
    kind: &Kind,
    filter: &Filter,
    field: usize,
    counter: &mut Counter,
) -> Result<(), StoreError> {
    let read = |error| failed(kind, error);
    let mut condition = Condition::new(kind, filter)?;
    if is_in_index(kind, filter, field) {
        if let Some(values) = few_values(connection, kind, field).map_err(read)? {
            for value in values {
                let count = one(connection, &count_of_value(kind, &condition, field, value.clone()));
                add(kind, field, &value, count.map_err(read)?, counter).map_err(read)?;
            }
            return Ok(());
        }
        let documents = one(connection, &count_of(kind, &condition, MANY_DOCUMENTS)).map_err(read)?;
        if documents == MANY_DOCUMENTS {
            condition = Condition::without_index(kind, filter)?;
        }
    }
    let Statement { sql, parameters } = groups_of(kind, &condition, field);
    let mut statement = connection.prepare_cached(&sql).map_err(read)?;
    let mut rows = statement.query(params_from_iter(parameters)).map_err(read)?;
    while let Some(row) = rows.next().map_err(read)? {
        let count = row.get::<_, i64>(1).map_err(read)?.cast_unsigned();
        let value: Vec<u8> = row.get(0).map_err(read)?;
        add(kind, field, &value, count, counter).map_err(read)?;
    }
    Ok(())
}

fn add(kind: &Kind, field: usize, value: &[u8], count: u64, counter: &mut Counter) -> rusqlite::Result<()> {
    let value = decode(kind.fields()[field].field_type, value).ok_or_else(malformed)?;
    counter.add_value(value, count);
    Ok(())
}

/// Whether one declared index begins with the field and has all that the filter looks at.
fn is_in_index(kind: &Kind, filter: &Filter, field: usize) -> bool {
    narrow::columns(kind, filter).is_some_and(|columns| {
        kind.indexes()
            .iter()
            .any(|index| index.first() == Some(&field) && columns.iter().all(|column| index.contains(column)))
    })
}

/// The values of a column; `None` if they are many.
fn few_values(connection: &Connection, kind: &Kind, field: usize) -> rusqlite::Result<Option<Vec<Vec<u8>>>> {
    let Statement { sql, parameters } = values_of(kind, field);
    let mut statement = connection.prepare_cached(&sql)?;
    let values = statement.query_map(params_from_iter(parameters), |row| row.get(0))?;
    let values: Vec<_> = values.collect::<Result<_, _>>()?;
    Ok(if values.len() <= FEW_VALUES { Some(values) } else { None })
}

/// One more than a few: each is looked up in the index, however many documents have the one before.
pub(super) fn values_of(kind: &Kind, field: usize) -> Statement {
    let least = format!("SELECT min(f{field}) FROM {}", layout::table(kind));
    let sql = format!(
        "WITH RECURSIVE found(value) AS ({least} UNION ALL \
         SELECT ({least} WHERE f{field} > value) FROM found WHERE value IS NOT NULL LIMIT ?) \
         SELECT value FROM found WHERE value IS NOT NULL"
    );
    Statement { sql, parameters: vec![super::limit_value(FEW_VALUES + 1)] }
}

pub(super) fn count_of_value(kind: &Kind, condition: &Condition, field: usize, value: Vec<u8>) -> Statement {
    let sql =
        format!("SELECT count(*) FROM {} WHERE {} AND f{field} = ?", layout::table(kind), condition.sql);
    let mut parameters = condition.parameters.clone();
    parameters.push(value.into());
    Statement { sql, parameters }
}

pub(super) fn groups_of(kind: &Kind, condition: &Condition, field: usize) -> Statement {
    let sql = format!(
        "SELECT f{field}, count(*) FROM {} WHERE {} AND f{field} IS NOT NULL GROUP BY f{field}",
        layout::table(kind),
        condition.sql
    );
    Statement { sql, parameters: condition.parameters.clone() }
}

fn malformed() -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(
        0,
        Type::Blob,
        "no value of the declared type is written so".into(),
    )
}
