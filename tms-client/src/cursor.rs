//! [`Cursor`]: a place in the order of changes, as the TMS writes it.

use std::fmt;

/// The greatest length of a cursor; a longer one is not believed.
const MAX_LENGTH: usize = 200;

/// A place in the order of changes of one database. Sent back as it came; only the number in it is read, to compare
/// places of one feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cursor(Box<str>);

impl Cursor {
    /// A cursor that can be sent back in a header; `None` if it cannot.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let fits = !text.is_empty() && text.len() <= MAX_LENGTH && text.bytes().all(|b| b.is_ascii_graphic());
        fits.then(|| Self(text.into()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The number of the last change before it, where it is written as ours are: `<database>.<number>.<nonce>`.
    pub(crate) fn number(&self) -> Option<u64> {
        let mut parts = self.0.split('.');
        let (Some(_), Some(number), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return None;
        };
        number.parse().ok()
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_read_where_it_is_ours_to_read() {
        let number = |text| Cursor::parse(text).expect(text).number();
        assert_eq!(number("0f.17.ab"), Some(17));
        assert_eq!(number("0f.0.0"), Some(0));
        for opaque in ["17", "a.b", "a.x.c", "a.1.b.c"] {
            assert_eq!(number(opaque), None, "{opaque}");
        }
    }

    #[test]
    fn what_is_no_header_value_is_no_cursor() {
        for text in ["", "a b", "a\nb", "ä", &"x".repeat(201)] {
            assert_eq!(Cursor::parse(text), None, "{text:?}");
        }
    }
}
