//! [`Rows`]: the elements of a JSON array as they arrive, without holding the whole of it.

/// Cuts a JSON array into the texts of its elements. Whether an element is valid JSON shows when it is parsed.
#[derive(Debug)]
pub(crate) struct Rows {
    /// The greatest size of one element, in bytes.
    max: usize,
    place: Place,
    /// The element that has begun.
    row: Vec<u8>,
    /// Brackets and braces that are open within it.
    depth: usize,
    text: Text,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Before,
    /// Where an element may begin; an array may end here only if it is empty.
    First,
    Within,
    /// After a comma.
    Next,
    After,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Text {
    Outside,
    Inside,
    Escaped,
}

/// Why a text is no array of elements of a sane size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RowsError {
    #[error("not a whole JSON array")]
    NoArray,
    #[error("an element is too big")]
    TooBig,
}

impl Rows {
    pub(crate) fn new(max: usize) -> Self {
        let (row, depth) = (Vec::new(), 0);
        Self { max, place: Place::Before, row, depth, text: Text::Outside }
    }

    /// Takes the next bytes, and hands over each element that they complete.
    ///
    /// # Errors
    /// If it is no array, or an element is too big.
    pub(crate) fn push(&mut self, bytes: &[u8], mut each: impl FnMut(&[u8])) -> Result<(), RowsError> {
        for &byte in bytes {
            self.take(byte, &mut each)?;
        }
        Ok(())
    }

    /// Whether the array is over.
    ///
    /// # Errors
    /// If it is not.
    pub(crate) fn finish(&self) -> Result<(), RowsError> {
        if self.place == Place::After { Ok(()) } else { Err(RowsError::NoArray) }
    }

    fn take(&mut self, byte: u8, each: &mut impl FnMut(&[u8])) -> Result<(), RowsError> {
        let blank = matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        match self.place {
            Place::Before | Place::First | Place::Next | Place::After if blank => Ok(()),
            Place::Before if byte == b'[' => {
                self.place = Place::First;
                Ok(())
            }
            Place::First if byte == b']' => {
                self.place = Place::After;
                Ok(())
            }
            Place::First | Place::Next if byte != b',' && byte != b']' => {
                self.place = Place::Within;
                self.within(byte, each)
            }
            Place::Within => self.within(byte, each),
            Place::Before | Place::First | Place::Next | Place::After => Err(RowsError::NoArray),
        }
    }

    fn within(&mut self, byte: u8, each: &mut impl FnMut(&[u8])) -> Result<(), RowsError> {
        if self.text == Text::Outside && self.depth == 0 && matches!(byte, b',' | b']') {
            each(&self.row);
            self.row.clear();
            self.place = if byte == b',' { Place::Next } else { Place::After };
            return Ok(());
        }
        if self.row.len() == self.max {
            return Err(RowsError::TooBig);
        }
        self.row.push(byte);
        self.text = match (self.text, byte) {
            (Text::Outside, b'"') | (Text::Escaped, _) => Text::Inside,
            (Text::Inside, b'"') => Text::Outside,
            (Text::Inside, b'\\') => Text::Escaped,
            (text, _) => text,
        };
        if self.text == Text::Outside {
            match byte {
                b'[' | b'{' => self.depth += 1,
                b']' | b'}' => self.depth = self.depth.checked_sub(1).ok_or(RowsError::NoArray)?,
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows_in(text: &str, piece: usize) -> Result<Vec<String>, RowsError> {
        let (mut rows, mut found) = (Rows::new(100), Vec::new());
        for bytes in text.as_bytes().chunks(piece) {
            rows.push(bytes, |row| found.push(String::from_utf8_lossy(row).trim().to_owned()))?;
        }
        rows.finish().map(|()| found)
    }

    #[test]
    fn elements_are_cut_out_wherever_the_pieces_end() {
        let text = r#" [ {"a":"]},\"["} , [1,[2]],7,"x, y" ,null ] "#;
        let expected = [r#"{"a":"]},\"["}"#, "[1,[2]]", "7", r#""x, y""#, "null"];
        for piece in 1..text.len() {
            assert_eq!(rows_in(text, piece).expect("an array"), expected, "{piece}");
        }
        assert!(rows_in("[]", 1).expect("an array").is_empty());
    }

    #[test]
    fn what_is_no_whole_array_is_refused() {
        for text in ["", "{}", "null", "[", "[1", "[1,", "[1,]", "[,1]", "[1]2", "[1]]", "[}]", r#"["a]"#] {
            assert_eq!(rows_in(text, 1), Err(RowsError::NoArray), "{text}");
        }
    }

    #[test]
    fn an_element_is_bounded_and_the_array_is_not() {
        let element = "1".repeat(100);
        assert_eq!(rows_in(&format!("[{element},{element}]"), 7).expect("fits").len(), 2);
        assert_eq!(rows_in(&format!("[{element}1]"), 7), Err(RowsError::TooBig));
    }
}
