//! A document as the engine has it, and as it is read back.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::document::{Body, Document, DocumentId, Version};
use crate::error::{StoreError, StoreErrorKind};
use crate::instant;
use crate::kind::{FieldType, Kind};
use crate::opensearch::body_terms::{BodyTerms, OfField, OfValues};
use crate::opensearch::failure::{unexpected, unwritable};
use crate::opensearch::gets::Gotten;
use crate::opensearch::home::Space;
use crate::opensearch::layout::field_name;
use crate::opensearch::plan::milliseconds;
use crate::opensearch::terms;
use crate::path::Found;

/// The longest id of the engine, in bytes.
const MAX_ID: usize = 512;

/// About how many bytes of a document are no terms.
const ROOM: usize = 2 << 10;

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
    /// The terms that are not counted by.
    t: OfField<'d>,
    /// Those of values, by their fields.
    v: OfValues<'d>,
    k: Map<String, Value>,
    m: Map<String, Value>,
    w: u64,
    body: &'d Body,
}

/// The text that is sent of a document whose body was checked.
pub(super) fn encode(
    space: &Space,
    kind: &Kind,
    id: &DocumentId,
    body: &Body,
    write: Write,
) -> Result<Vec<u8>, StoreError> {
    let (mut k, mut m) = (Map::new(), Map::new());
    for field in kind.fields() {
        let Found::One(value) = field.found(body) else { continue };
        let name = field_name(&field.path);
        if let (FieldType::Date, Some(instant)) = (field.field_type, value.as_str().and_then(instant::parse))
        {
            m.insert(name.clone(), milliseconds(instant).into());
        }
        if let Some(sorted) = terms::sorted(field.field_type, value) {
            k.insert(name, sorted.into());
        }
    }
    let terms = BodyTerms::of(body);
    let (t, v) = (terms.others(), terms.values());
    let stored = Stored { space, kind: kind.name(), id: id.as_str(), t, v, k, m, w: write.0, body };
    let mut text = Vec::with_capacity(terms.size() + ROOM);
    serde_json::to_writer(&mut text, &stored).map_err(unwritable)?;
    Ok(text)
}

/// A document as the engine answers it, in a page or by its id.
#[derive(Debug, Deserialize)]
pub(super) struct Hit {
    #[serde(rename = "_index")]
    pub(super) index: String,
    #[serde(rename = "_source")]
    source: Source,
    #[serde(rename = "_seq_no")]
    number: u64,
    #[serde(rename = "_primary_term")]
    term: u64,
    /// What it was sorted by.
    #[serde(default)]
    pub(super) sort: Vec<Value>,
}

/// What of a stored document is read.
#[derive(Debug, Deserialize)]
struct Source {
    space: Space,
    kind: String,
    id: String,
    w: u64,
    body: Body,
}

impl Hit {
    /// `None` if there is no such document.
    pub(super) fn of(gotten: Gotten) -> Result<Option<Self>, StoreError> {
        let Gotten { index, source, number, term, .. } = gotten;
        let Some(source) = source else { return Ok(None) };
        let source = serde_json::from_str(source.get()).map_err(unexpected)?;
        Ok(Some(Self { index, source, number, term, sort: Vec::new() }))
    }

    /// The state in which the engine has it, for a change that is to find it so.
    pub(super) fn state(&self) -> State {
        State { term: self.term, number: self.number }
    }

    /// The document's.
    pub(super) fn id(&self) -> &str {
        &self.source.id
    }

    /// Which write made it so.
    pub(super) fn write(&self) -> Write {
        Write(self.source.w)
    }

    /// The document, if it is one of that space and kind; anything else is not handed out, whatever was asked. In indices of a
    /// tenant's own, which may be made anew, its version is the write's number.
    pub(super) fn into_document(
        self,
        space: &Space,
        kind: &Kind,
        is_own: bool,
    ) -> Result<Document, StoreError> {
        if self.source.space != *space || self.source.kind != kind.name() {
            let message = "the engine answered with a document of another namespace or kind";
            tracing::error!(%space, kind = kind.name(), "{message}");
            return Err(StoreError::new(StoreErrorKind::Backend, message));
        }
        let version = if is_own { self.write().version() } else { self.state().version(space) };
        Ok(Document { id: DocumentId::new(self.source.id)?, version, body: self.source.body })
    }
}

/// The state of a document for the engine: the number of its last change in its shard, and the primary's term then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct State {
    pub(super) term: u64,
    pub(super) number: u64,
}

/// How many bits of a version are the number; the rest is the term.
const NUMBER_BITS: u32 = 40;

impl State {
    /// The version of a document in an index that is never made anew. No two states of a shard have both in common; what is
    /// installed again may be in another shard, so that the space has its part in it.
    pub(super) fn version(self, space: &Space) -> Version {
        Version::from_raw((self.term << NUMBER_BITS | self.number) ^ space.salt())
    }

    /// The state of such a version; `None` if it can be none, since no term is 0. That of another space's version is any.
    pub(super) fn of(version: Version, space: &Space) -> Option<Self> {
        let raw = version.to_raw() ^ space.salt();
        let (term, number) = (raw >> NUMBER_BITS, raw & ((1 << NUMBER_BITS) - 1));
        (term > 0).then_some(Self { term, number })
    }
}

/// One write of one document: a random number that is kept with it, so that it can be told from all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Write(u64);

impl Write {
    pub(super) fn new() -> Self {
        Self(fastrand::u64(..))
    }

    /// The number as the version of a document.
    pub(super) fn version(self) -> Version {
        Version::from_raw(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_of_one_space() {
        let (state, spaces) = (State { term: 3, number: 1_000_000 }, [Space::random(), Space::random()]);
        let [one, other] = spaces.map(|space| state.version(&space));
        assert_ne!(one, other, "the same state of another shard");
        assert_eq!(State::of(one, &spaces[0]), Some(state));
        assert_ne!(State::of(one, &spaces[1]), Some(state));
    }

    #[test]
    fn ids_of_the_engine_are_short_enough_and_differ() {
        let (space, kind) = (Space::random(), Kind::new("thing"));
        let of = |text: &str| engine_id(&space, &kind, &DocumentId::new(text).expect("an id"));
        let (long, longer) = ("x".repeat(511), "x".repeat(512));
        let ids = [of("a"), of("b"), of(&long), of(&longer), of("a/b")];
        for (position, id) in ids.iter().enumerate() {
            assert!(id.len() <= MAX_ID && id.starts_with(&space.to_string()), "{id}");
            assert!(!ids[..position].contains(id), "{id}");
        }
        assert!(of(&long).contains('!') && !of("a!b").starts_with(&format!("{space}.thing!")));
    }
}
