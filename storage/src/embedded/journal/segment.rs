//! One file of the journal.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

pub(super) use crate::embedded::journal::frame::Header;
use crate::embedded::journal::frame::{Frame, HEADER};

/// How many bytes a segment grows by. The blocks are written before they are used, so that the sync of a frame in them has
/// no change of the file's size or blocks to wait for.
const CHUNK: u64 = 1 << 20;

static ZEROS: [u8; 1 << 16] = [0; 1 << 16];

/// A segment that is appended to.
#[derive(Debug)]
pub(super) struct Segment {
    file: File,
    pub(super) path: PathBuf,
    pub(super) header: Header,
    /// Where the synced frames end.
    pub(super) end: u64,
    /// Up to where the file has blocks.
    allocated: u64,
}

/// Why a frame is not in a segment.
#[derive(Debug)]
pub(super) enum Failed {
    /// Nothing of it was written.
    Before(io::Error),
    /// It may be there, or some of it. The segment must not be used any more.
    Within(io::Error),
}

/// Where a segment is.
pub(super) fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:020}.journal"))
}

/// The number in the name of a segment's file.
pub(super) fn number(name: &str) -> Option<u64> {
    name.strip_suffix(".journal")?.parse().ok()
}

impl Segment {
    /// Makes the file; one that is there already gives its blocks. Its header is durable with the first frame, its name with
    /// a sync of the folder.
    pub(super) fn create(path: PathBuf, header: Header) -> io::Result<Self> {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path)?;
        let allocated = file.metadata()?.len();
        let mut segment = Self { file, path, header, end: HEADER as u64, allocated };
        segment.allocate(HEADER as u64)?;
        segment.file.write_all_at(&header.encode(), 0)?;
        Ok(segment)
    }

    /// Appends a frame; on disk when it returns.
    pub(super) fn append(&mut self, frame: &[u8]) -> Result<(), Failed> {
        let end = self.end + frame.len() as u64;
        self.allocate(end).map_err(Failed::Before)?;
        self.file
            .write_all_at(frame, self.end)
            .and_then(|()| self.file.sync_data())
            .map_err(Failed::Within)?;
        self.end = end;
        Ok(())
    }

    fn allocate(&mut self, end: u64) -> io::Result<()> {
        if end <= self.allocated {
            return Ok(());
        }
        let goal = end.next_multiple_of(CHUNK);
        while self.allocated < goal {
            let length = ZEROS.len().min(usize::try_from(goal - self.allocated).unwrap_or(usize::MAX));
            self.file.write_all_at(&ZEROS[..length], self.allocated)?;
            self.allocated += length as u64;
        }
        Ok(())
    }
}

/// What a segment says of itself. `None` if the file is none of ours, or nothing in it was ever synced.
pub(super) fn header(path: &Path) -> io::Result<Option<Header>> {
    let mut bytes = [0; HEADER];
    match File::open(path)?.read_exact_at(&mut bytes, 0) {
        Ok(()) => Ok(Header::decode(&bytes)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

/// A segment as it was read.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) header: Header,
    bytes: Vec<u8>,
}

impl Content {
    /// `None` if the file is none of ours, or the first frame was never synced.
    pub(super) fn read(path: &Path) -> io::Result<Option<Self>> {
        let bytes = fs::read(path)?;
        Ok(Header::decode(&bytes).map(|header| Self { header, bytes }))
    }

    /// The frames up to the end that is known, or else up to the first one that is not whole.
    pub(super) fn frames(&self, known_end: Option<u64>) -> Frames<'_> {
        let end = known_end.and_then(|end| usize::try_from(end).ok());
        let bytes = &self.bytes[..end.unwrap_or(usize::MAX).min(self.bytes.len())];
        Frames {
            salt: self.header.salt,
            bytes,
            position: HEADER,
            next: self.header.first_frame,
            ends_there: end.is_some(),
            damaged_at: None,
        }
    }
}

/// The frames of a segment, in order.
#[derive(Debug)]
pub(super) struct Frames<'b> {
    salt: u64,
    bytes: &'b [u8],
    pub(super) position: usize,
    /// The number of the next frame.
    pub(super) next: u64,
    ends_there: bool,
    /// Where a frame is missing that had been synced.
    pub(super) damaged_at: Option<usize>,
}

impl<'b> Iterator for Frames<'b> {
    type Item = Frame<'b>;

    fn next(&mut self) -> Option<Frame<'b>> {
        let found = self.frame_at(self.position).filter(|frame| frame.number == self.next);
        let frame = match found {
            Some(frame) => frame,
            None => self.beyond_damage()?,
        };
        self.position += frame.length();
        self.next = frame.number + 1;
        Some(frame)
    }
}

impl<'b> Frames<'b> {
    fn frame_at(&self, position: usize) -> Option<Frame<'b>> {
        Frame::decode(self.salt, self.bytes.get(position..)?)
    }

    /// A frame is written once the one before has been synced. So what is not whole is the last one, which nobody was told
    /// of; unless a later one follows, or frames are known to go on: then the disk has lost something.
    fn beyond_damage(&mut self) -> Option<Frame<'b>> {
        if self.position >= self.bytes.len() {
            return None;
        }
        let later = (self.position..self.bytes.len()).step_by(8).find_map(|position| {
            let frame = self.frame_at(position)?;
            (frame.number > self.next).then_some((position, frame))
        });
        if later.is_some() || self.ends_there {
            self.damaged_at.get_or_insert(self.position);
        }
        let (position, frame) = later?;
        self.position = position;
        Some(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame;
    use super::*;

    fn header() -> Header {
        Header { segment: 1, salt: 77, first_frame: 5, end_before: 0 }
    }

    fn segment(folder: &Path, frames: u64) -> Segment {
        let mut segment = Segment::create(path(folder, 1), header()).expect("a segment");
        for number in 5..5 + frames {
            let entry = vec![b'x'; 100 * usize::try_from(number).expect("small")];
            let frame = frame::encode(77, number, std::iter::once(&*entry)).expect("a frame");
            segment.append(&frame).expect("appended");
        }
        segment
    }

    fn numbers(path: &Path, known_end: Option<u64>) -> (Vec<u64>, bool) {
        let content = Content::read(path).expect("read").expect("a segment");
        let mut frames = content.frames(known_end);
        let numbers = frames.by_ref().map(|frame| frame.number).collect();
        (numbers, frames.damaged_at.is_some())
    }

    #[test]
    fn what_was_appended_is_read_and_a_torn_tail_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let segment = segment(folder.path(), 4);
        assert_eq!(numbers(&segment.path, None), (vec![5, 6, 7, 8], false));
        assert_eq!(numbers(&segment.path, Some(segment.end)), (vec![5, 6, 7, 8], false));
        for cut in 1..800 {
            segment.file.write_all_at(&[0xaa], segment.end - cut).expect("scribbled");
        }
        assert_eq!(numbers(&segment.path, None), (vec![5, 6, 7], false));
        assert_eq!(numbers(&segment.path, Some(segment.end)), (vec![5, 6, 7], true), "it had been synced");
    }

    #[test]
    fn damage_before_the_last_frame_is_noticed_and_what_follows_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let segment = segment(folder.path(), 4);
        segment.file.write_all_at(b"?", HEADER as u64 + 600).expect("scribbled");
        assert_eq!(numbers(&segment.path, None), (vec![5, 7, 8], true));
    }

    #[test]
    fn what_a_spare_file_held_is_not_read_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let old = segment(folder.path(), 4);
        let reused = path(folder.path(), 2);
        fs::rename(&old.path, &reused).expect("renamed");
        let fresh = Header { segment: 2, salt: 78, first_frame: 5, end_before: 0 };
        let new = Segment::create(reused, fresh).expect("a segment");
        assert_eq!(numbers(&new.path, None), (vec![], false));
    }
}
