//! [`FieldError`]: what is wrong with one field of what a client sent.

/// One row of a 422 answer: the list shape that the original's clients read (contract 12).
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct FieldError {
    /// A short word for the kind of fault: `missing`, `string_type`, `value_error`, …
    #[cfg_attr(feature = "serde", serde(rename = "type"))]
    pub kind: String,
    /// Where it is: `body`, `query` or `path` first, then names and positions.
    pub loc: Vec<Location>,
    /// What a person can do about it.
    pub msg: String,
}

/// One step of the way to a field.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(untagged))]
pub enum Location {
    /// The name of a field, or `body`, `query`, `path`.
    Name(String),
    /// A position in a list, or an offset in a text.
    Index(usize),
}

impl From<&str> for Location {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

impl From<usize> for Location {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

impl FieldError {
    /// A fault of the field `name` of the request's body.
    pub fn in_body(name: &str, kind: &str, msg: impl Into<String>) -> Self {
        Self { kind: kind.to_owned(), loc: vec!["body".into(), name.into()], msg: msg.into() }
    }
}
