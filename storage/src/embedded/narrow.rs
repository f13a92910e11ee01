//! A filter as an SQL condition.
//!
//! On declared fields SQL says exactly what the evaluator says, because each holds one value of its type, encoded so that
//! bytes compare like values; there it is SQL, which can use an index. For the rest the evaluator is called.

use std::collections::BTreeSet;
use std::fmt::Write;

use rusqlite::types::Value;

use crate::embedded::function;
use crate::error::StoreError;
use crate::kind::{FieldType, Kind};
use crate::order::encode_scalar;
use crate::query::{Bound, Filter, Scalar};

/// How many values a condition may have in SQL; the evaluator takes what is larger. SQLite's own limits (1000 levels of
/// an expression, 32 766 parameters) are never met.
const MAX_VALUES: usize = 500;

const ALL: &str = "TRUE";

/// A condition and its parameters.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Condition {
    pub(super) sql: String,
    pub(super) parameters: Vec<Value>,
}

impl Condition {
    /// `filter` has been checked.
    pub(super) fn new(kind: &Kind, filter: &Filter) -> Result<Self, StoreError> {
        Self::of_columns(Columns { kind, plus: "" }, filter)
    }

    /// The same condition, for which SQLite looks into no index: where what is to be read is in one already.
    pub(super) fn without_index(kind: &Kind, filter: &Filter) -> Result<Self, StoreError> {
        Self::of_columns(Columns { kind, plus: "+" }, filter)
    }

    fn of_columns(columns: Columns<'_>, filter: &Filter) -> Result<Self, StoreError> {
        let mut conjuncts = Vec::new();
        flatten(filter, &mut conjuncts);
        let (mut all, mut rest) = (Vec::new(), Vec::new());
        let mut budget = MAX_VALUES;
        for conjunct in conjuncts {
            let size = size(conjunct);
            match exact(columns, conjunct) {
                Some(condition) if size <= budget => {
                    budget -= size;
                    all.push(condition);
                }
                _ => rest.push(conjunct.clone()),
            }
        }
        if !rest.is_empty() {
            let filter = serde_json::to_string(&Filter::And(rest))
                .map_err(|error| StoreError::invalid("the filter cannot be written").with_source(error))?;
            all.push(Self { sql: format!("{}(?, body)", function::NAME), parameters: vec![filter.into()] });
        }
        Ok(Self::join(all, " AND ", ALL))
    }

    /// Whether it holds for every document, as it says nothing.
    pub(super) fn is_all(&self) -> bool {
        self.sql == ALL
    }

    fn join(conditions: Vec<Self>, operator: &str, of_none: &str) -> Self {
        let mut joined = Self::default();
        for (position, condition) in conditions.into_iter().enumerate() {
            if position > 0 {
                joined.sql.push_str(operator);
            }
            let written = write!(joined.sql, "({})", condition.sql);
            written.expect("writing to a string does not fail");
            joined.parameters.extend(condition.parameters);
        }
        if joined.sql.is_empty() {
            joined.sql.push_str(of_none);
        }
        joined
    }

    fn constant(sql: &str) -> Self {
        Self { sql: sql.to_owned(), parameters: Vec::new() }
    }
}

/// Which declared fields the condition of a filter looks at, by position; `None` if it looks at bodies too.
pub(super) fn columns(kind: &Kind, filter: &Filter) -> Option<BTreeSet<usize>> {
    if size(filter) > MAX_VALUES {
        return None;
    }
    exact(Columns { kind, plus: "" }, filter)?;
    let mut columns = BTreeSet::new();
    collect_columns(kind, filter, &mut columns);
    Some(columns)
}

fn collect_columns(kind: &Kind, filter: &Filter, columns: &mut BTreeSet<usize>) {
    match filter {
        Filter::All => {}
        Filter::And(filters) | Filter::Or(filters) => {
            filters.iter().for_each(|filter| collect_columns(kind, filter, columns));
        }
        Filter::Not(filter) => collect_columns(kind, filter, columns),
        Filter::Equals { path, .. }
        | Filter::In { path, .. }
        | Filter::Range { path, .. }
        | Filter::Exists { path }
        | Filter::Prefix { path, .. } => columns.extend(kind.field_position(path)),
    }
}

/// The parts of nested `And`, all of which must hold.
fn flatten<'f>(filter: &'f Filter, conjuncts: &mut Vec<&'f Filter>) {
    match filter {
        Filter::All => {}
        Filter::And(filters) => filters.iter().for_each(|filter| flatten(filter, conjuncts)),
        _ => conjuncts.push(filter),
    }
}

fn size(filter: &Filter) -> usize {
    match filter {
        Filter::And(filters) | Filter::Or(filters) => filters.iter().map(size).sum::<usize>() + 1,
        Filter::Not(filter) => size(filter) + 1,
        Filter::In { values, .. } => values.len() + 1,
        _ => 2,
    }
}

/// The condition that holds for exactly the documents that match; `None` where SQL cannot say it.
fn exact(columns: Columns<'_>, filter: &Filter) -> Option<Condition> {
    let each =
        |filters: &[Filter]| filters.iter().map(|filter| exact(columns, filter)).collect::<Option<_>>();
    match filter {
        Filter::All => Some(Condition::constant("TRUE")),
        Filter::And(filters) => Some(Condition::join(each(filters)?, " AND ", "TRUE")),
        Filter::Or(filters) => Some(Condition::join(each(filters)?, " OR ", "FALSE")),
        Filter::Not(filter) => {
            // Not `NOT`: a comparison with a missing value is NULL, which is no match.
            let Condition { sql, parameters } = exact(columns, filter)?;
            Some(Condition { sql: format!("({sql}) IS NOT TRUE"), parameters })
        }
        Filter::Equals { path, value } => columns.column(path)?.is_one_of(std::slice::from_ref(value)),
        Filter::In { path, values } => columns.column(path)?.is_one_of(values),
        Filter::Range { path, from, to } => columns.column(path)?.is_between(from.as_ref(), to.as_ref()),
        Filter::Exists { path } => {
            Some(Condition::constant(&format!("{} IS NOT NULL", columns.column(path)?.name)))
        }
        Filter::Prefix { path, text } => columns.column(path)?.begins_with(text),
    }
}

/// The columns of a kind; a `+` before the name keeps SQLite from looking for an index.
#[derive(Debug, Clone, Copy)]
struct Columns<'k> {
    kind: &'k Kind,
    plus: &'static str,
}

impl Columns<'_> {
    /// The column of a declared field.
    fn column(self, path: &str) -> Option<Column> {
        let position = self.kind.field_position(path)?;
        let name = format!("{}f{position}", self.plus);
        Some(Column { name, field_type: self.kind.fields()[position].field_type })
    }
}

/// The column of a declared field.
struct Column {
    name: String,
    field_type: FieldType,
}

/// What a value of a query is to a column.
enum Encoded {
    Value(Value),
    /// Nothing in the column can equal it.
    OtherType,
}

impl Column {
    /// `None` for a date in a text field: it matches those texts that are instants, which their bytes do not tell.
    fn encode(&self, scalar: &Scalar) -> Option<Encoded> {
        match (self.field_type, scalar) {
            (FieldType::Text, Scalar::Date(_)) => None,
            _ => Some(
                encode_scalar(self.field_type, scalar)
                    .map_or(Encoded::OtherType, |bytes| Encoded::Value(Value::Blob(bytes))),
            ),
        }
    }

    fn is_one_of(&self, scalars: &[Scalar]) -> Option<Condition> {
        let mut parameters = Vec::new();
        for scalar in scalars {
            if let Encoded::Value(value) = self.encode(scalar)? {
                parameters.push(value);
            }
        }
        let sql = match parameters.len() {
            0 => "FALSE".to_owned(),
            1 => format!("{} = ?", self.name),
            count => format!("{} IN (?{})", self.name, ", ?".repeat(count - 1)),
        };
        Some(Condition { sql, parameters })
    }

    fn is_between(&self, from: Option<&Bound>, to: Option<&Bound>) -> Option<Condition> {
        let mut ends = Vec::new();
        for (bound, operator) in [(from, ">"), (to, "<")] {
            let Some(bound) = bound else { continue };
            let Encoded::Value(value) = self.encode(&bound.value)? else {
                return Some(Condition::constant("FALSE"));
            };
            let equal = if bound.inclusive { "=" } else { "" };
            let sql = format!("{} {operator}{equal} ?", self.name);
            ends.push(Condition { sql, parameters: vec![value] });
        }
        Some(Condition::join(ends, " AND ", "FALSE"))
    }

    fn begins_with(&self, text: &str) -> Option<Condition> {
        let name = &self.name;
        match self.field_type {
            FieldType::Number => return Some(Condition::constant("FALSE")),
            FieldType::Date => return None,
            FieldType::Text => {}
        }
        let mut after = text.as_bytes().to_vec();
        let Some(last) = after.last_mut() else {
            return Some(Condition::constant(&format!("{name} IS NOT NULL")));
        };
        // No byte of UTF-8 is 0xff.
        *last += 1;
        let parameters = vec![Value::Blob(text.as_bytes().to_vec()), Value::Blob(after)];
        Some(Condition { sql: format!("{name} >= ? AND {name} < ?"), parameters })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind() -> Kind {
        Kind::new("event").with_field("time", FieldType::Date).with_field("type", FieldType::Text)
    }

    fn sql(filter: &Filter) -> String {
        Condition::new(&kind(), filter).expect("a condition").sql
    }

    #[test]
    fn declared_fields_are_narrowed_in_sql_and_the_rest_is_evaluated() {
        let declared = Filter::equals("type", "view");
        let other = Filter::equals("properties.url", "/");
        assert_eq!(sql(&declared), "(f1 = ?)");
        assert_eq!(sql(&Filter::All), "TRUE");
        let both = Filter::And(vec![declared.clone(), other.clone()]);
        assert_eq!(sql(&both), "(f1 = ?) AND (tenantry_matches(?, body))");
        assert_eq!(sql(&Filter::Or(vec![declared.clone(), other])), "(tenantry_matches(?, body))");
        assert_eq!(sql(&Filter::Not(Box::new(declared))), "((f1 = ?) IS NOT TRUE)");
    }

    #[test]
    fn every_column_of_a_condition_without_index_is_kept_from_one() {
        let range = |path: &'static str, value: Scalar| {
            let to = Some(Bound { value, inclusive: true });
            Filter::Range { path: path.into(), from: None, to }
        };
        let filter = Filter::Or(vec![
            Filter::Not(Box::new(Filter::equals("type", "view"))),
            Filter::In { path: "type".into(), values: vec!["a".into(), "b".into()] },
            Filter::Exists { path: "time".into() },
            Filter::Prefix { path: "type".into(), text: "v".to_owned() },
            Filter::Prefix { path: "type".into(), text: String::new() },
            range("time", jiff::Timestamp::UNIX_EPOCH.into()),
        ]);
        let with = Condition::new(&kind(), &filter).expect("a condition");
        let without = Condition::without_index(&kind(), &filter).expect("a condition");
        assert_eq!(without.sql.matches('f').count(), 7, "{}", without.sql);
        assert_eq!(without.sql, with.sql.replace('f', "+f"), "otherwise they are the same");
        assert_eq!(without.parameters, with.parameters);
        assert_eq!(columns(&kind(), &filter), Some(BTreeSet::from([0, 1])));
        let evaluated = Filter::And(vec![filter, Filter::equals("properties.url", "/")]);
        assert_eq!(columns(&kind(), &evaluated), None);
    }

    #[test]
    fn a_date_in_a_text_field_is_left_to_the_evaluator() {
        let date: jiff::Timestamp = "2026-01-01T00:00:00Z".parse().expect("an instant");
        assert_eq!(sql(&Filter::equals("type", date)), "(tenantry_matches(?, body))");
        assert_eq!(sql(&Filter::equals("time", date)), "(f0 = ?)");
        assert_eq!(sql(&Filter::equals("time", 5)), "(FALSE)");
    }

    #[test]
    fn what_is_too_large_for_sql_is_evaluated() {
        let values = (0..MAX_VALUES).map(|value| Scalar::from(value.to_string())).collect();
        assert_eq!(sql(&Filter::In { path: "type".into(), values }), "(tenantry_matches(?, body))");
        let many = vec![Filter::equals("type", "view"); 5000];
        assert!(sql(&Filter::And(many)).len() < 5000);
    }
}
