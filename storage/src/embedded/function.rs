//! The evaluator as an SQL function: `tenantry_matches(filter, body)`, for what SQL cannot say exactly.

use rusqlite::config::DbConfig;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{Type, ValueRef};
use rusqlite::{Connection, Error};

use crate::document::Body;
use crate::embedded::failure;
use crate::error::StoreError;
use crate::matching::Matcher;
use crate::query::Filter;

pub(super) const NAME: &str = "tenantry_matches";

/// Makes a connection ready for searches.
pub(super) fn register(connection: &Connection) -> rusqlite::Result<()> {
    // Otherwise a statement is prepared again whenever a parameter of a comparison changes: SQLite would like to see its
    // value before it plans.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    let flags =
        FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_DIRECTONLY;
    connection.create_scalar_function(NAME, 2, flags, matches)
}

/// The filter is read once per statement: SQLite keeps what a constant argument was made into.
fn matches(context: &Context<'_>) -> rusqlite::Result<bool> {
    let matcher = context.get_or_create_aux(0, |filter| {
        serde_json::from_str::<Filter>(filter.as_str()?)
            .map(|filter| Matcher::new(&filter))
            .map_err(|error| -> Box<dyn std::error::Error + Send + Sync> { error.into() })
    })?;
    body(context.get_raw(1), 1).map(|body| matcher.matches(&body))
}

/// A stored body as it is.
pub(super) fn parsed(text: &str) -> Result<Body, StoreError> {
    serde_json::from_str(text).map_err(|error| failure::corrupt(format!("a body is no JSON: {error}")))
}

/// A stored body; `column` is for the message.
pub(super) fn body(value: ValueRef<'_>, column: usize) -> rusqlite::Result<Body> {
    serde_json::from_slice(value.as_bytes()?)
        .map_err(|error| Error::FromSqlConversionFailure(column, Type::Text, error.into()))
}
