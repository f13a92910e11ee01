//! [`Kind`] and [`Schema`]: what documents a program keeps, declared when its store is built.

use std::borrow::Cow;

use crate::check;
use crate::document::{Batch, Body};
use crate::error::StoreError;
use crate::path::{Found, Path};

/// One sort of document, such as `event`: its name, and the fields that can be sorted by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind {
    name: Cow<'static, str>,
    fields: Vec<Field>,
    indexes: Vec<Vec<usize>>,
    time_field: Option<usize>,
}

/// A field that a [`Kind`] declares: it may be sorted by and indexed.
///
/// Every document holds one value of the declared type there, or nothing; a write of anything else is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Where it is, dotted: `metadata.time.insert`.
    pub path: Cow<'static, str>,
    /// What it holds.
    pub field_type: FieldType,
    /// The path, split; `None` where it is malformed, as no field of a [`Schema`] is.
    way: Option<Path>,
}

/// What a declared field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldType {
    /// A string, ordered by its UTF-8 bytes.
    Text,
    /// A number, ordered exactly over i64, u64 and f64.
    Number,
    /// A string with an RFC 3339 instant, ordered by time.
    Date,
}

impl Field {
    /// What a body holds there.
    ///
    /// # Errors
    /// `Invalid` if the path is malformed.
    pub(crate) fn found<'b>(&self, body: &'b Body) -> Result<Found<'b>, StoreError> {
        Ok(self.way()?.found(body))
    }

    /// The path, split.
    ///
    /// # Errors
    /// `Invalid` if it is malformed.
    pub(crate) fn way(&self) -> Result<&Path, StoreError> {
        self.way.as_ref().ok_or_else(|| check::no_path(&self.path))
    }
}

impl Kind {
    /// A kind without declared fields. The name is `[a-z][a-z0-9-]*`, at most 40 characters; [`Schema::new`] checks it.
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Self { name: name.into(), fields: Vec::new(), indexes: Vec::new(), time_field: None }
    }

    /// Declares a field.
    #[must_use]
    pub fn with_field(mut self, path: impl Into<Cow<'static, str>>, field_type: FieldType) -> Self {
        let path = path.into();
        let way = Path::parse(&path);
        self.fields.push(Field { path, field_type, way });
        self
    }

    /// Declares an index over fields that were declared before, for queries that filter by all but the last of them and
    /// sort by the last. Paths that were not declared are left out.
    #[must_use]
    pub fn with_index(mut self, paths: &[&str]) -> Self {
        let index = paths.iter().filter_map(|path| self.field_position(path)).collect();
        self.indexes.push(index);
        self
    }

    /// Names the declared date field that tells when a document came to be.
    #[must_use]
    pub fn with_time_field(mut self, path: &str) -> Self {
        self.time_field = self.field_position(path);
        self
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The declared fields, in the order of declaration.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// A declared field by its path.
    pub fn field(&self, path: &str) -> Option<&Field> {
        self.field_position(path).map(|position| &self.fields[position])
    }

    /// Where in [`Kind::fields`] a path stands.
    pub fn field_position(&self, path: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.path == path)
    }

    /// The declared indexes, as positions in [`Kind::fields`].
    pub fn indexes(&self) -> &[Vec<usize>] {
        &self.indexes
    }

    /// Whether a document may hold this: each declared field one value of its type or nothing, and no more than 100 levels
    /// of arrays and objects, since what cannot be read back must not be written.
    ///
    /// # Errors
    /// [`Invalid`](crate::StoreErrorKind::Invalid) names the field.
    pub fn check(&self, body: &Body) -> Result<(), StoreError> {
        check::fields(self, body).map(drop)
    }

    /// The field that tells when a document came to be.
    pub fn time_field(&self) -> Option<&Field> {
        self.time_field.map(|position| &self.fields[position])
    }
}

/// All the kinds of a program, and the version of their declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    version: u32,
    kinds: Vec<Kind>,
}

impl Schema {
    /// A schema. Raise the version with every change of the kinds: backends keep it with the data.
    ///
    /// # Errors
    /// [`Invalid`](crate::StoreErrorKind::Invalid) if a name or a field's path is malformed, or a name occurs twice.
    pub fn new(version: u32, kinds: Vec<Kind>) -> Result<Self, StoreError> {
        for (i, kind) in kinds.iter().enumerate() {
            if !is_kind_name(&kind.name) {
                return Err(StoreError::invalid(format!(
                    "`{}` is no name for a kind of document",
                    kind.name
                )));
            }
            if kinds[..i].iter().any(|earlier| earlier.name == kind.name) {
                return Err(StoreError::invalid(format!("the kind `{}` is declared twice", kind.name)));
            }
            for field in &kind.fields {
                field.way()?;
            }
        }
        Ok(Self { version, kinds })
    }

    /// The version.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The kinds.
    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// A kind by its name.
    ///
    /// # Errors
    /// [`Invalid`](crate::StoreErrorKind::Invalid) if there is none.
    pub fn kind(&self, name: &str) -> Result<&Kind, StoreError> {
        self.position(name).map(|position| &self.kinds[position])
    }

    /// For backends: whether all of a batch may be written, each document as [`Kind::check`] says. Before anything of it is.
    ///
    /// # Errors
    /// [`Invalid`](crate::StoreErrorKind::Invalid) names the kind that is unknown, or the field.
    pub fn check(&self, batch: &Batch) -> Result<(), StoreError> {
        check::batch(self, batch)
    }

    /// Where in [`Schema::kinds`] a kind stands.
    ///
    /// # Errors
    /// [`Invalid`](crate::StoreErrorKind::Invalid) if there is none of that name.
    pub fn position(&self, name: &str) -> Result<usize, StoreError> {
        self.kinds
            .iter()
            .position(|kind| kind.name == name)
            .ok_or_else(|| StoreError::invalid(format!("no kind of document is called `{name}`")))
    }
}

fn is_kind_name(name: &str) -> bool {
    name.len() <= 40
        && name.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_refuses_names_and_paths_that_are_malformed_and_names_that_occur_twice() {
        let with = |path: &'static str| Kind::new("event").with_field(path, FieldType::Text);
        assert!(Schema::new(1, vec![with("time.insert"), Kind::new("profile")]).is_ok());
        for kinds in [
            vec![with("a..b")],
            vec![with("")],
            vec![Kind::new("")],
            vec![Kind::new("event"), Kind::new("event")],
        ] {
            assert!(Schema::new(1, kinds.clone()).is_err(), "{kinds:?}");
        }
        assert!(
            with("a..b").check(&Body::new()).is_err(),
            "nor does a kind that is in no schema check anything"
        );
    }
}
