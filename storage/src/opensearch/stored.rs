//! A document as the engine has it, and as it is read back.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::document::{Body, Document, DocumentId, Version};
use crate::error::{StoreError, StoreErrorKind};
use crate::instant;
use crate::kind::{FieldType, Kind};
use crate::opensearch::plan::milliseconds;
use crate::opensearch::spaces::Space;
use crate::opensearch::terms;
use crate::path::Path;

/// The longest id of the engine, in bytes.
const MAX_ID: usize = 512;

/// The id of a document in its index: the space's own beginning, the kind, and the id. What would be too long has a hash in
/// its place, behind another mark.
pub(super) fn engine_id(space: &Space, kind: &Kind, id: &DocumentId) -> String {
    let plain = format!("{space}.{}.{id}", kind.name());
    if plain.len() <= MAX_ID {
        return plain;
    }
    let hash = Uuid::new_v5(&Uuid::NAMESPACE_OID, id.as_str().as_bytes());
    // The hash is of 122 bits; what it stands for is compared when it is read.
    format!("{space}.{}!{}", kind.name(), hash.simple())
}

/// What is sent.
#[derive(Debug, Serialize)]
struct Stored<'d> {
    space: &'d Space,
    kind: &'d str,
    id: &'d str,
    t: std::collections::BTreeSet<String>,
    k: Map<String, Value>,
    m: Map<String, Value>,
    body: &'d Body,
}

/// The text that is sent of a document whose body was checked.
pub(super) fn encode(
    space: &Space,
    kind: &Kind,
    id: &DocumentId,
    body: &Body,
) -> Result<Vec<u8>, StoreError> {
    let (mut k, mut m) = (Map::new(), Map::new());
    for field in kind.fields() {
        let Some(path) = Path::parse(&field.path) else { continue };
        let values = path.values(body);
        let [value] = values.as_slice() else { continue };
        let name = field.path.replace('.', "/");
        if let (FieldType::Date, Some(instant)) = (field.field_type, value.as_str().and_then(instant::parse))
        {
            m.insert(name.clone(), milliseconds(instant).into());
        }
        if let Some(sorted) = terms::sorted(field.field_type, value) {
            k.insert(name, sorted.into());
        }
    }
    let stored = Stored { space, kind: kind.name(), id: id.as_str(), t: terms::of_body(body), k, m, body };
    serde_json::to_vec(&stored)
        .map_err(|error| StoreError::invalid("a document cannot be written as JSON").with_source(error))
}

/// A document as the engine answers it, in a page or by its id.
#[derive(Debug, Deserialize)]
pub(super) struct Hit {
    #[serde(rename = "_source")]
    source: Source,
    #[serde(rename = "_seq_no")]
    number: u64,
    #[serde(rename = "_primary_term")]
    term: u64,
}

/// What of a stored document is read.
#[derive(Debug, Deserialize)]
struct Source {
    space: Space,
    kind: String,
    id: String,
    body: Body,
}

impl Hit {
    /// The document, if it is one of that space and kind; anything else is not handed out, whatever was asked.
    pub(super) fn into_document(self, space: &Space, kind: &Kind) -> Result<Document, StoreError> {
        if self.source.space != *space || self.source.kind != kind.name() {
            let message = "the engine answered with a document of another namespace or kind";
            tracing::error!(%space, kind = kind.name(), "{message}");
            return Err(StoreError::new(StoreErrorKind::Backend, message));
        }
        Ok(Document {
            id: DocumentId::new(self.source.id)?,
            version: version(self.term, self.number),
            body: self.source.body,
        })
    }
}

/// How many bits of a version are the number of a change in its shard; the rest is the primary's term. No two states of a
/// shard have both in common, and indices are not made anew.
const NUMBER_BITS: u32 = 40;

pub(super) fn version(term: u64, number: u64) -> Version {
    Version::from_raw(term << NUMBER_BITS | number)
}

/// The primary term and the number of the change.
pub(super) fn parts(version: Version) -> (u64, u64) {
    let raw = version.to_raw();
    (raw >> NUMBER_BITS, raw & ((1 << NUMBER_BITS) - 1))
}
