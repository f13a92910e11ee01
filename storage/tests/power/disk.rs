//! What was done to a folder, so far as a disk knows: the changes of each file and of each folder's names, and the syncs that
//! make them sure.

use std::collections::BTreeMap;

/// A file or a folder, by its place in the [`Disk`]. A name may be given to another one later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Node {
    File(usize),
    Folder(usize),
}

/// A change of a file.
#[derive(Debug)]
pub(crate) enum Content {
    Write { at: usize, bytes: Vec<u8> },
    Resize(usize),
}

/// A change of a folder.
#[derive(Debug)]
pub(crate) enum Name {
    Add(String, Node),
    Remove(String),
    /// Replaces what has the new name; both names change, or neither does.
    Rename(String, String),
}

/// When something began and ended: positions in the recording.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) began: usize,
    pub(crate) ended: usize,
}

/// A file or a folder, by what happened to it.
#[derive(Debug)]
pub(crate) struct History<T> {
    /// In the order in which they ended.
    pub(crate) changes: Vec<(Span, T)>,
    syncs: Vec<(Span, Area)>,
}

/// Whose file or folder was synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Area {
    Journal,
    Tenants,
}

/// Whose syncs do what they are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Honest {
    All,
    AllBut(Area),
    None,
}

impl Honest {
    fn covers(self, area: Area) -> bool {
        match self {
            Self::All => true,
            Self::AllBut(liar) => area != liar,
            Self::None => false,
        }
    }
}

impl<T> History<T> {
    fn new() -> Self {
        Self { changes: Vec::new(), syncs: Vec::new() }
    }

    /// The changes that had begun at a moment, and whether each was surely on the disk then: a sync had begun after it
    /// had ended, and had itself come to its end.
    pub(crate) fn at(&self, cut: usize, honest: Honest) -> impl Iterator<Item = (&T, bool)> {
        let returned = self.syncs.iter().filter(|(span, area)| span.ended < cut && honest.covers(*area));
        let covered = returned.map(|(span, _)| span.began).max().unwrap_or(0);
        let begun = self.changes.iter().filter(move |(span, _)| span.began < cut);
        begun.map(move |(span, change)| (change, span.ended < covered))
    }
}

/// A folder and all in it, as the program saw it, and as it came about.
#[derive(Debug)]
pub(crate) struct Disk {
    pub(crate) files: Vec<History<Content>>,
    pub(crate) folders: Vec<History<Name>>,
    /// What each folder has in it after all changes so far.
    names: Vec<BTreeMap<String, Node>>,
}

/// The folder that everything is in; it was durable before the recording began.
pub(crate) const ROOT: usize = 0;

impl Disk {
    pub(crate) fn new() -> Self {
        Self { files: Vec::new(), folders: vec![History::new()], names: vec![BTreeMap::new()] }
    }

    /// What a path, relative to the root, names now; the folder it is in, and its last part.
    pub(crate) fn find(&self, path: &str) -> Option<Node> {
        path.split('/').filter(|part| !part.is_empty()).try_fold(
            Node::Folder(ROOT),
            |node, part| match node {
                Node::Folder(folder) => self.names[folder].get(part).copied(),
                Node::File(_) => None,
            },
        )
    }

    fn parent<'p>(&self, path: &'p str) -> (usize, &'p str) {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        match self.find(parent) {
            Some(Node::Folder(folder)) => (folder, name),
            _ => panic!("the folder of {path} was never made"),
        }
    }

    pub(crate) fn create_file(&mut self, path: &str, span: Span) -> Node {
        self.files.push(History::new());
        self.add(path, Node::File(self.files.len() - 1), span)
    }

    pub(crate) fn create_folder(&mut self, path: &str, span: Span) -> Node {
        self.folders.push(History::new());
        self.names.push(BTreeMap::new());
        self.add(path, Node::Folder(self.folders.len() - 1), span)
    }

    fn add(&mut self, path: &str, node: Node, span: Span) -> Node {
        let (folder, name) = self.parent(path);
        self.names[folder].insert(name.to_owned(), node);
        self.folders[folder].changes.push((span, Name::Add(name.to_owned(), node)));
        node
    }

    pub(crate) fn remove(&mut self, path: &str, span: Span) {
        let (folder, name) = self.parent(path);
        self.names[folder].remove(name).expect("a name that exists");
        self.folders[folder].changes.push((span, Name::Remove(name.to_owned())));
    }

    pub(crate) fn rename(&mut self, from: &str, to: &str, span: Span) {
        let ((folder, from), (to_folder, to)) = (self.parent(from), self.parent(to));
        assert_eq!(folder, to_folder, "no file goes into another folder");
        let node = self.names[folder].remove(from).expect("a name that exists");
        self.names[folder].insert(to.to_owned(), node);
        self.folders[folder].changes.push((span, Name::Rename(from.to_owned(), to.to_owned())));
    }

    pub(crate) fn change(&mut self, file: usize, span: Span, content: Content) {
        self.files[file].changes.push((span, content));
    }

    pub(crate) fn sync(&mut self, node: Node, span: Span, area: Area) {
        match node {
            Node::File(file) => self.files[file].syncs.push((span, area)),
            Node::Folder(folder) => self.folders[folder].syncs.push((span, area)),
        }
    }
}

impl Disk {
    /// Whoever reads the folder after the end of the recording sees all of it.
    pub(crate) fn sync_everything(&mut self, position: usize) {
        let span = Span { began: position, ended: position };
        for file in &mut self.files {
            file.syncs.push((span, Area::Tenants));
        }
        for folder in &mut self.folders {
            folder.syncs.push((span, Area::Tenants));
        }
    }
}
