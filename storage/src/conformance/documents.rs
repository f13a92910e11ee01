//! Writing and reading by id: batches, guards, order, scans.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{During, Failure, OTHER, THING, body, equal, failed, fresh, id, refused};
use crate::document::{Applied, Batch, Change, DocumentId, Guard, Version};
use crate::error::StoreErrorKind;
use crate::namespace::NamespacedStore;
use crate::query::{Aggregation, Buckets, Filter, Query};
use crate::store::Store;

/// The whole suite but [`atomicity`].
///
/// # Errors
/// The first failure.
pub async fn all(store: &Arc<dyn Store>) -> Result<(), Failure> {
    contents(store).await?;
    guards(store).await?;
    versions(store).await?;
    order(store).await?;
    sent_again(store).await?;
    replacements(store).await?;
    invalid(store).await?;
    scans(store).await
}

async fn put(data: &NamespacedStore, key: &str, value: Value, step: &str) -> Result<Version, Failure> {
    let mut batch = Batch::default();
    batch.put(THING, id(key), body(value));
    let applied = data.write(batch).await.during(step)?;
    match applied.as_slice() {
        [Applied { version: Some(version), .. }] => Ok(*version),
        other => Err(failed(step, format!("one put was answered {other:?}"))),
    }
}

async fn value(data: &NamespacedStore, key: &str, step: &str) -> Result<Option<Value>, Failure> {
    let document = data.get(THING, &id(key)).await.during(step)?;
    Ok(document.map(|document| Value::Object(document.body)))
}

/// What is read is what was written.
///
/// # Errors
/// The first failure.
pub async fn contents(store: &Arc<dyn Store>) -> Result<(), Failure> {
    let step = "reading what was put";
    let data = fresh(store, step).await?;
    let longest = "é".repeat(DocumentId::MAX_BYTES / 2);
    let documents = [
        ("a", json!({})),
        ("A", json!({"name": "", "rank": 0, "list": [], "object": {}, "null": null})),
        ("a/b ../%_*'\"\\", json!({"list": [1, "1", true, null, [2], {"a": {"b": []}}]})),
        (
            &longest,
            json!({"rank": i64::MIN, "a": u64::MAX, "b": i64::MAX, "c": 0.1, "d": 1e308, "e": 5e-324}),
        ),
        ("日本", json!({"name": "\u{0}\u{7f}\"\\/\u{10ffff}", "": {"": 1}, "a.b": 2})),
        ("t", json!({"time": {"insert": "2026-01-01T00:00:00.123456789+14:00"}})),
    ];
    for (key, value) in &documents {
        put(&data, key, value.clone(), step).await?;
    }
    for (key, expected) in &documents {
        equal(step, &value(&data, key, step).await?, &Some(expected.clone()))?;
        let document = data.get(THING, &id(key)).await.during(step)?;
        equal("the id of what is read", &document.map(|document| document.id), &Some(id(key)))?;
        let other = data.get(OTHER, &id(key)).await.during(step)?;
        equal("reading the same id of another kind", &other, &None)?;
    }
    equal("reading an id that is not there", &value(&data, "b", step).await?, &None)?;
    data.write(Batch::default()).await.during("writing nothing").map(drop)
}

/// Guarded changes: create, replace and remove, and what does not hold.
///
/// # Errors
/// The first failure.
pub async fn guards(store: &Arc<dyn Store>) -> Result<(), Failure> {
    let step = "creating";
    let data = fresh(store, step).await?;
    let mut batch = Batch::default();
    batch.create(THING, id("a"), body(json!({"rank": 1})));
    let created = data.write(batch.clone()).await.during(step)?;
    let [Applied { version: Some(first), existed: false }] = created[..] else {
        return Err(failed(step, format!("a creation was answered {created:?}")));
    };
    refused("creating what exists", data.write(batch).await, StoreErrorKind::Conflict { item: 0 })?;

    let replace = |read, rank: i64| {
        let mut batch = Batch::default();
        batch.replace(THING, id("a"), body(json!({"rank": rank})), read);
        batch
    };
    let step = "replacing what was read";
    let replaced = data.write(replace(first, 2)).await.during(step)?;
    let [Applied { version: Some(second), existed: true }] = replaced[..] else {
        return Err(failed(step, format!("a replacement was answered {replaced:?}")));
    };
    let conflict = StoreErrorKind::Conflict { item: 0 };
    refused("replacing what has changed since", data.write(replace(first, 3)).await, conflict)?;
    equal("what a refused change left", &value(&data, "a", step).await?, &Some(json!({"rank": 2})))?;

    let remove = |read| {
        let mut batch = Batch::default();
        batch.remove(THING, id("a"), read);
        batch
    };
    refused("removing what has changed since", data.write(remove(first)).await, conflict)?;
    let removed = data.write(remove(second)).await.during("removing what was read")?;
    equal("the answer to a removal", &removed, &vec![Applied { version: None, existed: true }])?;
    refused("removing what is gone", data.write(remove(second)).await, conflict)?;
    refused("replacing what is gone", data.write(replace(second, 4)).await, conflict)?;

    let absent = (Change::Delete { kind: THING.into(), id: id("a") }, Guard::Absent);
    let batch = Batch { guarded: vec![absent], appended: Vec::new() };
    let applied = data.write(batch.clone()).await.during("deleting what is and must be absent")?;
    equal("its answer", &applied, &vec![Applied { version: None, existed: false }])?;
    put(&data, "a", json!({}), step).await?;
    refused("deleting what exists and must be absent", data.write(batch).await, conflict)
}

/// Each write makes another version, and none comes twice, not even after a removal.
///
/// # Errors
/// The first failure.
pub async fn versions(store: &Arc<dyn Store>) -> Result<(), Failure> {
    let step = "versions of one id";
    let data = fresh(store, step).await?;
    let mut seen = Vec::new();
    for round in 0..20 {
        let version = put(&data, "a", json!({"same": "content"}), step).await?;
        let read = data.get(THING, &id("a")).await.during(step)?.map(|document| document.version);
        equal("the version that is read", &read, &Some(version))?;
        if seen.contains(&version) {
            return Err(failed(step, format!("{version:?} came twice")));
        }
        seen.push(version);
        if round % 2 == 1 {
            let mut batch = Batch::default();
            batch.delete(THING, id("a"));
            data.write(batch).await.during(step)?;
        }
    }
    Ok(())
}

/// A later change of a batch sees the earlier ones, and there is one answer for each, in order.
///
/// # Errors
/// The first failure.
pub async fn order(store: &Arc<dyn Store>) -> Result<(), Failure> {
    let step = "writing a batch in order";
    let data = fresh(store, step).await?;
    let mut batch = Batch::default();
    batch.put(THING, id("a"), body(json!({"rank": 2})));
    batch.create(THING, id("a"), body(json!({"rank": 1})));
    batch.delete(THING, id("a"));
    batch.delete(THING, id("a"));
    batch.put(THING, id("a"), body(json!({"rank": 3})));
    batch.put(OTHER, id("a"), body(json!({"rank": 4})));
    let applied = data.write(batch).await.during(step)?;
    let existed: Vec<_> = applied.iter().map(|row| (row.version.is_some(), row.existed)).collect();
    let expected = [(true, false), (true, true), (false, true), (false, false), (true, false), (true, false)];
    equal("the answer to each change", &existed, &expected.to_vec())?;
    equal(step, &value(&data, "a", step).await?, &Some(json!({"rank": 3})))?;

    let mut batch = Batch::default();
    batch.create(THING, id("b"), body(json!({})));
    batch.create(THING, id("b"), body(json!({})));
    batch.create(THING, id("c"), body(json!({})));
    batch.put(THING, id("d"), body(json!({})));
    let step = "a guard that an earlier change of the batch broke";
    refused(step, data.write(batch).await, StoreErrorKind::Conflict { item: 1 })?;
    for key in ["c", "d"] {
        equal("what comes after a guard that does not hold", &value(&data, key, step).await?, &None)?;
    }
    Ok(())
}

/// A batch with fixed ids that is sent again stores each document once, and says which ones existed.
///
/// # Errors
/// The first failure.
pub async fn sent_again(store: &Arc<dyn Store>) -> Result<(), Failure> {
    let step = "sending a batch again";
    let data = fresh(store, step).await?;
    let batch = |numbers: Range<u64>| {
        let mut batch = Batch::default();
        for number in numbers {
            batch.put(THING, id(&format!("e{number}")), body(json!({"rank": number, "name": "x"})));
        }
        batch
    };
    for (numbers, existed) in [(0..10, 0), (0..10, 10), (5..15, 5), (0..15, 15)] {
        let count = numbers.end - numbers.start;
        let applied = data.write(batch(numbers)).await.during(step)?;
        let found: Vec<bool> = applied.iter().map(|row| row.existed).collect();
        let expected: Vec<bool> = (0..count).map(|number| number < existed).collect();
        equal("which documents existed", &found, &expected)?;
        let versions = applied.iter().filter_map(|row| row.version).collect::<HashSet<_>>();
        equal("how many versions were given", &(versions.len() as u64), &count)?;
    }
    data.refresh().await.during("refreshing")?;
    equal(step, &data.count(THING, &Filter::All).await.during(step)?, &15)?;
    equal(step, &data.count(THING, &Filter::equals("name", "x")).await.during(step)?, &15)?;
    equal(step, &data.scan(THING, None, 100).await.during(step)?.len(), &15)?;

    let mut first = batch(20..22);
    first.create(THING, id("once"), body(json!({"rank": 1})));
    data.write(first.clone()).await.during(step)?;
    let step = "sending again what creates a document";
    refused(step, data.write(first).await, StoreErrorKind::Conflict { item: 0 })?;
    data.refresh().await.during("refreshing")?;
    equal(step, &data.count(THING, &Filter::All).await.during(step)?, &18)
}

/// What is replaced or deleted is found by its new content alone, by every call.
///
/// # Errors
/// The first failure.
pub async fn replacements(store: &Arc<dyn Store>) -> Result<(), Failure> {
    let step = "replacing what is searched for";
    let data = fresh(store, step).await?;
    let old = json!({"name": "old", "rank": 1, "time": {"insert": "2026-01-01T00:00:00Z"}, "free": "old"});
    let new = json!({"name": "new", "time": {"insert": "2026-02-01T00:00:00Z"}, "free": "new"});
    for key in ["a", "b", "c"] {
        put(&data, key, old.clone(), step).await?;
    }
    put(&data, "a", new, step).await?;
    let mut batch = Batch::default();
    batch.delete(THING, id("b"));
    data.write(batch).await.during(step)?;
    data.refresh().await.during("refreshing")?;
    for (filter, expected) in [
        (Filter::equals("name", "old"), 1),
        (Filter::equals("name", "new"), 1),
        (Filter::equals("free", "old"), 1),
        (Filter::equals("free", "new"), 1),
        (Filter::equals("time.insert", "2026-01-01T00:00:00Z"), 1),
        (Filter::Exists { path: "rank".into() }, 1),
        (Filter::All, 2),
    ] {
        let step = format!("counting {filter:?} after a replacement and a removal");
        equal(&step, &data.count(THING, &filter).await.during(&step)?, &expected)?;
        let page = data.search(THING, &Query { filter, ..Query::default() }).await.during(&step)?;
        equal(&step, &(page.documents.len() as u64), &expected)?;
    }
    let names = Aggregation::Terms { path: "name".into(), size: 10 };
    let names = data.aggregate(THING, &Filter::All, &names).await.during(step)?;
    let values = vec![("new".into(), 1), ("old".into(), 1)];
    equal("names after a replacement and a removal", &names, &Buckets::Terms { values, other: 0 })
}

/// Unknown kinds and documents that break their kind's declaration change nothing.
///
/// # Errors
/// The first failure.
pub async fn invalid(store: &Arc<dyn Store>) -> Result<(), Failure> {
    let data = fresh(store, "input outside the contract").await?;
    let (unknown, invalid) = ("no-such-kind", StoreErrorKind::Invalid);
    let terms = Aggregation::Terms { path: "name".into(), size: 1 };
    refused("get of an unknown kind", data.get(unknown, &id("a")).await, invalid)?;
    refused("search of an unknown kind", data.search(unknown, &Query::default()).await, invalid)?;
    refused("count of an unknown kind", data.count(unknown, &Filter::All).await, invalid)?;
    refused("scan of an unknown kind", data.scan(unknown, None, 1).await, invalid)?;
    let aggregated = data.aggregate(unknown, &Filter::All, &terms).await;
    refused("aggregation of an unknown kind", aggregated, invalid)?;

    for (kind, value) in [
        (unknown, json!({})),
        (THING, json!({"name": 1})),
        (THING, json!({"name": ["a", "b"]})),
        (THING, json!({"rank": "1"})),
        (THING, json!({"rank": true})),
        (THING, json!({"time": {"insert": "yesterday"}})),
        (THING, json!({"time": {"insert": 0}})),
        (THING, json!({"time": [{"insert": "2026-01-01T00:00:00Z"}, {"insert": "2026-01-02T00:00:00Z"}]})),
    ] {
        let mut batch = Batch::default();
        batch.create(THING, id("first"), body(json!({})));
        batch.put(kind, id("second"), body(value.clone()));
        let step = format!("writing {value} as `{kind}`");
        refused(&step, data.write(batch).await, invalid)?;
        let first = data.get(THING, &id("first")).await.during(&step)?;
        equal("what was in a batch with an invalid document", &first, &None)?;
    }
    Ok(())
}

/// A scan gives every document once, in the order of ids, whatever the size of its pages.
///
/// # Errors
/// The first failure.
pub async fn scans(store: &Arc<dyn Store>) -> Result<(), Failure> {
    let step = "scanning";
    let data = fresh(store, step).await?;
    let mut batch = Batch::default();
    let mut expected: Vec<DocumentId> = (0..250)
        .map(|number| id(&format!("{}{}", ["a", "B", "é", "_"][number % 4], number * 7 % 250)))
        .collect();
    for key in &expected {
        batch.put(THING, key.clone(), body(json!({"rank": 1})));
    }
    batch.put(OTHER, id("of-another-kind"), body(json!({})));
    data.write(batch).await.during(step)?;
    expected.sort();
    for size in [1000, 250, 100, 7] {
        let mut found: Vec<DocumentId> = Vec::new();
        loop {
            let page = data.scan(THING, found.last(), size).await.during(step)?;
            if page.len() > size {
                return Err(failed(step, format!("{} documents in a page of {size}", page.len())));
            }
            if page.is_empty() {
                break;
            }
            found.extend(page.into_iter().map(|document| document.id));
        }
        equal(&format!("scanning by {size}"), &found, &expected)?;
    }
    equal("scanning nothing", &data.scan(THING, None, 0).await.during(step)?, &Vec::new())
}

/// For backends whose batches are all or nothing, as memory and embedded are.
///
/// # Errors
/// The first failure.
pub async fn atomicity(store: &Arc<dyn Store>) -> Result<(), Failure> {
    let step = "a batch whose last guard does not hold";
    let data = fresh(store, step).await?;
    let read = put(&data, "kept", json!({"rank": 1}), step).await?;
    let mut batch = Batch::default();
    batch.create(THING, id("new"), body(json!({})));
    batch.remove(THING, id("kept"), read);
    batch.create(THING, id("kept"), body(json!({"rank": 2})));
    batch.create(THING, id("kept"), body(json!({"rank": 3})));
    refused(step, data.write(batch).await, StoreErrorKind::Conflict { item: 3 })?;
    equal(step, &value(&data, "new", step).await?, &None)?;
    let kept = data.get(THING, &id("kept")).await.during(step)?;
    let kept = kept.map(|document| (document.version, Value::Object(document.body)));
    equal(step, &kept, &Some((read, json!({"rank": 1}))))
}
