//! The order of what is found, which part of it is given, and how far it is counted.

use std::cmp::Reverse;
use std::sync::Arc;

use serde_json::{Value, json};

use super::filters::{filled, ids};
use super::{During, Failure, THING, equal, failed};
use crate::document::DocumentId;
use crate::query::{Filter, MAX_WINDOW, Order, Query, Sort};
use crate::store::Store;

/// The whole suite.
///
/// # Errors
/// The first failure.
pub async fn all(store: &Arc<dyn Store>) -> Result<(), Failure> {
    sorts(store).await?;
    bytes_not_letters(store).await?;
    totals(store).await?;
    deep(store).await
}

/// Order, ties by id, missing values last, pages.
///
/// # Errors
/// The first failure.
pub async fn sorts(store: &Arc<dyn Store>) -> Result<(), Failure> {
    let documents = [
        ("a", json!({"name": "b", "rank": 2, "time": {"insert": "2026-01-01T00:00:00+01:00"}})),
        ("b", json!({"name": "B", "rank": 2.0})),
        ("c", json!({"name": "é", "rank": -1, "time": {"insert": "2025-12-31T23:30:00Z"}})),
        ("d", json!({"name": "b", "time": {"insert": "1969-12-31T23:59:59.5Z"}})),
        ("e", json!({"rank": 9_007_199_254_740_993_u64})),
        ("f", json!({"rank": 9_007_199_254_740_992.0})),
    ];
    let data = filled(store, &documents, "writing documents to sort").await?;
    let (up, down) = (Order::Ascending, Order::Descending);
    let cases: [(&[(&'static str, Order)], &str); 8] = [
        (&[], "a b c d e f"),
        (&[("name", up)], "b a d c e f"),
        (&[("name", down)], "c a d b e f"),
        (&[("rank", up)], "c a b f e d"),
        (&[("rank", down)], "e f a b c d"),
        (&[("time.insert", up)], "d a c b e f"),
        (&[("time.insert", down)], "c a d b e f"),
        (&[("name", up), ("rank", down)], "b a d c e f"),
    ];
    for (sort, expected) in cases {
        let sort: Vec<_> =
            sort.iter().map(|(path, order)| Sort { path: (*path).into(), order: *order }).collect();
        let step = format!("sorting by {sort:?}");
        let mut paged = Vec::new();
        for offset in (0..documents.len()).step_by(2) {
            let query =
                Query { filter: Filter::All, sort: sort.clone(), offset, limit: 2, ..Query::default() };
            let page = data.search(THING, &query).await.during(&step)?;
            equal(&format!("the total, {step}"), &page.total, &(documents.len() as u64))?;
            paged.extend(page.documents);
        }
        equal(&step, &ids(&paged), &expected.to_owned())?;
    }
    for (offset, limit) in [(6, 10), (MAX_WINDOW, 0), (0, 0)] {
        let query = Query { offset, limit, ..Query::default() };
        let page = data.search(THING, &query).await.during("an empty page")?;
        equal("an empty page", &(page.total, page.documents.len()), &(6, 0))?;
    }
    Ok(())
}

/// Texts and ids sort by their UTF-8 bytes: not by letters, not by UTF-16.
///
/// # Errors
/// The first failure.
pub async fn bytes_not_letters(store: &Arc<dyn Store>) -> Result<(), Failure> {
    // Each is also the id of the one that stands as far from the end.
    let rising = ["!", "A", "Z", "a", "a!", "aa", "e\u{301}", "z", "é", "\u{fb00}", "\u{ffff}", "\u{1f600}"];
    let documents: Vec<(&str, Value)> =
        rising.iter().rev().zip(rising).map(|(key, name)| (*key, json!({"name": name}))).collect();
    let data = filled(store, &documents, "writing texts of many alphabets").await?;
    let backwards: Vec<_> = rising.into_iter().rev().collect();
    for (order, expected) in [(Order::Ascending, &backwards[..]), (Order::Descending, &rising)] {
        let sort = vec![Sort { path: "name".into(), order }];
        let page = data.search(THING, &Query { sort, ..Query::default() }).await.during("sorting texts")?;
        equal("texts in order", &ids(&page.documents), &expected.join(" "))?;
    }
    let by_id = data.search(THING, &Query::default()).await.during("sorting ids")?;
    equal("ids in order", &ids(&by_id.documents), &rising.join(" "))?;
    let scanned = data.scan(THING, None, 100).await.during("scanning ids")?;
    equal("ids as they are scanned", &ids(&scanned), &rising.join(" "))
}

/// The total is exact, or as far as was asked, and has nothing to do with the page.
///
/// # Errors
/// The first failure.
pub async fn totals(store: &Arc<dyn Store>) -> Result<(), Failure> {
    let documents: Vec<(String, Value)> =
        (0..10).map(|number| (number.to_string(), json!({"name": "x", "free": number % 2 == 0}))).collect();
    let data = filled(store, &documents, "writing documents to count").await?;
    for (filter, matching) in [
        (Filter::All, 10),
        (Filter::equals("name", "x"), 10),
        (Filter::equals("free", true), 5),
        (Filter::Or(vec![]), 0),
    ] {
        for count_up_to in [0, 1, 4, 5, 9, 10, 11, 1 << 40, u64::MAX] {
            for (offset, limit) in [(0, 3), (20, 3), (0, 0)] {
                let query = Query { filter: filter.clone(), offset, limit, count_up_to, ..Query::default() };
                let step = format!("searching {query:?}");
                let page = data.search(THING, &query).await.during(&step)?;
                let given = matching.min(if offset == 0 { limit } else { 0 });
                equal(&step, &page.documents.len(), &given)?;
                equal(&format!("the total, {step}"), &page.total, &count_up_to.min(matching as u64))?;
            }
        }
    }
    Ok(())
}

/// Pages reach to [`MAX_WINDOW`], and a scan reaches beyond.
///
/// # Errors
/// The first failure.
pub async fn deep(store: &Arc<dyn Store>) -> Result<(), Failure> {
    let count = MAX_WINDOW + 50;
    let documents: Vec<(String, Value)> =
        (0..count).map(|number| (format!("{number:05}"), json!({"rank": number % 7, "name": "x"}))).collect();
    let data = filled(store, &documents, "writing more than a window").await?;
    let mut expected: Vec<usize> = (0..count).collect();
    expected.sort_by_key(|number| (Reverse(number % 7), *number));
    let sort = vec![Sort { path: "rank".into(), order: Order::Descending }];
    for filter in [Filter::All, Filter::equals("name", "x"), Filter::equals("rank", 0)] {
        for (offset, limit) in [(MAX_WINDOW - 20, 20), (MAX_WINDOW - 1, 1), (0, MAX_WINDOW), (5000, 5)] {
            let query =
                Query { filter: filter.clone(), sort: sort.clone(), offset, limit, ..Query::default() };
            let step = format!("a deep page, {query:?}");
            let page = data.search(THING, &query).await.during(&step)?;
            let all =
                expected.iter().filter(|number| filter != Filter::equals("rank", 0) || **number % 7 == 0);
            equal(&format!("the total of {step}"), &page.total, &(all.clone().count() as u64))?;
            let expected: Vec<_> =
                all.skip(offset).take(limit).map(|number| format!("{number:05}")).collect();
            equal(&step, &ids(&page.documents), &expected.join(" "))?;
        }
    }
    let step = "scanning beyond the window";
    let mut after: Option<DocumentId> = None;
    for (number, (key, _)) in documents.iter().enumerate().step_by(999) {
        let page = data.scan(THING, after.as_ref(), 999).await.during(step)?;
        equal(step, &page.first().map(|document| document.id.as_str()), &Some(key.as_str()))?;
        equal(step, &page.len(), &999.min(count - number))?;
        after = page.last().map(|document| document.id.clone());
    }
    let end = data.scan(THING, after.as_ref(), 999).await.during(step)?;
    if end.is_empty() { Ok(()) } else { Err(failed(step, format!("{} documents after the last", end.len()))) }
}
