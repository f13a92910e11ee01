//! A document as the engine has it, and as it is read back.

use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
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
    k: Sorted<'d>,
    m: Instants<'d>,
    w: u64,
    body: &'d Body,
}

/// The declared fields as they are sorted by.
#[derive(Debug)]
struct Sorted<'d> {
    kind: &'d Kind,
    body: &'d Body,
}

/// The declared dates in milliseconds.
#[derive(Debug)]
struct Instants<'d> {
    kind: &'d Kind,
    body: &'d Body,
}

impl Serialize for Sorted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.kind.fields().iter().filter_map(|field| {
            let Ok(Found::One(value)) = field.found(self.body) else { return None };
            Some((field_name(&field.path), terms::sorted(field.field_type, value)?))
        }))
    }
}

impl Serialize for Instants<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let dates = self.kind.fields().iter().filter(|field| field.field_type == FieldType::Date);
        serializer.collect_map(dates.filter_map(|field| {
            let Ok(Found::One(Value::String(text))) = field.found(self.body) else { return None };
            Some((field_name(&field.path), milliseconds(instant::parse(text)?)))
        }))
    }
}

/// A document on its way to the engine; its body was checked.
pub(super) struct Outgoing<'d> {
    pub(super) space: Space,
    pub(super) kind: &'d Kind,
    pub(super) id: &'d DocumentId,
    pub(super) body: &'d Body,
    pub(super) write: Write,
}

impl Outgoing<'_> {
    /// Appends its text.
    ///
    /// # Errors
    /// `Invalid` if it cannot be written as JSON.
    pub(super) fn append_to(&self, text: &mut Vec<u8>, terms: &mut BodyTerms) -> Result<(), StoreError> {
        terms.read(self.body);
        let Self { ref space, kind, id, body, write: Write(w) } = *self;
        let (t, v, k, m) = (terms.others(), terms.values(), Sorted { kind, body }, Instants { kind, body });
        let (kind, id) = (kind.name(), id.as_str());
        serde_json::to_writer(text, &Stored { space, kind, id, t, v, k, m, w, body }).map_err(unwritable)
    }
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
