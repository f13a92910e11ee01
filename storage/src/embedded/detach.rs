//! What an operator does with the files: which there are, and taking one away.

use std::path::PathBuf;

use tenant_core::{Context, Incarnation, TenantId};

use crate::embedded::EmbeddedStore;
use crate::error::StoreError;
use crate::namespace::Namespace;

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
