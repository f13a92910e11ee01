//! Doing again what the journal holds of a file.

use rusqlite::{CachedStatement, Connection, Transaction, TransactionBehavior};
use uuid::Uuid;

use crate::check;
use crate::document::Version;
use crate::embedded::journal::Whose;
use crate::embedded::journal::entry::{self, Effect};
use crate::embedded::step::{KindStatements, Statements};
use crate::embedded::{failure, function, layout};
use crate::error::StoreError;
use crate::kind::{Kind, Schema};
use crate::namespace::Namespace;

/// Applies those of the entries that are of the file's life, and begins another life. On disk when it returns. How many
/// entries there were.
///
/// # Errors
/// `Corrupt` if one is missing between others; the file stays as it is.
pub(super) fn redo(
    connection: &mut Connection,
    namespace: &Namespace,
    schema: &Schema,
    statements: &Statements,
    entries: &[Whose],
) -> Result<usize, StoreError> {
    let failed = |error| failure::sqlite("replay the journal", error);
    connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    let entries = of_life(namespace, layout::life(&transaction).map_err(failed)?, entries)?;
    let mut last = 0;
    for bytes in &entries {
        let (_, effects) = entry::read(bytes)
            .ok_or_else(|| failure::corrupt(format!("an entry of {namespace} cannot be read")))?;
        for effect in effects {
            last = last.max(apply(&transaction, schema, statements, effect)?.map_or(0, Version::to_raw));
        }
    }
    layout::skip_versions(&transaction, last).map_err(failed)?;
    layout::begin_life(&transaction, Uuid::new_v4()).map_err(failed)?;
    transaction.commit().map_err(failed)?;
    Ok(entries.len())
}

/// The entries of a life in their order, each once.
fn of_life<'e>(
    namespace: &Namespace,
    life: Option<Uuid>,
    entries: &'e [Whose],
) -> Result<Vec<&'e [u8]>, StoreError> {
    let mut of_life: Vec<&Whose> = entries.iter().filter(|(origin, _)| Some(origin.life) == life).collect();
    of_life.sort_by_key(|(origin, _)| origin.number);
    of_life.dedup_by_key(|(origin, _)| origin.number);
    for ((origin, _), expected) in of_life.iter().zip(1..) {
        if origin.number != expected {
            return Err(failure::corrupt(format!(
                "the journal of {namespace} misses its entry {expected}: what was written then is lost"
            )));
        }
    }
    Ok(of_life.into_iter().map(|(_, bytes)| &**bytes).collect())
}

/// The version that was given, if any.
fn apply(
    transaction: &Transaction<'_>,
    schema: &Schema,
    statements: &Statements,
    effect: Effect<'_>,
) -> Result<Option<Version>, StoreError> {
    // A kind that the program does not have any more went with the upgrade.
    let Ok(kind) = schema.position(effect.kind) else { return Ok(None) };
    let sql = statements.of(kind);
    let failed = |error| failure::sqlite("replay the journal", error);
    let Some((version, body)) = effect.content else {
        transaction
            .prepare_cached(&sql.delete)
            .and_then(|mut delete| delete.execute([effect.id.as_str()]))
            .map_err(failed)?;
        return Ok(None);
    };
    let fields = fields(&schema.kinds()[kind], body)?;
    put(transaction, sql, &effect, version, body, &fields).map_err(failed)?;
    Ok(Some(version))
}

fn fields(kind: &Kind, body: &str) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
    function::parsed(body)
        .and_then(|body| check::fields(kind, &body))
        .map_err(|error| failure::corrupt(format!("a document in the journal cannot be kept: {error}")))
}

fn put(
    transaction: &Transaction<'_>,
    sql: &KindStatements,
    effect: &Effect<'_>,
    version: Version,
    body: &str,
    fields: &[Option<Vec<u8>>],
) -> rusqlite::Result<()> {
    let execute = |mut statement: CachedStatement<'_>| {
        statement.raw_bind_parameter(1, effect.id.as_str())?;
        statement.raw_bind_parameter(2, version.to_raw().cast_signed())?;
        statement.raw_bind_parameter(3, body)?;
        for (field, bytes) in fields.iter().enumerate() {
            statement.raw_bind_parameter(field + 4, bytes.as_deref())?;
        }
        statement.raw_execute()
    };
    if execute(transaction.prepare_cached(&sql.insert)?)? == 0 {
        execute(transaction.prepare_cached(&sql.update)?)?;
    }
    Ok(())
}
