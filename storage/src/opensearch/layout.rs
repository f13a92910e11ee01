//! [`Layout`]: which indices there are, and what is in them. As many for ten thousand tenants as for one.
//!
//! ```text
//! <prefix>-spaces           a document for each namespace that is installed
//! <prefix>-<kind>           the documents of a kind that has a time field, of all tenants
//! <prefix>-other            those of all other kinds
//! ```

use serde_json::{Map, Value, json};

use crate::kind::{FieldType, Kind, Schema};
use crate::opensearch::OpenSearchConfig;

/// How documents are written; one of another number is not understood.
pub(super) const FORMAT: u64 = 1;

/// The names of the indices.
#[derive(Debug)]
pub(super) struct Layout {
    prefix: String,
    schema: Schema,
    shards: u32,
    other_shards: u32,
    replicas: Option<u32>,
    refresh: String,
}

/// The field of an index by which documents are sorted. No dot: a declared path may be the beginning of another one.
pub(super) fn sort_field(path: &str) -> String {
    format!("k.{}", path.replace('.', "/"))
}

/// The field with the milliseconds of a declared date.
pub(super) fn milliseconds_field(path: &str) -> String {
    format!("m.{}", path.replace('.', "/"))
}

impl Layout {
    pub(super) fn new(config: &OpenSearchConfig, schema: Schema) -> Self {
        Self {
            prefix: config.prefix.clone(),
            schema,
            shards: config.shards.get(),
            other_shards: config.other_shards.get(),
            replicas: config.replicas,
            refresh: format!("{}ms", config.refresh_interval.as_millis()),
        }
    }

    pub(super) fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The index with the namespaces.
    pub(super) fn spaces(&self) -> String {
        format!("{}-spaces", self.prefix)
    }

    /// The index with the documents of a kind.
    pub(super) fn of_kind(&self, kind: &Kind) -> String {
        match kind.time_field() {
            Some(_) => format!("{}-{}", self.prefix, kind.name()),
            None => self.other(),
        }
    }

    /// The index of the kinds without a time field.
    fn other(&self) -> String {
        format!("{}-other", self.prefix)
    }

    /// Every index with documents, each once.
    pub(super) fn of_documents(&self) -> Vec<String> {
        let mut indices: Vec<_> = self.schema.kinds().iter().map(|kind| self.of_kind(kind)).collect();
        indices.sort();
        indices.dedup();
        indices
    }

    /// The index that is made for the alias under which it is reached.
    pub(super) fn index_of(alias: &str) -> String {
        format!("{alias}-1")
    }

    /// What an index is made with. On one data node it has no replicas unless they were asked for: they would have no place.
    pub(super) fn definition(&self, index: &str, data_nodes: u64) -> Value {
        let replicas = self.replicas.unwrap_or(u32::from(data_nodes > 1));
        let shards = match index {
            _ if index == self.spaces() => 1,
            _ if index == self.other() => self.other_shards,
            _ => self.shards,
        };
        json!({
            "settings": {"index": {
                "number_of_shards": shards,
                "number_of_replicas": replicas,
                "refresh_interval": self.refresh,
                // What is acknowledged is on the disk.
                "translog.durability": "request",
            }},
            "mappings": self.mapping(index),
            "aliases": {index: {}},
        })
    }

    /// The fields of an index; a newer schema may add to them.
    pub(super) fn mapping(&self, index: &str) -> Value {
        let meta = json!({"format": FORMAT, "schema": self.schema.version()});
        let keyword = json!({"type": "keyword"});
        if index == self.spaces() {
            let properties = json!({"namespace": keyword, "state": keyword, "schema": {"type": "integer"}, "at": {"type": "long"}});
            return json!({"dynamic": false, "_meta": meta, "properties": properties});
        }
        let (mut sorted, mut times) = (Map::new(), Map::new());
        for field in
            self.schema.kinds().iter().filter(|kind| self.of_kind(kind) == index).flat_map(Kind::fields)
        {
            let name = field.path.replace('.', "/");
            if field.field_type == FieldType::Date {
                times.insert(name.clone(), json!({"type": "long"}));
            }
            // What is searched for is in `t`.
            sorted.insert(name, json!({"type": "keyword", "index": false}));
        }
        json!({
            "dynamic": false,
            "_meta": meta,
            "_routing": {"required": true},
            // What is made of the body is not kept a second time.
            "_source": {"excludes": ["t", "k", "m"]},
            "properties": {
                "space": keyword,
                "kind": keyword,
                "id": keyword,
                "t": keyword,
                "k": {"properties": sorted},
                "m": {"properties": times},
                "body": {"type": "object", "enabled": false},
            },
        })
    }
}
