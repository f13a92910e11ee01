//! What the journal holds at a start.

use std::collections::{HashMap, VecDeque};
use std::fs;
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Condvar, Mutex};

use crate::embedded::failure;
use crate::embedded::journal::segment::{self, Content};
use crate::embedded::journal::{Journal, Log, MOST_SEGMENTS, SPARE, Waiting, Whose, entry, folder_in};
use crate::error::StoreError;
use crate::namespace::Namespace;

/// The entries of each file, in the order in which they were written.
pub(in crate::embedded) type Entries = HashMap<Namespace, Vec<Whose>>;

/// Opens the journal of a data folder. Whatever it still holds of a file waits to be settled.
///
/// # Errors
/// Only if the folder cannot be read. Damage is logged, and costs those tenants whose entries are missing.
pub(in crate::embedded) fn open(
    data_dir: &Path,
    most_bytes: NonZeroUsize,
) -> Result<(Journal, Entries), StoreError> {
    let folder = folder_in(data_dir);
    let found = segments(&folder)?;
    let mut entries = Entries::new();
    let mut unsettled = HashMap::new();
    let mut waiting = VecDeque::new();
    let (mut next_segment, mut next_frame) = (1, 1);
    for (position, found_one) in found.iter().enumerate() {
        next_segment = found_one.number + 1;
        let Some(known) = &found_one.header else {
            // It was begun, and nothing in it was ever acknowledged.
            fs::remove_file(&found_one.path)
                .map_err(|error| failure::io("remove", &found_one.path, error))?;
            continue;
        };
        let after = found.get(position + 1).and_then(|next| next.header.as_ref());
        let end = after.filter(|after| after.segment == known.segment + 1).map(|after| after.end_before);
        let read = read(&found_one.path, end, &mut entries)?;
        next_frame = next_frame.max(read.next_frame);
        for namespace in entries.keys() {
            unsettled.entry(*namespace).or_insert(found_one.number);
        }
        waiting.push_back(Waiting { number: found_one.number, path: found_one.path.clone(), end: read.end });
    }
    let has_spare = folder.join(SPARE).exists();
    let journal = Journal {
        folder,
        segment_bytes: most_bytes.get() as u64 / MOST_SEGMENTS,
        log: Mutex::new(Log::new(waiting, has_spare, next_segment, next_frame)),
        unsettled: Mutex::new(unsettled),
        waiting: Condvar::new(),
        is_crowded: AtomicBool::new(false),
    };
    Ok((journal, entries))
}

struct Found {
    number: u64,
    path: PathBuf,
    header: Option<segment::Header>,
}

/// The segments of a folder, the oldest first.
fn segments(folder: &Path) -> Result<Vec<Found>, StoreError> {
    let failed = |error| failure::io("read", folder, error);
    let files = match fs::read_dir(folder) {
        Ok(files) => files,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut found = Vec::new();
    for file in files {
        let file = file.map_err(failed)?;
        if let Some(number) = file.file_name().to_str().and_then(segment::number) {
            let path = file.path();
            let header = segment::header(&path).map_err(|error| failure::io("read", &path, error))?;
            found.push(Found { number, header: header.filter(|header| header.segment == number), path });
        }
    }
    found.sort_by_key(|found| found.number);
    Ok(found)
}

struct Read {
    next_frame: u64,
    end: u64,
}

fn read(path: &Path, known_end: Option<u64>, entries: &mut Entries) -> Result<Read, StoreError> {
    let content = Content::read(path).map_err(|error| failure::io("read", path, error))?;
    let content = content.ok_or_else(|| failure::corrupt(format!("{} changes", path.display())))?;
    let mut frames = content.frames(known_end);
    let mut unreadable = false;
    for frame in frames.by_ref() {
        for bytes in frame.entries() {
            match entry::origin(bytes) {
                Some(origin) => {
                    entries.entry(origin.namespace).or_default().push((origin, bytes.to_vec()));
                }
                None => unreadable = true,
            }
        }
    }
    if unreadable {
        tracing::error!("{} has entries that this program cannot read", path.display());
    }
    if let Some(position) = frames.damaged_at {
        let kept = path.with_extension("damaged");
        // For whoever wants to look; it is not read again.
        let copied = fs::hard_link(path, &kept).is_ok() || kept.exists();
        tracing::error!(
            position,
            copied,
            "{} is damaged: acknowledged writes of some tenants may be lost; a tenant that misses one in the middle is \
             not served",
            path.display()
        );
    }
    Ok(Read { next_frame: frames.next, end: frames.position as u64 })
}
