//! [`Cursor`]: a place in the feed of changes.

use std::fmt;
use std::str::FromStr;

/// A change, and with it all changes before it: `<db>.<n>.<nonce>`, opaque to clients.
///
/// The number alone would not do: after a backup was restored, numbers come again with other changes behind them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// Which database it is of: 32 hex digits.
    pub(crate) db: String,
    /// How many changes there were; 0 before the first.
    pub(crate) n: u64,
    /// What change `n` was marked with at random: 16 hex digits; `0` where `n` is 0.
    pub(crate) nonce: String,
}

/// A text that is no cursor.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoCursor;

impl FromStr for Cursor {
    type Err = NoCursor;

    fn from_str(text: &str) -> Result<Self, NoCursor> {
        let hex = |text: &str, length| {
            text.len() == length && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        };
        let mut parts = text.splitn(3, '.');
        let (Some(db), Some(n), Some(nonce)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NoCursor);
        };
        let digits = n.bytes().all(|b| b.is_ascii_digit());
        let number: u64 = n.parse().map_err(|_| NoCursor)?;
        let marked = if number == 0 { nonce == "0" } else { hex(nonce, 16) };
        // Numbers are kept as signed ones.
        if !hex(db, 32) || !digits || i64::try_from(number).is_err() || !marked {
            return Err(NoCursor);
        }
        Ok(Self { db: db.to_owned(), n: number, nonce: nonce.to_owned() })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.db, self.n, self.nonce)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DB: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn a_cursor_is_read_as_it_is_written() {
        for text in [format!("{DB}.0.0"), format!("{DB}.17.00112233445566ff")] {
            assert_eq!(text.parse::<Cursor>().expect("a cursor").to_string(), text);
        }
    }

    #[test]
    fn anything_else_is_none() {
        for text in [
            "",
            "1",
            &format!("{DB}.17"),
            &format!("{DB}.17.0"),
            &format!("{DB}.0.00112233445566ff"),
            &format!("{DB}.-1.00112233445566ff"),
            &format!("{DB}.+1.00112233445566ff"),
            &format!("{DB}.9223372036854775808.00112233445566ff"),
            &format!("{DB}.17.00112233445566fg"),
            &format!("{DB}.17.00112233445566ff.1"),
            &format!("{}.17.00112233445566ff", &DB[1..]),
            &format!("{DB}.17.00112233445566\u{e9}"),
        ] {
            assert_eq!(text.parse::<Cursor>(), Err(NoCursor), "{text}");
        }
    }
}
