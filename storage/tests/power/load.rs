//! From a recording to what it did to the disk, and to what the program said.

use std::collections::HashMap;

use crate::disk::{Area, Content, Disk, Node, Span};
use crate::ledger::Ledger;
use crate::strace::{self, Event, Outcome};

/// Every call that can change a file or a name in a folder, or make that sure; and `write`, by which the program tells.
pub(crate) const CALLS: &str = "write,writev,pwrite64,pwritev,pwritev2,copy_file_range,sendfile,splice,\
    fsync,fdatasync,sync,syncfs,sync_file_range,msync,io_uring_enter,ftruncate,truncate,fallocate,open,openat,openat2,creat,\
    rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,mkdir,mkdirat,rmdir";

/// What was recorded: of one folder, by one program after the other.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub(crate) disk: Disk,
    pub(crate) ledger: Ledger,
    /// How many positions there are.
    pub(crate) length: usize,
    /// Where each program began.
    pub(crate) starts: Vec<usize>,
    /// Where a file was opened, made, renamed or removed.
    pub(crate) openings: Vec<usize>,
    /// Where a sync came to its end, and whose.
    pub(crate) syncs: Vec<(usize, Area)>,
    root: String,
}

impl Recorded {
    /// Nothing yet of a folder, which exists and is empty.
    pub(crate) fn new(root: &str) -> Self {
        Self {
            disk: Disk::new(),
            ledger: Ledger::default(),
            length: 0,
            starts: Vec::new(),
            openings: Vec::new(),
            syncs: Vec::new(),
            root: root.to_owned(),
        }
    }

    /// Adds what the next program did.
    pub(crate) fn add(&mut self, text: &str) {
        let first = self.length;
        self.starts.push(first);
        self.length += text.lines().count();
        let mut open = HashMap::new();
        for event in strace::read(text) {
            // What was under way when the program ended came about, and no sync of that program follows it.
            let ended = if event.outcome == Outcome::Unknown { self.length - 1 } else { first + event.ended };
            if event.outcome != Outcome::Failed {
                self.event(&event, Span { began: first + event.began, ended }, &mut open);
            }
        }
    }

    fn event(&mut self, event: &Event, span: Span, open: &mut HashMap<u64, Node>) {
        let paths = || event.strings().filter_map(|path| self.inside(&String::from_utf8_lossy(&path)));
        match &*event.name {
            "write" | "pwrite64" | "ftruncate" | "fsync" | "fdatasync" => {
                self.on_open_file(event, span, open)
            }
            "openat" => {
                if let (Some(path), Outcome::Done(descriptor)) = (paths().next(), event.outcome) {
                    open.insert(descriptor, self.opened(&path, event, span));
                }
            }
            "mkdir" | "mkdirat" => {
                if let Some(path) = paths().next() {
                    self.disk.create_folder(&path, span);
                }
            }
            "unlink" | "unlinkat" | "rmdir" => {
                if let Some(path) = paths().next() {
                    self.openings.push(span.ended);
                    self.disk.remove(&path, span);
                }
            }
            "rename" | "renameat" | "renameat2" => {
                let paths: Vec<String> = paths().collect();
                if let [from, to] = &paths[..] {
                    self.openings.push(span.ended);
                    self.disk.rename(from, to, span);
                }
            }
            name => {
                let of_ours = event.descriptor().and_then(|(_, path)| self.inside(&path));
                assert!(of_ours.is_none() && paths().next().is_none(), "nobody knows what {name} does");
            }
        }
    }

    fn opened(&mut self, path: &str, event: &Event, span: Span) -> Node {
        self.openings.push(span.ended);
        let found = self.disk.find(path);
        assert!(!event.arguments.contains("O_TRUNC") && !event.arguments.contains("O_APPEND"), "{path}");
        found.unwrap_or_else(|| {
            assert!(event.arguments.contains("O_CREAT"), "{path} is not there");
            self.disk.create_file(path, span)
        })
    }

    fn on_open_file(&mut self, event: &Event, span: Span, open: &HashMap<u64, Node>) {
        let Some((descriptor, path)) = event.descriptor() else { return };
        let Some(path) = self.inside(&path) else {
            if event.name == "write" && descriptor == 1 {
                let text: Vec<u8> = event.strings().flatten().collect();
                self.ledger.add(span.began, &text);
            }
            return;
        };
        let node = open[&descriptor];
        let number = |position: usize| -> usize {
            let last = event.arguments.rsplit(", ").nth(position).expect("an argument");
            last.trim_end_matches(')')
                .trim()
                .parse()
                .unwrap_or_else(|_| panic!("{last:?} of {} is no number", event.name))
        };
        match (&*event.name, node, event.outcome) {
            ("fsync" | "fdatasync", node, Outcome::Done(_)) => {
                let area = if path.starts_with("journal") { Area::Journal } else { Area::Tenants };
                self.syncs.push((span.ended, area));
                self.disk.sync(node, span, area);
            }
            ("fsync" | "fdatasync", _, _) => {}
            ("ftruncate", Node::File(file), _) => self.disk.change(file, span, Content::Resize(number(0))),
            ("pwrite64", Node::File(file), outcome) => {
                let mut bytes = event.strings().next().expect("bytes");
                if let Outcome::Done(written) = outcome {
                    bytes.truncate(usize::try_from(written).expect("small"));
                }
                self.disk.change(file, span, Content::Write { at: number(0), bytes });
            }
            (name, node, _) => panic!("nobody knows what {name} does to {path}, {node:?}"),
        }
    }

    /// A path below the root, relative to it. What is no content of a disk is left out: memory that SQLite shares among
    /// connections, and the file that is locked.
    fn inside(&self, path: &str) -> Option<String> {
        let path = path.strip_prefix(&self.root)?;
        let path = if path.is_empty() { path } else { path.strip_prefix('/')? };
        let path = path.strip_suffix("(deleted)").unwrap_or(path).trim_end();
        (!path.ends_with("-shm") && !path.ends_with("/.lock")).then(|| path.to_owned())
    }
}
