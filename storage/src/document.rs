//! [`Document`], [`DocumentId`] and [`Version`]; [`Batch`]: what is written together.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value};

use crate::error::StoreError;

/// The key of a document within its namespace and kind: 1 to 512 bytes of text without control characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DocumentId(String);

impl DocumentId {
    /// The greatest length, in bytes.
    pub const MAX_BYTES: usize = 512;

    /// Checks a text.
    ///
    /// # Errors
    /// [`Invalid`](crate::StoreErrorKind::Invalid) if it is empty, too long, or has a control character.
    pub fn new(text: impl Into<String>) -> Result<Self, StoreError> {
        let text = text.into();
        if text.is_empty() || text.len() > Self::MAX_BYTES || text.chars().any(char::is_control) {
            return Err(StoreError::invalid("a document id has 1 to 512 bytes and no control character"));
        }
        Ok(Self(text))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<uuid::Uuid> for DocumentId {
    fn from(uuid: uuid::Uuid) -> Self {
        Self(uuid.to_string())
    }
}

impl FromStr for DocumentId {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        Self::new(text)
    }
}

impl fmt::Display for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which state of a document was read; another write makes it another one. Meaningful to its backend alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Version(u64);

impl Version {
    /// For backends: a version from their own counter.
    pub fn from_raw(raw: u64) -> Self {
        Self(raw)
    }

    /// For backends: their own counter.
    pub fn to_raw(self) -> u64 {
        self.0
    }
}

/// The content of a document: a JSON object.
pub type Body = Map<String, Value>;

/// A document as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Its key.
    pub id: DocumentId,
    /// Which state this is.
    pub version: Version,
    /// What it holds.
    pub body: Body,
}

/// One change of one document.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Makes the document be this, whether it existed or not.
    Put {
        /// Its kind.
        kind: Cow<'static, str>,
        /// Its key.
        id: DocumentId,
        /// What it shall hold.
        body: Body,
    },
    /// Makes the document not be.
    Delete {
        /// Its kind.
        kind: Cow<'static, str>,
        /// Its key.
        id: DocumentId,
    },
}

impl Change {
    /// The kind of the document.
    pub fn kind(&self) -> &str {
        match self {
            Self::Put { kind, .. } | Self::Delete { kind, .. } => kind,
        }
    }

    /// The key of the document.
    pub fn id(&self) -> &DocumentId {
        match self {
            Self::Put { id, .. } | Self::Delete { id, .. } => id,
        }
    }
}

/// What must hold for a guarded change to be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// The document does not exist.
    Absent,
    /// The document is still in the state that was read.
    Unchanged(Version),
}

/// What is written together: guarded changes in order, then appended ones.
///
/// ```
/// use serde_json::Map;
/// use storage::{Batch, DocumentId};
///
/// let mut batch = Batch::default();
/// batch.create("session", DocumentId::new("s1")?, Map::new());
/// batch.put("event", DocumentId::new("e1")?, Map::new());
/// # Ok::<(), storage::StoreError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// Applied first and in order; the first whose guard does not hold ends the batch.
    pub guarded: Vec<(Change, Guard)>,
    /// Applied after all the guards held.
    pub appended: Vec<Change>,
}

impl Batch {
    /// Adds a document that must not exist yet.
    pub fn create(&mut self, kind: impl Into<Cow<'static, str>>, id: DocumentId, body: Body) {
        self.guarded.push((Change::Put { kind: kind.into(), id, body }, Guard::Absent));
    }

    /// Adds a new content for a document that must still be as it was read.
    pub fn replace(&mut self, kind: impl Into<Cow<'static, str>>, id: DocumentId, body: Body, read: Version) {
        self.guarded.push((Change::Put { kind: kind.into(), id, body }, Guard::Unchanged(read)));
    }

    /// Adds the removal of a document that must still be as it was read.
    pub fn remove(&mut self, kind: impl Into<Cow<'static, str>>, id: DocumentId, read: Version) {
        self.guarded.push((Change::Delete { kind: kind.into(), id }, Guard::Unchanged(read)));
    }

    /// Appends a document, replacing what has its id.
    pub fn put(&mut self, kind: impl Into<Cow<'static, str>>, id: DocumentId, body: Body) {
        self.appended.push(Change::Put { kind: kind.into(), id, body });
    }

    /// Appends the removal of a document, if it exists.
    pub fn delete(&mut self, kind: impl Into<Cow<'static, str>>, id: DocumentId) {
        self.appended.push(Change::Delete { kind: kind.into(), id });
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.guarded.is_empty() && self.appended.is_empty()
    }
}

/// What a change did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Applied {
    /// The document's state after it; `None` after a removal.
    pub version: Option<Version>,
    /// Whether the document existed before it.
    pub existed: bool,
}
