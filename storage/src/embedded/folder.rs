//! The folder of the store: who has it, where a namespace's file is, and that new names in it are durable.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tenant_core::{Context, Incarnation, TenantId};
use uuid::Uuid;

use crate::embedded::failure;
use crate::error::{StoreError, StoreErrorKind};
use crate::namespace::Namespace;

/// The lock file. No tenant's id has a dot in it, so that none has this for its folder.
const LOCK: &str = ".lock";

/// `DATA_DIR/tenants`, locked against other processes while this lives.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    _lock: File,
}

/// Which file a path named when it was opened. A path that names another one is not ours to write to any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    /// `None` if there is no such file.
    pub(super) fn of(path: &Path) -> Result<Option<Self>, StoreError> {
        match fs::metadata(path) {
            Ok(metadata) => Ok(Some(Self { device: metadata.dev(), inode: metadata.ino() })),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(failure::io("look at", path, error)),
        }
    }
}

impl Folder {
    pub(super) fn open(data_dir: &Path) -> Result<Self, StoreError> {
        let path = std::path::absolute(data_dir)
            .map_err(|error| failure::io("find", data_dir, error))?
            .join("tenants");
        create_folder(&path)?;
        let lock = lock(&path.join(LOCK))?;
        Ok(Self { path, _lock: lock })
    }

    /// A namespace's file, relative to this folder.
    pub(super) fn name(namespace: &Namespace) -> String {
        format!("{}/{}/{}.db", namespace.id(), namespace.incarnation(), namespace.context())
    }

    pub(super) fn file(&self, namespace: &Namespace) -> PathBuf {
        self.path.join(Self::name(namespace))
    }

    /// The namespaces that have files here, in order; what is none of ours is left out.
    pub(super) fn namespaces(&self) -> Result<Vec<Namespace>, StoreError> {
        let mut found = Vec::new();
        for id in names_in(&self.path)? {
            let Ok(tenant) = id.parse::<TenantId>() else { continue };
            for incarnation in names_in(&self.path.join(&id))? {
                let Ok(life) = incarnation.parse::<Uuid>() else { continue };
                found.extend(
                    Context::ALL
                        .map(|context| Namespace::new(tenant, Incarnation::from(life), context))
                        .into_iter()
                        .filter(|namespace| self.file(namespace).is_file()),
                );
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    /// Creates a namespace's file, empty, if it is missing. The file and the folders above it are durable afterwards.
    pub(super) fn create_file(&self, namespace: &Namespace) -> Result<PathBuf, StoreError> {
        let path = self.file(namespace);
        let incarnation = path.parent().expect("a file is in a folder");
        create_folder(incarnation)?;
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            // A journal that a removal left behind is not the new file's.
            Ok(_) => remove_files(&path, &JOURNALS)?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failure::io("create", &path, error)),
        }
        // An earlier install may have been killed between creating and syncing: sync what exists, too.
        for folder in incarnation.ancestors().take_while(|folder| folder.starts_with(&self.path)) {
            sync_folder(folder)?;
        }
        Ok(path)
    }

    /// Removes a namespace's files, and the folders that are empty then.
    pub(super) fn remove_file(&self, namespace: &Namespace) -> Result<(), StoreError> {
        let path = self.file(namespace);
        // The file goes first: what is left of a removal that was killed opens no more.
        remove_files(&path, &[""])?;
        remove_files(&path, &JOURNALS)?;
        for folder in path.ancestors().skip(1).take_while(|folder| **folder != *self.path) {
            match fs::remove_dir(folder) {
                Ok(()) => {}
                Err(error) if is_missing(&error) => {}
                Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {
                    return sync_folder(folder);
                }
                Err(error) => return Err(failure::io("remove", folder, error)),
            }
        }
        sync_folder(&self.path)
    }
}

/// The names in a folder that are text; none if it is no folder.
fn names_in(folder: &Path) -> Result<Vec<String>, StoreError> {
    let failed = |error| failure::io("list", folder, error);
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if is_missing(&error) => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let names = entries.map(|entry| entry.map(|entry| entry.file_name().into_string().ok()).map_err(failed));
    names.filter_map(Result::transpose).collect()
}

/// Whether SQLite has left something beside a file, which is a part of it.
pub(super) fn has_journal(path: &Path) -> Result<bool, StoreError> {
    let mut name = path.to_path_buf().into_os_string();
    name.push(JOURNALS[0]);
    let path = Path::new(&name);
    path.try_exists().map_err(|error| failure::io("look at", path, error))
}

/// What SQLite keeps beside a file.
const JOURNALS: [&str; 2] = ["-wal", "-shm"];

fn remove_files(path: &Path, suffixes: &[&str]) -> Result<(), StoreError> {
    for suffix in suffixes {
        let mut name = path.to_path_buf().into_os_string();
        name.push(suffix);
        match fs::remove_file(&name) {
            Err(error) if !is_missing(&error) => return Err(failure::io("remove", Path::new(&name), error)),
            _ => {}
        }
    }
    Ok(())
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Creates a folder for this user alone, and the missing ones above it, each durable before the next.
pub(super) fn create_folder(path: &Path) -> Result<(), StoreError> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = path.parent().ok_or_else(|| {
        StoreError::new(StoreErrorKind::Backend, format!("{} cannot be created", path.display()))
    })?;
    create_folder(parent)?;
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
        Err(error) => return Err(failure::io("create the folder", path, error)),
    }
    sync_folder(parent)
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(path: &Path) -> Result<(), StoreError> {
    File::open(path)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| failure::io("sync the folder", path, error))
}

/// How long one who is ending may keep the lock: its last tasks, or a program that it was just starting, which has its
/// files until it runs.
const HANDOVER: Duration = Duration::from_secs(1);

fn lock_after_a_predecessor(file: &File) -> Result<(), TryLockError> {
    let deadline = Instant::now() + HANDOVER;
    loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => sleep(Duration::from_millis(20)),
            outcome => return outcome,
        }
    }
}

/// Takes the lock file and writes this process's id into it.
fn lock(path: &Path) -> Result<File, StoreError> {
    let opened =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
    let mut file = opened.map_err(|error| failure::io("open", path, error))?;
    match lock_after_a_predecessor(&file) {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            let pid = file.read_to_string(&mut pid).map_or("unknown", |_| pid.trim());
            let folder = path.parent().unwrap_or(path).display();
            let message = format!("{folder} is in use by the process {pid}");
            return Err(StoreError::new(StoreErrorKind::Backend, message));
        }
        Err(TryLockError::Error(error)) => return Err(failure::io("lock", path, error)),
    }
    file.set_len(0)
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .map_err(|error| failure::io("write", path, error))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_namespace_has_a_file_of_its_own_below_its_tenants_folder() {
        let mut names = HashSet::new();
        for id in ["acme", "acme2", "a"] {
            for life in ["first", "second"] {
                for context in Context::ALL {
                    let id = id.parse().expect("an id");
                    let name = Folder::name(&Namespace::new(id, Incarnation::fixed(life), context));
                    assert!(name.starts_with(&format!("{id}/")), "{name}");
                    assert!(names.insert(name));
                }
            }
        }
    }
}
