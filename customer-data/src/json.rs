//! Small things about JSON objects: times, and merging one object into another.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};
use storage::Body;

/// A time as it stands in documents: RFC 3339, UTC, microseconds.
pub(crate) fn time(at: Timestamp) -> Value {
    Value::String(format!("{at:.6}"))
}

/// A time that a client wrote: RFC 3339, the same without a zone (UTC then), or seconds since 1970.
pub(crate) fn read_time(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => {
            let utc = || text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok();
            text.parse().ok().or_else(|| utc().map(|zoned| zoned.timestamp()))
        }
        Value::Number(seconds) => Timestamp::from_second(seconds.as_i64()?).ok(),
        _ => None,
    }
}

/// Merges objects deeply: where both have a value, the newer counts. Answers whether anything changed.
pub(crate) fn merge(into: &mut Map<String, Value>, newer: &Map<String, Value>) -> bool {
    let mut changed = false;
    for (key, value) in newer {
        match (into.get_mut(key), value) {
            (Some(Value::Object(old)), Value::Object(new)) => changed |= merge(old, new),
            (Some(old), new) if old == new => {}
            (_, new) => {
                into.insert(key.clone(), new.clone());
                changed = true;
            }
        }
    }
    changed
}

/// The value at a dotted path.
pub(crate) fn at<'a>(body: &'a Body, path: &str) -> Option<&'a Value> {
    let mut steps = path.split('.');
    let mut value = body.get(steps.next()?)?;
    for step in steps {
        value = value.get(step)?;
    }
    Some(value)
}

/// The text at a dotted path.
pub(crate) fn text<'a>(body: &'a Body, path: &str) -> Option<&'a str> {
    at(body, path)?.as_str()
}

/// The object that a `json!` literal is.
pub(crate) fn object(value: Value) -> Body {
    match value {
        Value::Object(body) => body,
        other => Map::from_iter([("value".to_owned(), other)]),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_are_read_as_clients_write_them() {
        let expected: Timestamp = "2026-01-02T03:04:05Z".parse().expect("a time");
        for value in [
            json!("2026-01-02T03:04:05Z"),
            json!("2026-01-02T04:04:05+01:00"),
            json!("2026-01-02T03:04:05"),
            json!(1_767_323_045),
        ] {
            assert_eq!(read_time(&value), Some(expected), "{value}");
        }
        assert_eq!(read_time(&json!("yesterday")), None);
        assert_eq!(time(expected), json!("2026-01-02T03:04:05.000000Z"));
    }

    #[test]
    fn merging_goes_deep_and_says_whether_it_changed_anything() {
        let mut old = object(json!({"a": {"b": 1, "c": 2}, "d": 3}));
        assert!(!merge(&mut old, &object(json!({"a": {"b": 1}}))));
        assert!(merge(&mut old, &object(json!({"a": {"b": 4}, "e": null}))));
        assert_eq!(Value::Object(old), json!({"a": {"b": 4, "c": 2}, "d": 3, "e": null}));
    }
}
