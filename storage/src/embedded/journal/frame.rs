//! The bytes of a segment: a header, then frames, each of which was synced by itself.
//!
//! ```text
//! header (64 bytes)  "tnryjrnl"  format: u32  zero: u32  segment: u64  salt: u64  first frame: u64
//!                    end of the segment before: u64  zero: 12 bytes  CRC-32 of all before: u32
//! frame              "TJFR"  length of the entries: u32  number: u64  CRC-32: u32  zero: u32
//!                    entries, each after its length (u32), up to a multiple of 8
//! ```
//! The checksum of a frame goes over the salt of its segment, its length, its number and its entries, so that what an
//! earlier use of the same blocks left behind is no frame.

use crc32fast::Hasher;

pub(super) const HEADER: usize = 64;
const FRAME: usize = 24;
const MAGIC: &[u8; 8] = b"tnryjrnl";
const FRAME_MAGIC: &[u8; 4] = b"TJFR";
const FORMAT: u32 = 1;

/// What a segment says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) segment: u64,
    pub(super) salt: u64,
    pub(super) first_frame: u64,
    /// Where the frames of the segment before end that were synced; 0 if there was none.
    pub(super) end_before: u64,
}

impl Header {
    pub(super) fn encode(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&FORMAT.to_le_bytes());
        for (position, number) in
            [self.segment, self.salt, self.first_frame, self.end_before].iter().enumerate()
        {
            bytes[16 + 8 * position..24 + 8 * position].copy_from_slice(&number.to_le_bytes());
        }
        let checksum = crc32fast::hash(&bytes[..60]);
        bytes[60..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// `None` if the bytes do not begin with a header of this format.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.first_chunk::<HEADER>()?;
        let number = |position: usize| u64_at(bytes, 16 + 8 * position);
        let whole = bytes.starts_with(MAGIC)
            && u32_at(bytes, 8)? == FORMAT
            && u32_at(bytes, 60)? == crc32fast::hash(&bytes[..60]);
        whole.then_some(Self {
            segment: number(0)?,
            salt: number(1)?,
            first_frame: number(2)?,
            end_before: number(3)?,
        })
    }
}

/// The bytes of a frame.
pub(super) fn encode<'e>(salt: u64, number: u64, entries: impl Iterator<Item = &'e [u8]>) -> Option<Vec<u8>> {
    let mut bytes = vec![0; FRAME];
    for entry in entries {
        bytes.extend_from_slice(&u32::try_from(entry.len()).ok()?.to_le_bytes());
        bytes.extend_from_slice(entry);
    }
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    let length = u32::try_from(bytes.len() - FRAME).ok()?;
    let checksum = checksum(salt, length, number, &bytes[FRAME..]);
    bytes[..4].copy_from_slice(FRAME_MAGIC);
    bytes[4..8].copy_from_slice(&length.to_le_bytes());
    bytes[8..16].copy_from_slice(&number.to_le_bytes());
    bytes[16..20].copy_from_slice(&checksum.to_le_bytes());
    Some(bytes)
}

/// A frame that was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame<'b> {
    pub(super) number: u64,
    entries: &'b [u8],
}

impl<'b> Frame<'b> {
    /// `None` if the bytes do not begin with a whole frame of the segment.
    pub(super) fn decode(salt: u64, bytes: &'b [u8]) -> Option<Self> {
        if !bytes.starts_with(FRAME_MAGIC) {
            return None;
        }
        let length = u32_at(bytes, 4)?;
        let number = u64_at(bytes, 8)?;
        let entries = bytes.get(FRAME..)?.get(..usize::try_from(length).ok()?)?;
        (u32_at(bytes, 16)? == checksum(salt, length, number, entries)).then_some(Self { number, entries })
    }

    /// How many bytes it takes in the segment.
    pub(super) fn length(&self) -> usize {
        FRAME + self.entries.len()
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &'b [u8]> {
        let mut rest = self.entries;
        std::iter::from_fn(move || {
            let (length, after) = rest.split_at_checked(4)?;
            // What fills up a frame is too short for a length, or is the length 0.
            let length = usize::try_from(u32_at(length, 0)?).ok().filter(|length| *length > 0)?;
            let (entry, after) = after.split_at_checked(length)?;
            rest = after;
            Some(entry)
        })
    }
}

fn checksum(salt: u64, length: u32, number: u64, entries: &[u8]) -> u32 {
    let mut hasher = Hasher::new();
    hasher.update(&salt.to_le_bytes());
    hasher.update(&length.to_le_bytes());
    hasher.update(&number.to_le_bytes());
    hasher.update(entries);
    hasher.finalize()
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..at + 8)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_as_written_and_no_other_bytes_are_one() {
        let header = Header { segment: 3, salt: u64::MAX, first_frame: 17, end_before: 4711 };
        let bytes = header.encode();
        assert_eq!(Header::decode(&bytes), Some(header));
        for position in 0..HEADER {
            let mut spoilt = bytes;
            spoilt[position] ^= 1;
            assert_eq!(Header::decode(&spoilt), None, "{position}");
        }
        assert_eq!(Header::decode(&bytes[..HEADER - 1]), None);
    }

    #[test]
    fn a_frame_is_read_whole_or_not_at_all() {
        let entries: [&[u8]; 3] = [b"one", b"twenty-two", b"3"];
        let bytes = encode(5, 8, entries.into_iter()).expect("a frame");
        assert_eq!(bytes.len() % 8, 0);
        let frame = Frame::decode(5, &bytes).expect("a frame");
        assert_eq!((frame.number, frame.length()), (8, bytes.len()));
        assert_eq!(frame.entries().collect::<Vec<_>>(), entries);
        assert_eq!(Frame::decode(6, &bytes), None, "of another segment");
        for length in 0..bytes.len() {
            assert_eq!(Frame::decode(5, &bytes[..length]), None, "{length}");
        }
        for position in 0..bytes.len() {
            let mut spoilt = bytes.clone();
            spoilt[position] ^= 1;
            // Four bytes of the frame's head mean nothing.
            assert_eq!(Frame::decode(5, &spoilt).is_some(), (20..24).contains(&position), "{position}");
        }
    }
}
