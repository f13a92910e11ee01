//! Eight bytes of ASCII at once, in the lanes of a word: SIMD within a register.
//!
//! A lane's answer is its highest bit. The first byte is in the lowest lane. Sums stay within their lanes, since both
//! parts have no highest bit.

/// The highest bit of each lane.
pub(crate) const LANES: u64 = 0x8080_8080_8080_8080;
const ONES: u64 = 0x0101_0101_0101_0101;
/// What an upper-case letter lacks to be a lower-case one, in the place of the highest bit: `0x80 >> 2`.
const CASE_SHIFT: u32 = 2;

/// The lanes of eight bytes.
#[inline]
pub(crate) const fn word(bytes: [u8; 8]) -> u64 {
    u64::from_le_bytes(bytes)
}

/// The eight bytes that begin at `at`, with zeros behind the end; `None` for texts shorter than eight.
#[inline]
pub(crate) fn word_at(text: &[u8], at: usize) -> Option<u64> {
    if let Some(bytes) = text.get(at..).and_then(<[u8]>::first_chunk) {
        return Some(word(*bytes));
    }
    let beyond = (at + 8).checked_sub(text.len())?;
    let shifted = word(*text.last_chunk()?).checked_shr(8 * u32::try_from(beyond).ok()?);
    Some(shifted.unwrap_or(0))
}

/// The lanes below `count`, all bits of them; all lanes for eight and more.
#[inline]
pub(crate) const fn first(count: usize) -> u64 {
    if count >= 8 { u64::MAX } else { (1 << (8 * count)) - 1 }
}

/// The lanes whose seven bits are at least `byte`.
const fn at_least(seven: u64, byte: u8) -> u64 {
    seven.wrapping_add(ONES.wrapping_mul(0x80 - byte as u64))
}

/// The lanes whose byte is within these two, of ASCII.
#[inline]
pub(crate) const fn within(word: u64, low: u8, high: u8) -> u64 {
    let seven = word & !LANES;
    at_least(seven, low) & !at_least(seven, high + 1) & !word & LANES
}

/// Letters in lower case; all else stays.
#[inline]
pub(crate) const fn lower(word: u64) -> u64 {
    word | within(word, b'A', b'Z') >> CASE_SHIFT
}

/// The numbers of the marked lanes, a bit for each.
#[inline]
pub(crate) const fn positions(marks: u64) -> u64 {
    (marks & LANES).wrapping_mul(0x0002_0408_1020_4081) >> 56
}

/// Takes one byte out of some words; those behind it move up, and a zero comes in at the end. Behind the words there is none.
#[inline]
pub(crate) fn remove<const N: usize>(words: &mut [u64; N], at: usize) {
    for i in 0..N {
        let next = if i + 1 < N { words[i + 1] } else { 0 };
        let moved = words[i] >> 8 | next << 56;
        let stays = first(at.saturating_sub(8 * i));
        words[i] = words[i] & stays | moved & !stays;
    }
}

/// The bytes of some words, with zeros behind them.
#[inline]
pub(crate) fn padded<const N: usize, const M: usize>(words: [u64; N]) -> [[u8; 8]; M] {
    std::array::from_fn(|at| words.get(at).copied().unwrap_or(0).to_le_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_in_every_lane_is_told_as_the_standard_library_does() {
        for lane in 0..8 {
            for byte in 0..=u8::MAX {
                for filler in [0, b'a', 0xff] {
                    let mut bytes = [filler; 8];
                    bytes[lane] = byte;
                    let told = |marks: u64| marks >> (8 * lane + 7) & 1 == 1;
                    let x = word(bytes);
                    assert_eq!(told(within(x, b'a', b'z')), byte.is_ascii_lowercase(), "{bytes:?}");
                    assert_eq!(told(within(x, b'0', b'9')), byte.is_ascii_digit(), "{bytes:?}");
                    assert_eq!(told(within(x, b'-', b'-')), byte == b'-', "{bytes:?}");
                    bytes.make_ascii_lowercase();
                    assert_eq!(lower(x).to_le_bytes(), bytes);
                }
            }
        }
    }

    #[test]
    fn a_word_may_begin_anywhere() {
        let text = b"abcdefghij";
        assert_eq!(word_at(text, 0), Some(word(*b"abcdefgh")));
        assert_eq!(word_at(text, 2), Some(word(*b"cdefghij")));
        assert_eq!(word_at(text, 8), Some(word(*b"ij\0\0\0\0\0\0")));
        assert_eq!(word_at(text, 10), Some(0));
        assert_eq!(word_at(text, 30), Some(0));
        assert_eq!(word_at(b"short", 0), None);
    }

    #[test]
    fn each_marked_lane_is_a_bit() {
        for marked in 0..=u8::MAX {
            let lanes = (0..8).filter(|lane| marked >> lane & 1 == 1);
            let marks = lanes.map(|lane| 0x80 << (8 * lane)).sum();
            assert_eq!(positions(marks), u64::from(marked));
        }
    }

    #[test]
    fn a_byte_is_taken_out_wherever_it_is() {
        let text = *b"abcdefghijklmnopqrstuvwx";
        for at in 0..24 {
            let mut words = [word(*b"abcdefgh"), word(*b"ijklmnop"), word(*b"qrstuvwx")];
            remove(&mut words, at);
            let mut expected = text.to_vec();
            expected.remove(at);
            expected.push(0);
            assert_eq!(words.map(u64::to_le_bytes).as_flattened(), expected, "{at}");
        }
        let mut words = [word(*b"abcdefgh"), word(*b"ijklmnop")];
        remove(&mut words, 16);
        assert_eq!(words.map(u64::to_le_bytes).as_flattened(), b"abcdefghijklmnop");
    }
}
