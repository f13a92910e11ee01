//! What is found after a start: the documents against the model, the indexes against the documents, the files by SQLite.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use storage::{Document, Filter, NamespacedStore, Order, Query, Scalar, Sort, Store};

use super::model::Model;
use super::places;
use super::register::{TAGS, tag};

/// Looks at all that a store holds.
pub(super) async fn compare(store: &Arc<dyn Store>, model: &mut Model) {
    for (tenant, context) in places() {
        let data = NamespacedStore::new(Arc::clone(store), &tenant, context);
        let place = format!("{}/{context}", tenant.id());
        let mut found = HashMap::new();
        for kind in ["event", "profile"] {
            let documents = data.scan(kind, None, usize::MAX).await.expect("scanned");
            indexes_agree(&data, kind, &documents, &place).await;
            found.extend(documents.into_iter().map(|document| (document.id.as_str().to_owned(), document)));
        }
        model.compare(&place, found);
    }
}

/// What a search by an indexed field finds is what a look at each document finds, in the same order.
async fn indexes_agree(data: &NamespacedStore, kind: &str, documents: &[Document], place: &str) {
    for number in 0..TAGS {
        let tag = tag(number);
        let mut expected: Vec<_> = documents.iter().filter(|document| document.body["tag"] == *tag).collect();
        let field = if kind == "event" { "time" } else { "step" };
        let key = |document: &Document| {
            (document.body["step"].as_u64(), document.body["time"].as_str().map(str::to_owned))
        };
        expected.sort_by(|one, other| {
            let (one_key, other_key) = (key(one), key(other));
            let greatest_first =
                if field == "time" { other_key.1.cmp(&one_key.1) } else { other_key.0.cmp(&one_key.0) };
            greatest_first.then_with(|| one.id.as_str().cmp(other.id.as_str()))
        });
        let sort = vec![Sort { path: field.into(), order: Order::Descending }];
        let filter = Filter::equals("tag", Scalar::from(tag.as_str()));
        let query = Query { filter, sort, offset: 0, limit: 10_000, ..Query::default() };
        let page = data.search(kind, &query).await.expect("searched");
        assert_eq!(page.total, expected.len() as u64, "{place}: {kind} by {tag}");
        let same = page.documents.iter().zip(&expected).all(|(found, expected)| found == *expected);
        assert!(same, "{place}: a search of {kind} by {tag} finds other documents than a scan");
    }
}

/// Looks at the files of a store that has been closed.
pub(super) fn files_are_whole(folder: &Path) {
    for (tenant, context) in places() {
        let file = format!("tenants/{}/{}/{context}.db", tenant.id(), tenant.incarnation());
        let path = folder.join(file);
        // One whose install was killed is not there.
        if path.exists() {
            assert_eq!(integrity(&path), "ok", "{}", path.display());
        }
    }
}

fn integrity(file: &Path) -> String {
    let connection = rusqlite::Connection::open(file).expect("the file");
    connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("an answer")
}
