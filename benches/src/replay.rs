//! What a platform has written, as somebody else can write it once more.

use bytes::Bytes;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::Result;
use crate::recorder::Recorded;

/// What leads to the shard that those written once more are in.
const SHARD: &str = "one-tenant";

/// The operations of a request: what is done, and the document.
#[derive(Debug, Clone)]
pub struct Written(Vec<(Value, Option<Value>)>);

impl Written {
    /// What was recorded while one request was answered.
    ///
    /// # Errors
    /// If it is not what `_bulk` takes.
    pub fn of(recorded: &[Recorded]) -> Result<Self> {
        let mut operations = Vec::new();
        for bulk in recorded.iter().filter(|recorded| recorded.path.starts_with("_bulk")) {
            let mut lines = bulk.body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
            while let Some(action) = lines.next() {
                let action: Value = serde_json::from_slice(action)?;
                let document = if action.get("delete").is_some() { None } else { lines.next() };
                operations.push((action, document.map(serde_json::from_slice).transpose()?));
            }
        }
        Ok(Self(operations))
    }

    /// How many documents they are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The same as documents of another space, in the indices of another prefix, without guards. However often that is done,
    /// all of them are in one shard, as those of one tenant are.
    pub fn again(&self, prefixes: [&str; 2], space: &str) -> Bytes {
        let mut lines = String::new();
        for (action, document) in &self.0 {
            let mut action = action.clone();
            for target in action.as_object_mut().into_iter().flat_map(Map::values_mut) {
                if let Some(target) = target.as_object_mut() {
                    target.retain(|name, _| !name.starts_with("if_"));
                    target.entry("routing").and_modify(|routing| *routing = SHARD.into());
                }
            }
            lines.push_str(&action.to_string().replace(prefixes[0], prefixes[1]));
            lines.push('\n');
            if let Some(document) = document {
                lines.push_str(&document.to_string());
                lines.push('\n');
            }
        }
        match self.space() {
            Some(own) => lines.replace(own, space).into(),
            None => lines.into(),
        }
    }

    /// The bodies alone, as documents of one index, under new ids.
    pub fn plain(&self, index: &str) -> Bytes {
        let mut lines = String::new();
        for (_, document) in &self.0 {
            let Some(document) = document else { continue };
            let action = json!({"index": {"_index": index, "_id": Uuid::new_v4()}});
            lines.push_str(&format!("{action}\n{}\n", document["body"]));
        }
        lines.into()
    }

    fn space(&self) -> Option<&str> {
        self.0.first()?.1.as_ref()?["space"].as_str()
    }
}
