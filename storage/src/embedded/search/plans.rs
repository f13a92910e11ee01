//! How SQLite answers what an API asks: by an index, without a sort, and by statements that it prepares once.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{Connection, StatementStatus, params_from_iter};
use tenant_core::{Context, Incarnation};

use super::{Statement, columns, count_of, get_sql, page_of, scan_of};
use crate::document::DocumentId;
use crate::embedded::narrow::Condition;
use crate::embedded::{EmbeddedConfig, EmbeddedStore, function};
use crate::kind::{FieldType, Kind, Schema};
use crate::lifecycle;
use crate::query::{Bound, Filter, Order, Query, Scalar, Sort};
use crate::store::Store;

/// Events as the platform declares them.
fn event() -> Kind {
    Kind::new("event")
        .with_field("time", FieldType::Date)
        .with_field("type", FieldType::Text)
        .with_field("session.id", FieldType::Text)
        .with_field("profile.id", FieldType::Text)
        .with_field("source.id", FieldType::Text)
        .with_index(&["time"])
        .with_index(&["type", "time"])
        .with_index(&["session.id", "time"])
        .with_index(&["profile.id", "time"])
        .with_time_field("time")
}

struct File {
    connection: Connection,
    _folder: tempfile::TempDir,
}

/// The file of an installed tenant, opened past the store.
async fn file() -> File {
    let folder = tempfile::tempdir().expect("a folder");
    let schema = Schema::new(1, vec![event()]).expect("a schema");
    let store = EmbeddedStore::open(EmbeddedConfig::new(folder.path()), schema).expect("a store");
    let store: Arc<dyn Store> = Arc::new(store);
    let id = "acme".parse().expect("an id");
    drop(lifecycle::install(&store, &id, Incarnation::fixed("acme")).await.expect("installed"));
    drop(store);
    let path = find(folder.path().to_owned(), &format!("{}.db", Context::Production)).expect("a file");
    let connection = Connection::open(path).expect("opened");
    function::register(&connection).expect("registered");
    File { connection, _folder: folder }
}

fn find(folder: PathBuf, name: &str) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries
        .into_iter()
        .find_map(|path| if path.is_dir() { find(path, name) } else { path.ends_with(name).then_some(path) })
}

impl File {
    /// What SQLite would do, line by line, each index by its columns.
    fn plan(&self, statement: &Statement) -> Vec<String> {
        let mut prepared =
            self.connection.prepare(&format!("EXPLAIN QUERY PLAN {}", statement.sql)).expect("prepared");
        let details = prepared
            .query_map(params_from_iter(&statement.parameters), |row| row.get::<_, String>(3))
            .expect("explained");
        details.map(|detail| self.with_columns(&detail.expect("a line"))).collect()
    }

    fn with_columns(&self, detail: &str) -> String {
        let Some((before, after)) = detail.split_once("INDEX ") else { return detail.to_owned() };
        let (name, after) = after.split_once(' ').unwrap_or((after, ""));
        let mut prepared =
            self.connection.prepare("SELECT name FROM pragma_index_info(?)").expect("prepared");
        let columns = prepared.query_map([name], |row| row.get::<_, String>(0)).expect("asked");
        let columns: Vec<_> = columns.map(|column| column.expect("a name")).collect();
        format!("{before}INDEX [{}] {after}", columns.join(" ")).trim_end().to_owned()
    }
}

fn month() -> Filter {
    let bound = |text: &str, inclusive| {
        let value = Scalar::Date(text.parse().expect("an instant"));
        Some(Bound { value, inclusive })
    };
    let (from, to) = (bound("2026-01-01T00:00:00Z", true), bound("2026-02-01T00:00:00Z", false));
    Filter::Range { path: "time".into(), from, to }
}

fn condition(filter: &Filter) -> Condition {
    Condition::new(&event(), filter).expect("a condition")
}

fn by_time(filter: &Filter, order: Order) -> Statement {
    let sort = vec![Sort { path: "time".into(), order }];
    page_of(&event(), &condition(filter), &Query { sort, ..Query::default() })
}

#[tokio::test]
async fn pages_by_time_come_from_an_index_in_its_order() {
    let file = file().await;
    let is = |path: &'static str| Filter::equals(path, "x");
    let both = |path, filter| Filter::And(vec![is(path), filter]);
    for (filter, expected) in [
        (Filter::All, "SCAN doc_event USING INDEX [f0 id]"),
        (month(), "SEARCH doc_event USING INDEX [f0 id] (f0>? AND f0<?)"),
        (is("type"), "SEARCH doc_event USING INDEX [f1 f0 id] (f1=?)"),
        (both("type", month()), "SEARCH doc_event USING INDEX [f1 f0 id] (f1=? AND f0>? AND f0<?)"),
        (is("session.id"), "SEARCH doc_event USING INDEX [f2 f0 id] (f2=?)"),
        (both("session.id", month()), "SEARCH doc_event USING INDEX [f2 f0 id] (f2=? AND f0>? AND f0<?)"),
        (is("profile.id"), "SEARCH doc_event USING INDEX [f3 f0 id] (f3=?)"),
        (both("profile.id", is("properties.url")), "SEARCH doc_event USING INDEX [f3 f0 id] (f3=?)"),
        (is("properties.url"), "SCAN doc_event USING INDEX [f0 id]"),
        (Filter::Not(Box::new(is("type"))), "SCAN doc_event USING INDEX [f0 id]"),
    ] {
        assert_eq!(file.plan(&by_time(&filter, Order::Descending)), [expected], "{filter:?}");
        // What is sorted then is the documents of one instant: the index has their ids the other way round.
        let ties = "USE TEMP B-TREE FOR LAST TERM OF ORDER BY";
        assert_eq!(file.plan(&by_time(&filter, Order::Ascending)), [expected, ties], "{filter:?}");
    }
}

#[tokio::test]
async fn documents_are_found_by_their_ids() {
    let file = file().await;
    let statement = Statement { sql: get_sql(&event()), parameters: vec!["e".to_owned().into()] };
    assert_eq!(file.plan(&statement), ["SEARCH doc_event USING INDEX [id] (id=?)"]);
    let after = DocumentId::new("e").expect("an id");
    for after in [None, Some(&after)] {
        let plan = file.plan(&scan_of(&event(), after, 10));
        assert_eq!(plan, ["SEARCH doc_event USING INDEX [id] (id>?)"]);
    }
    let by_id = page_of(&event(), &condition(&Filter::All), &Query::default());
    assert_eq!(file.plan(&by_id), ["SCAN doc_event USING INDEX [id]"]);
}

#[tokio::test]
async fn what_is_counted_is_in_an_index() {
    let file = file().await;
    let view = || Filter::equals("type", "x");
    let view_in_month = Filter::And(vec![month(), view()]);
    let in_type = "SEARCH doc_event USING COVERING INDEX [f1 f0 id] (f1=? AND f0>? AND f0<?)";
    let count = |filter: &Filter| count_of(&event(), &condition(filter), u64::MAX);
    let times = |filter: &Filter| columns::times_of(&event(), &condition(filter), 0);
    let value = |filter: &Filter| columns::count_of_value(&event(), &condition(filter), 1, Vec::new());
    let groups = |filter: &Filter| {
        let condition = Condition::without_index(&event(), filter).expect("a condition");
        columns::groups_of(&event(), &condition, 3)
    };
    for (statement, expected) in [
        (count(&Filter::All), "SCAN doc_event USING COVERING INDEX [id]"),
        (count(&month()), "SEARCH doc_event USING COVERING INDEX [f0 id] (f0>? AND f0<?)"),
        (count(&view()), "SEARCH doc_event USING COVERING INDEX [f1 f0 id] (f1=?)"),
        (count(&view_in_month), in_type),
        (times(&Filter::All), "SEARCH doc_event USING COVERING INDEX [f0 id] (f0>?)"),
        (times(&month()), "SEARCH doc_event USING COVERING INDEX [f0 id] (f0>? AND f0<?)"),
        (times(&view()), "SEARCH doc_event USING COVERING INDEX [f1 f0 id] (f1=? AND f0>?)"),
        (times(&view_in_month), in_type),
        (value(&Filter::All), "SEARCH doc_event USING COVERING INDEX [f1 f0 id] (f1=?)"),
        (value(&month()), in_type),
        (groups(&Filter::All), "SEARCH doc_event USING COVERING INDEX [f3 f0 id] (f3>?)"),
        (groups(&month()), "SEARCH doc_event USING COVERING INDEX [f3 f0 id] (f3>?)"),
    ] {
        assert_eq!(file.plan(&statement), [expected], "{}", statement.sql);
    }
    let bounded = file.plan(&count_of(&event(), &condition(&Filter::All), 10_000));
    assert_eq!(
        bounded[1..],
        ["SCAN doc_event USING COVERING INDEX [id]", "SCAN (subquery-1)"],
        "{bounded:?}"
    );
    let values = file.plan(&columns::values_of(&event(), 1));
    let looks = values.iter().filter(|line| line.contains("doc_event"));
    assert!(
        looks.clone().all(|line| line.starts_with("SEARCH") && line.contains("COVERING INDEX [f1 f0 id]"))
    );
    assert_eq!(looks.count(), 2, "{values:?}");
}

#[tokio::test]
async fn a_statement_is_prepared_once() {
    let mut file = file().await;
    let kind = event();
    let day = |day: i64| {
        let at = |day: i64| Timestamp::from_second(day * 86_400).expect("an instant");
        let from = Some(Bound { value: Scalar::Date(at(day)), inclusive: true });
        Filter::Range { path: "time".into(), from, to: None }
    };
    let query = |number: i64| Query { filter: day(number), count_up_to: 7, ..Query::default() };
    for number in 0..5 {
        super::search(&mut file.connection, &kind, &query(number)).expect("found");
    }
    let page = page_of(&kind, &condition(&day(9)), &query(9));
    let count = count_of(&kind, &condition(&day(9)), 99);
    for sql in [page.sql, count.sql] {
        let statement = file.connection.prepare_cached(&sql).expect("prepared");
        assert_eq!(statement.get_status(StatementStatus::Run), 5, "{sql}");
        assert_eq!(statement.get_status(StatementStatus::RePrepare), 0, "{sql}");
    }
}
