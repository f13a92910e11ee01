//! [`Reader`]: reads the fields of a JSON object and collects every fault, not just the first.

use std::str::FromStr;

use serde_json::{Map, Value};

use crate::fields::{FieldError, Location};

/// Reads an object field by field.
///
/// A getter that meets a fault notes it and answers a placeholder; [`Reader::finish`] then answers all faults at once,
/// so nothing that was read may be used before it.
///
/// ```
/// use tenant_core::Reader;
///
/// let body = serde_json::json!({ "name": 7 });
/// let mut reader = Reader::body(&body);
/// let _name = reader.string("name");
/// let _email = reader.string("email");
/// let faults = reader.finish().unwrap_err();
/// assert_eq!(faults.len(), 2);
/// assert_eq!(faults[1].msg, "Field required");
/// ```
#[derive(Debug)]
pub struct Reader<'a> {
    object: Option<&'a Map<String, Value>>,
    at: Vec<Location>,
    faults: Vec<FieldError>,
}

/// Reads a request's body as JSON, whatever its content type.
///
/// # Errors
/// `json_invalid`, with the offset of the fault in bytes as its location (contract 12).
pub fn parse_json(body: &[u8]) -> Result<Value, FieldError> {
    serde_json::from_slice(body).map_err(|fault| {
        let at = if fault.is_eof() { body.len() } else { offset(body, fault.line(), fault.column()) };
        let loc = vec!["body".into(), at.into()];
        FieldError { kind: "json_invalid".to_owned(), loc, msg: "JSON decode error".to_owned() }
    })
}

/// serde_json counts lines and columns from 1.
fn offset(body: &[u8], line: usize, column: usize) -> usize {
    let before: usize =
        body.split_inclusive(|&b| b == b'\n').take(line.saturating_sub(1)).map(<[u8]>::len).sum();
    before + column.saturating_sub(1)
}

impl<'a> Reader<'a> {
    /// Reads the body of a request; anything but an object is a fault.
    pub fn body(value: &'a Value) -> Self {
        Self::at(value, vec!["body".into()])
    }

    fn at(value: &'a Value, at: Vec<Location>) -> Self {
        let mut reader = Self { object: value.as_object(), at, faults: Vec::new() };
        if reader.object.is_none() {
            let loc = reader.at.clone();
            let msg = "Input should be a valid dictionary or object to extract fields from".to_owned();
            reader.faults.push(FieldError { kind: "model_attributes_type".to_owned(), loc, msg });
        }
        reader
    }

    /// The value of a field, `null` being absent.
    pub fn get(&self, name: &str) -> Option<&'a Value> {
        self.object?.get(name).filter(|value| !value.is_null())
    }

    /// Whether the object has the field at all, `null` or not.
    pub fn has(&self, name: &str) -> bool {
        self.object.is_some_and(|object| object.contains_key(name))
    }

    /// Notes a fault of a field.
    pub fn fault(&mut self, name: &str, kind: &str, msg: impl Into<String>) {
        let mut loc = self.at.clone();
        loc.push(name.into());
        self.faults.push(FieldError { kind: kind.to_owned(), loc, msg: msg.into() });
    }

    fn missing(&mut self, name: &str) {
        if self.object.is_none() {
            return; // the object itself is the fault
        }
        if self.has(name) {
            self.fault(name, "string_type", "Input should be a valid string");
        } else {
            self.fault(name, "missing", "Field required");
        }
    }

    /// A required text.
    pub fn string(&mut self, name: &str) -> String {
        if self.get(name).is_none() {
            self.missing(name);
        }
        self.optional_string(name).unwrap_or_default()
    }

    /// A text that may be absent.
    pub fn optional_string(&mut self, name: &str) -> Option<String> {
        match self.get(name)? {
            Value::String(text) => Some(text.clone()),
            _ => {
                self.fault(name, "string_type", "Input should be a valid string");
                None
            }
        }
    }

    /// A required text that is read into a type; `None` after a fault.
    pub fn parse<T: FromStr>(&mut self, name: &str) -> Option<T>
    where
        T::Err: std::fmt::Display,
    {
        if self.get(name).is_none() {
            self.missing(name);
        }
        self.optional_parse(name)
    }

    /// A text that may be absent and is read into a type; `None` after a fault too.
    pub fn optional_parse<T: FromStr>(&mut self, name: &str) -> Option<T>
    where
        T::Err: std::fmt::Display,
    {
        match self.optional_string(name)?.parse() {
            Ok(value) => Some(value),
            Err(fault) => {
                self.fault(name, "value_error", fault.to_string());
                None
            }
        }
    }

    /// A boolean; `default` where it is absent.
    pub fn boolean(&mut self, name: &str, default: bool) -> bool {
        match self.get(name) {
            None => default,
            Some(Value::Bool(value)) => *value,
            Some(_) => {
                self.fault(name, "bool_type", "Input should be a valid boolean");
                default
            }
        }
    }

    /// An object; empty where it is absent.
    pub fn object(&mut self, name: &str) -> Map<String, Value> {
        match self.get(name) {
            None => Map::new(),
            Some(Value::Object(object)) => object.clone(),
            Some(_) => {
                self.fault(name, "dict_type", "Input should be a valid dictionary");
                Map::new()
            }
        }
    }

    /// A list of texts; `None` where it is absent.
    pub fn strings(&mut self, name: &str) -> Option<Vec<String>> {
        let rows = self.get(name)?.as_array();
        let texts: Option<Vec<String>> =
            rows.and_then(|rows| rows.iter().map(|row| row.as_str().map(str::to_owned)).collect());
        if texts.is_none() {
            self.fault(name, "list_type", "Input should be a valid list of strings");
        }
        texts
    }

    /// A required nested object, read by `read`; `None` after a fault.
    pub fn nested<T>(&mut self, name: &str, read: impl FnOnce(&mut Reader<'a>) -> T) -> Option<T> {
        if self.object.is_some() && self.get(name).is_none() {
            self.fault(name, "missing", "Field required");
        }
        self.optional_nested(name, read)
    }

    /// A nested object that may be absent, read by `read`.
    pub fn optional_nested<T>(&mut self, name: &str, read: impl FnOnce(&mut Reader<'a>) -> T) -> Option<T> {
        let value = self.get(name)?;
        Some(self.descend(value, &[name.into()], read))
    }

    /// A list of objects, each read by `read`; empty where it is absent.
    pub fn each<T>(&mut self, name: &str, mut read: impl FnMut(&mut Reader<'a>) -> T) -> Vec<T> {
        match self.get(name) {
            None => Vec::new(),
            Some(Value::Array(rows)) => rows
                .iter()
                .enumerate()
                .map(|(i, row)| self.descend(row, &[name.into(), i.into()], &mut read))
                .collect(),
            Some(_) => {
                self.fault(name, "list_type", "Input should be a valid list");
                Vec::new()
            }
        }
    }

    fn descend<T>(
        &mut self,
        value: &'a Value,
        steps: &[Location],
        read: impl FnOnce(&mut Reader<'a>) -> T,
    ) -> T {
        let mut inner = Reader::at(value, [&self.at[..], steps].concat());
        let result = read(&mut inner);
        self.faults.append(&mut inner.faults);
        result
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// All faults that were met, in the order of reading.
    pub fn finish(self) -> Result<(), Vec<FieldError>> {
        if self.faults.is_empty() { Ok(()) } else { Err(self.faults) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_fault_says_where_it_is() {
        let body = json!({ "source": { "id": 1 }, "events": [{ "type": "a" }, {}], "on": "yes" });
        let mut reader = Reader::body(&body);
        reader.nested("source", |source| source.string("id"));
        reader.each("events", |event| event.string("type"));
        reader.boolean("on", false);
        let faults = reader.finish().expect_err("three faults");
        let rows: Vec<_> = faults.iter().map(|f| (f.kind.as_str(), json!(f.loc))).collect();
        assert_eq!(
            rows,
            [
                ("string_type", json!(["body", "source", "id"])),
                ("missing", json!(["body", "events", 1, "type"])),
                ("bool_type", json!(["body", "on"])),
            ]
        );
    }

    #[test]
    fn broken_json_is_told_with_its_offset() {
        for (body, at) in [("{\n \"a\": x}", 8), ("{", 1), ("", 0), ("{}}", 2)] {
            let fault = parse_json(body.as_bytes()).expect_err("broken");
            assert_eq!(
                (fault.kind.as_str(), json!(fault.loc)),
                ("json_invalid", json!(["body", at])),
                "{body:?}"
            );
        }
    }

    #[test]
    fn a_list_is_no_object() {
        let body = json!([]);
        let mut reader = Reader::body(&body);
        reader.string("name");
        let faults = reader.finish().expect_err("one fault");
        assert_eq!(faults.len(), 1);
        assert_eq!(faults[0].kind, "model_attributes_type");
    }
}
