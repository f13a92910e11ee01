//! An entry: what one transaction did to one file, by its effects, so that doing it again changes nothing.
//!
//! ```text
//! id: u8 length, text   incarnation: 16 bytes   context: u8   life: 16 bytes   number: u64   changes: u32
//! change:  0, kind: u8 length, text, id: u16 length, text                                             removed
//!          1, kind: u8 length, text, id: u16 length, text, version: u64, body: u32 length, JSON       put
//! ```
//! Numbers are little-endian.

use tenant_core::{Context, Incarnation};
use uuid::Uuid;

use crate::document::{DocumentId, Version};
use crate::namespace::Namespace;

/// Which entry of which file. A *life* is a stretch of a file's history that has begun with a sync of the file itself; the
/// file says in which one it is, and the entries of a life are numbered from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::embedded) struct Origin {
    pub(in crate::embedded) namespace: Namespace,
    pub(in crate::embedded) life: Uuid,
    pub(in crate::embedded) number: u64,
}

/// What happened to a document.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::embedded) struct Effect<'b> {
    pub(in crate::embedded) kind: &'b str,
    pub(in crate::embedded) id: DocumentId,
    /// `None` if it was removed.
    pub(in crate::embedded) content: Option<(Version, &'b str)>,
}

/// An entry as bytes, while it is being made.
#[derive(Debug, Clone)]
pub(in crate::embedded) struct Entry {
    origin: Origin,
    bytes: Vec<u8>,
    count_at: usize,
    count: u32,
}

impl Entry {
    pub(in crate::embedded) fn new(origin: Origin) -> Self {
        let mut bytes = Vec::with_capacity(1024);
        let Origin { namespace, life, number } = origin;
        put_text::<1>(&mut bytes, namespace.id().as_str());
        bytes.extend_from_slice(namespace.incarnation().as_uuid().as_bytes());
        bytes.push(match namespace.context() {
            Context::Staging => 0,
            Context::Production => 1,
        });
        bytes.extend_from_slice(life.as_bytes());
        bytes.extend_from_slice(&number.to_le_bytes());
        let count_at = bytes.len();
        bytes.extend_from_slice(&0u32.to_le_bytes());
        Self { origin, bytes, count_at, count: 0 }
    }

    pub(in crate::embedded) fn put(&mut self, kind: &str, id: &DocumentId, version: Version, body: &str) {
        self.begin(1, kind, id);
        self.bytes.extend_from_slice(&version.to_raw().to_le_bytes());
        put_text::<4>(&mut self.bytes, body);
    }

    pub(in crate::embedded) fn remove(&mut self, kind: &str, id: &DocumentId) {
        self.begin(0, kind, id);
    }

    fn begin(&mut self, what: u8, kind: &str, id: &DocumentId) {
        self.bytes.push(what);
        put_text::<1>(&mut self.bytes, kind);
        put_text::<2>(&mut self.bytes, id.as_str());
        self.count += 1;
        self.bytes[self.count_at..self.count_at + 4].copy_from_slice(&self.count.to_le_bytes());
    }

    pub(in crate::embedded) fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(in crate::embedded) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The whole of it.
    pub(in crate::embedded) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// A text after its length in `BYTES` bytes. Ids and kinds are bounded far below that; a body of 4 GiB is refused by the
/// file before it gets here.
fn put_text<const BYTES: usize>(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend_from_slice(&text.len().to_le_bytes()[..BYTES]);
    bytes.extend_from_slice(text.as_bytes());
}

/// An entry that was read; `None` if the bytes are none.
pub(in crate::embedded) fn read(bytes: &[u8]) -> Option<(Origin, Vec<Effect<'_>>)> {
    let mut rest = Reader(bytes);
    let origin = rest.origin()?;
    let count = u32::from_le_bytes(rest.take()?);
    let mut effects = Vec::new();
    for _ in 0..count {
        effects.push(rest.effect()?);
    }
    rest.0.is_empty().then_some((origin, effects))
}

/// Whose an entry is, without reading its changes.
pub(in crate::embedded) fn origin(bytes: &[u8]) -> Option<Origin> {
    Reader(bytes).origin()
}

/// What has not been read yet.
struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn origin(&mut self) -> Option<Origin> {
        let id = self.text::<1>()?.parse().ok()?;
        let incarnation = Incarnation::from(Uuid::from_bytes(self.take()?));
        let context = match self.take::<1>()? {
            [0] => Context::Staging,
            [1] => Context::Production,
            _ => return None,
        };
        let life = Uuid::from_bytes(self.take()?);
        let number = u64::from_le_bytes(self.take()?);
        Some(Origin { namespace: Namespace::new(id, incarnation, context), life, number })
    }

    fn effect(&mut self) -> Option<Effect<'b>> {
        let [what] = self.take()?;
        let kind = self.text::<1>()?;
        let id = DocumentId::new(self.text::<2>()?).ok()?;
        let content = match what {
            0 => None,
            1 => Some((Version::from_raw(u64::from_le_bytes(self.take()?)), self.text::<4>()?)),
            _ => return None,
        };
        Some(Effect { kind, id, content })
    }

    fn take<const BYTES: usize>(&mut self) -> Option<[u8; BYTES]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn text<const BYTES: usize>(&mut self) -> Option<&'b str> {
        let mut length = [0; 8];
        length[..BYTES].copy_from_slice(&self.take::<BYTES>()?);
        let (text, rest) = self.0.split_at_checked(usize::try_from(u64::from_le_bytes(length)).ok()?)?;
        self.0 = rest;
        str::from_utf8(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin_of(id: &str) -> Origin {
        let id = id.parse().expect("an id");
        let namespace = Namespace::new(id, Incarnation::fixed("first"), Context::Production);
        Origin { namespace, life: Uuid::from_u128(7), number: 3 }
    }

    fn entry() -> Vec<u8> {
        let id = |text| DocumentId::new(text).expect("an id");
        let mut entry = Entry::new(origin_of("acme"));
        entry.put("event", &id("e1"), Version::from_raw(9), r#"{"a":1}"#);
        entry.remove("profile", &id("zoë"));
        assert!(!entry.is_empty());
        entry.bytes().to_vec()
    }

    #[test]
    fn what_was_written_is_read() {
        let bytes = entry();
        let (origin, effects) = read(&bytes).expect("an entry");
        assert_eq!(origin, origin_of("acme"));
        assert_eq!(super::origin(&bytes), Some(origin));
        assert_eq!(effects.len(), 2);
        assert_eq!(effects[0].content, Some((Version::from_raw(9), r#"{"a":1}"#)));
        assert_eq!((effects[1].kind, effects[1].id.as_str(), effects[1].content), ("profile", "zoë", None));
    }

    #[test]
    fn no_part_of_an_entry_is_one() {
        let bytes = entry();
        for length in 0..bytes.len() {
            assert_eq!(read(&bytes[..length]), None, "{length}");
        }
        assert_eq!(read(&[bytes, vec![0]].concat()), None);
    }
}
