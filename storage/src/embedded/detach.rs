//! What an operator does with the files: which there are, what they are, and taking them away.

use std::fs;
use std::io;
use std::path::PathBuf;

use tenant_core::{Context, Incarnation, TenantId};

use crate::embedded::{EmbeddedStore, failure};
use crate::error::StoreError;
use crate::namespace::Namespace;

/// A file of a tenant, as it is on the disk.
#[derive(Debug)]
#[non_exhaustive]
pub struct StoredFile {
    /// What it holds.
    pub context: Context,
    /// Where it is.
    pub path: PathBuf,
    /// Its length in bytes, without what is beside it while it is open.
    pub bytes: u64,
    /// Whether an older program has written it, so that it waits to be upgraded; or why nobody can tell.
    pub is_older: Result<bool, StoreError>,
}

impl EmbeddedStore {
    /// The tenants that have files in the data folder, in order. Reads folders, opens no file.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn installed(&self) -> Result<Vec<(TenantId, Incarnation)>, StoreError> {
        let namespaces = self.files.installed()?;
        let mut tenants: Vec<_> =
            namespaces.into_iter().map(|namespace| (*namespace.id(), namespace.incarnation())).collect();
        tenants.dedup();
        Ok(tenants)
    }

    /// The files of a tenant that are there: both, unless an install did not come to its end. Looks into each of them, and
    /// upgrades none; what a crash has left beside one goes into it.
    ///
    /// # Errors
    /// If the folder cannot be read. A file that cannot be read is in the answer, with the error.
    pub async fn files(
        &self,
        id: &TenantId,
        incarnation: Incarnation,
    ) -> Result<Vec<StoredFile>, StoreError> {
        let mut files = Vec::new();
        for context in Context::ALL {
            let namespace = Namespace::new(*id, incarnation, context);
            let is_older = self.files.is_older(&namespace).await;
            let path = self.files.path(&namespace);
            match fs::metadata(&path) {
                Ok(metadata) => files.push(StoredFile { context, bytes: metadata.len(), path, is_older }),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(failure::io("look at", &path, error)),
            }
        }
        Ok(files)
    }

    /// Closes a tenant's files, once nothing uses them, and answers where they are: each then is one plain file that holds
    /// everything, and can be copied or moved. The next use opens it again.
    ///
    /// # Errors
    /// [`NotInstalled`](crate::StoreErrorKind::NotInstalled) if there are none; `Backend` if another process has one open.
    pub async fn detach(&self, id: &TenantId, incarnation: Incarnation) -> Result<Vec<PathBuf>, StoreError> {
        let mut paths = Vec::new();
        for context in Context::ALL {
            paths.push(self.files.close(&Namespace::new(*id, incarnation, context)).await?);
        }
        Ok(paths)
    }
}
