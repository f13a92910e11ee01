//! [`Layout`]: which indices there are, and what is in them. As many for ten thousand tenants as for one.
//!
//! ```text
//! <prefix>-spaces           a document for each namespace that is installed
//! <prefix>-<kind>           the documents of a kind that has a time field, of all tenants
//! <prefix>-other            those of all other kinds
//! ```

use serde_json::{Map, Value, json};
use tenant_core::Incarnation;

use crate::kind::{FieldType, Kind, Schema};
use crate::opensearch::config::OpenSearchConfig;
use crate::opensearch::partition::Period;
use crate::opensearch::terms;

/// How documents are written; one of another number is not understood.
pub(super) const FORMAT: u64 = 1;

/// The names of the indices.
#[derive(Debug)]
pub(super) struct Layout {
    prefix: String,
    schema: Schema,
    shards: u32,
    own_shards: u32,
    other_shards: u32,
    replicas: Option<u32>,
    refresh: String,
    version: String,
    own: Vec<(String, Period)>,
}

/// A declared path as the name of a field. No dot: a path may be the beginning of another one.
pub(super) fn field_name(path: &str) -> String {
    path.replace('.', "/")
}

/// The field of an index by which documents are sorted.
pub(super) fn sort_field(path: &str) -> String {
    format!("k.{}", field_name(path))
}

/// The field with the milliseconds of a declared date.
pub(super) fn milliseconds_field(path: &str) -> String {
    format!("m.{}", field_name(path))
}

impl Layout {
    pub(super) fn new(config: &OpenSearchConfig, schema: Schema) -> Self {
        Self {
            prefix: config.prefix.clone(),
            schema,
            shards: config.shards.get(),
            own_shards: config.own_shards.get(),
            other_shards: config.other_shards.get(),
            replicas: config.replicas,
            refresh: format!("{}ms", config.refresh_interval.as_millis()),
            version: config.own_version.clone(),
            own: config.own_kinds.clone(),
        }
    }

    pub(super) fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The index with the namespaces.
    pub(super) fn spaces(&self) -> String {
        format!("{}-spaces", self.prefix)
    }

    /// What the names of tenants' own indices begin with.
    pub(super) fn version(&self) -> &str {
        &self.version
    }

    /// The kinds that a tenant with indices of its own has there.
    pub(super) fn own_kinds(&self) -> impl Iterator<Item = &str> {
        self.own.iter().map(|(kind, _)| kind.as_str())
    }

    /// How long a partition of such a kind is.
    pub(super) fn period(&self, kind: &str) -> Period {
        self.own.iter().find(|(own, _)| own == kind).map_or(Period::Quarter, |(_, period)| *period)
    }

    /// How many shards such an index takes.
    pub(super) fn own_shards(&self, data_nodes: u64) -> u64 {
        u64::from(self.own_shards) * u64::from(1 + self.replicas(data_nodes))
    }

    /// On one data node there are no replicas unless they were asked for: they would have no place.
    fn replicas(&self, data_nodes: u64) -> u32 {
        self.replicas.unwrap_or(u32::from(data_nodes > 1))
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

    /// What an index of all tenants is made with.
    pub(super) fn definition(&self, alias: &str, data_nodes: u64) -> Value {
        let shards = match alias {
            _ if alias == self.spaces() => 1,
            _ if alias == self.other() => self.other_shards,
            _ => self.shards,
        };
        self.index(alias, shards, data_nodes, &self.mapping(alias))
    }

    /// What a tenant's own index of a kind is made with, which may be one that this program keeps no documents of.
    pub(super) fn own_definition(
        &self,
        alias: &str,
        kind: &str,
        data_nodes: u64,
        of: Option<Incarnation>,
    ) -> Value {
        let mut mapping = self.own_mapping(kind);
        // All shards are one tenant's.
        mapping["_routing"]["required"] = false.into();
        if let Some(incarnation) = of {
            mapping["_meta"]["incarnation"] = incarnation.to_string().into();
        }
        self.index(alias, self.own_shards, data_nodes, &mapping)
    }

    /// The fields of a tenant's own index of a kind.
    pub(super) fn own_fields(&self, kind: &str) -> Value {
        json!({"properties": self.own_mapping(kind)["properties"]})
    }

    fn own_mapping(&self, kind: &str) -> Value {
        let kinds: Vec<_> = self.schema.kinds().iter().filter(|own| own.name() == kind).collect();
        self.documents(&kinds)
    }

    fn index(&self, alias: &str, shards: u32, data_nodes: u64, mapping: &Value) -> Value {
        json!({
            "settings": {"index": {
                "number_of_shards": shards,
                "number_of_replicas": self.replicas(data_nodes),
                "refresh_interval": self.refresh,
                // What is acknowledged is on the disk.
                "translog.durability": "request",
            }},
            "mappings": mapping,
            "aliases": {alias: {}},
        })
    }

    /// The fields of an index of all tenants; a newer schema may add to them.
    pub(super) fn mapping(&self, alias: &str) -> Value {
        if alias != self.spaces() {
            let kinds: Vec<_> =
                self.schema.kinds().iter().filter(|kind| self.of_kind(kind) == alias).collect();
            return self.documents(&kinds);
        }
        let keyword = json!({"type": "keyword"});
        let properties = json!({
            "namespace": keyword, "tenant": keyword, "context": keyword, "placement": keyword, "state": keyword,
            "schema": {"type": "integer"}, "at": {"type": "long"},
        });
        json!({"dynamic": false, "_meta": self.meta(), "properties": properties})
    }

    fn meta(&self) -> Value {
        json!({"format": FORMAT, "schema": self.schema.version()})
    }

    /// The fields of an index with documents of some kinds.
    fn documents(&self, kinds: &[&Kind]) -> Value {
        let keyword = json!({"type": "keyword"});
        let (mut sorted, mut times) = (Map::new(), Map::new());
        for field in kinds.iter().flat_map(|kind| kind.fields()) {
            let name = field_name(&field.path);
            if field.field_type == FieldType::Date {
                times.insert(name.clone(), json!({"type": "long"}));
            }
            // What is searched for is in the terms.
            sorted.insert(name, json!({"type": "keyword", "index": false}));
        }
        let values: Map<_, _> =
            (0..terms::OTHER).map(|field| (terms::value_field(field).to_owned(), keyword.clone())).collect();
        json!({
            "dynamic": false,
            "_meta": self.meta(),
            "_routing": {"required": true},
            // What is made of the body is not kept a second time.
            "_source": {"excludes": ["t", "v", "k", "m"]},
            "properties": {
                "space": keyword,
                "kind": keyword,
                "id": keyword,
                // Not counted by.
                "t": {"type": "keyword", "doc_values": false},
                "v": {"properties": values},
                "k": {"properties": sorted},
                "m": {"properties": times},
                "body": {"type": "object", "enabled": false},
            },
        })
    }
}
