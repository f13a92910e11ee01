//! [`Pace`]: how many rows are read at once.

/// Some 64 KiB to send are read at once, however large the rows are.
#[derive(Debug)]
pub(crate) struct Pace(u32);

/// What a piece should have, in bytes.
const PIECE: usize = 64 << 10;
/// How many rows the first piece has, whose sizes nobody knows yet, and the most rows of one.
const ROWS: [u32; 2] = [16, 512];

impl Default for Pace {
    fn default() -> Self {
        Self(ROWS[0])
    }
}

impl Pace {
    /// How many rows to read next.
    pub(crate) fn rows(&self) -> u32 {
        self.0
    }

    /// The rows that were read last made a piece of this size.
    pub(crate) fn took(&mut self, bytes: usize) {
        if bytes > 2 * PIECE {
            let times = u32::try_from(bytes / PIECE).unwrap_or(u32::MAX);
            self.0 = (self.0 / times).max(1);
        } else if bytes < PIECE / 2 {
            self.0 = (self.0 * 2).min(ROWS[1]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_rows_come_in_large_pieces_and_large_ones_one_by_one() {
        for (size, expected) in [(500, 64..=256), (10, 512..=512), (20_000, 3..=7), (3 << 20, 1..=1)] {
            let mut pace = Pace::default();
            for _ in 0..10 {
                pace.took(pace.rows() as usize * size);
            }
            assert!(expected.contains(&pace.rows()), "{size}: {pace:?}");
        }
    }
}
