//! A disk as a power cut may have left it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::disk::{Content, Disk, History, Honest, Name, Node, ROOT};

/// What a disk writes whole, or not at all.
const SECTOR: usize = 512;

/// One outcome of a cut at a moment: what is sure is there, of the rest any part.
pub(crate) struct Cut<'d> {
    pub(crate) disk: &'d Disk,
    /// What had not begun before this position never was.
    pub(crate) at: usize,
    pub(crate) honest: Honest,
}

/// A folder's content, by relative paths; nothing is a folder.
pub(crate) type Image = BTreeMap<String, Option<Vec<u8>>>;

impl Cut<'_> {
    pub(crate) fn image(&self, random: &mut fastrand::Rng) -> Image {
        let mut image = Image::new();
        self.folder(ROOT, "", random, &mut image);
        image
    }

    fn folder(&self, folder: usize, path: &str, random: &mut fastrand::Rng, image: &mut Image) {
        for (name, node) in self.names(&self.disk.folders[folder], random) {
            let path = format!("{path}{name}");
            match node {
                Node::File(file) => {
                    image.insert(path, Some(self.content(&self.disk.files[file], random)));
                }
                Node::Folder(folder) => {
                    image.insert(path.clone(), None);
                    self.folder(folder, &format!("{path}/"), random, image);
                }
            }
        }
    }

    fn names(&self, folder: &History<Name>, random: &mut fastrand::Rng) -> BTreeMap<String, Node> {
        let mut names = BTreeMap::new();
        let luck = luck(random);
        for (change, is_sure) in folder.at(self.at, self.honest) {
            if !is_sure && random.f64() >= luck {
                continue;
            }
            match change {
                Name::Add(name, node) => {
                    names.insert(name.clone(), *node);
                }
                Name::Remove(name) => {
                    names.remove(name);
                }
                Name::Rename(from, to) => {
                    if let Some(node) = names.remove(from) {
                        names.insert(to.clone(), node);
                    }
                }
            }
        }
        names
    }

    fn content(&self, file: &History<Content>, random: &mut fastrand::Rng) -> Vec<u8> {
        let mut content = Vec::new();
        let luck = luck(random);
        for (change, is_sure) in file.at(self.at, self.honest) {
            let fate = if is_sure { Fate::Whole } else { Fate::drawn(luck, random) };
            match change {
                Content::Write { at, bytes } => write(&mut content, *at, bytes, fate, random),
                Content::Resize(length) if fate == Fate::Whole => content.resize(*length, 0),
                Content::Resize(_) => {}
            }
        }
        content
    }
}

/// How likely what is not sure is there, for one file: some were just written back, of others nothing.
fn luck(random: &mut fastrand::Rng) -> f64 {
    [0.0, 0.0, 0.2, 0.5, 0.8, 1.0, 1.0][random.usize(..7)]
}

/// What became of a change that was not sure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Whole,
    Missing,
    /// The file got longer by it, and nothing else.
    LengthAlone,
    /// Up to a sector, or from one on, or some of them.
    Torn,
}

impl Fate {
    fn drawn(luck: f64, random: &mut fastrand::Rng) -> Self {
        let is_there = random.f64() < luck;
        match (is_there, random.u8(..10)) {
            // For luck is not without exception either way, unless it is complete.
            (true, 0 | 1) if luck < 1.0 => Self::Torn,
            (true, _) => Self::Whole,
            (false, 0) if luck > 0.0 => Self::LengthAlone,
            (false, _) => Self::Missing,
        }
    }
}

fn write(content: &mut Vec<u8>, at: usize, bytes: &[u8], fate: Fate, random: &mut fastrand::Rng) {
    if fate == Fate::Missing {
        return;
    }
    let end = at + bytes.len();
    let cut = at + random.usize(..=bytes.len());
    let way = random.u8(..3);
    if fate != Fate::Torn || way > 0 {
        content.resize(content.len().max(end), 0);
    }
    let mut position = at;
    while position < end {
        let next = end.min((position / SECTOR + 1) * SECTOR);
        let is_there = match (fate, way) {
            (Fate::Torn, 0) => next <= cut,
            (Fate::Torn, 1) => position >= cut,
            (Fate::Torn, _) => random.bool(),
            _ => fate == Fate::Whole,
        };
        if is_there {
            content.resize(content.len().max(next), 0);
            content[position..next].copy_from_slice(&bytes[position - at..next - at]);
        }
        position = next;
    }
}

/// Writes an image into an empty folder.
pub(crate) fn materialise(image: &Image, folder: &Path) {
    for (path, content) in image {
        let path = folder.join(path);
        match content {
            None => fs::create_dir(path).expect("a folder"),
            Some(content) => fs::write(path, content).expect("a file"),
        }
    }
}
