//! Install, upgrade and removal of a tenant's namespaces: the one way to data that needs no active tenant.
//!
//! Only an installer has business here. It works on a tenant that is still pending, so it cannot have the
//! [`ActiveTenant`](tenant_core::ActiveTenant) that every other handle is opened with.

use std::sync::Arc;

use tenant_core::{Context, Incarnation, TenantId};

use crate::error::StoreError;
use crate::namespace::{Namespace, NamespacedStore};
use crate::store::Store;

/// The names of what an install made, in the words of a search engine: the embedded backend lists its file as an index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Created {
    /// Index templates.
    pub templates: Vec<String>,
    /// Indices.
    pub indices: Vec<String>,
    /// Aliases.
    pub aliases: Vec<String>,
}

/// Proof that a tenant's namespaces are installed; the installer's way to the data of a pending tenant.
pub struct LifecycleHandle {
    store: Arc<dyn Store>,
    id: TenantId,
    incarnation: Incarnation,
    created: [Created; 2],
}

impl LifecycleHandle {
    /// What the install made in a context; nothing where all of it existed.
    pub fn created(&self, context: Context) -> &Created {
        match context {
            Context::Staging => &self.created[0],
            Context::Production => &self.created[1],
        }
    }

    /// The tenant's documents in a context.
    pub fn data(&self, context: Context) -> NamespacedStore {
        let namespace = Namespace::new(self.id, self.incarnation, context);
        NamespacedStore::of_namespace(Arc::clone(&self.store), namespace)
    }
}

/// Prepares staging and production, creating what is missing. Idempotent: what exists stays as it is.
///
/// # Errors
/// As for [`Store::install`]; calling it again resumes.
pub async fn install(
    store: &Arc<dyn Store>,
    id: &TenantId,
    incarnation: Incarnation,
) -> Result<LifecycleHandle, StoreError> {
    let staging = store.install(&Namespace::new(*id, incarnation, Context::Staging)).await?;
    let production = store.install(&Namespace::new(*id, incarnation, Context::Production)).await?;
    Ok(LifecycleHandle { store: Arc::clone(store), id: *id, incarnation, created: [staging, production] })
}

/// Brings what an older program has written of staging and production up to this one's kinds. Whether anything had to be
/// done. Idempotent; the embedded backend does the same for each file when it is first used.
///
/// # Errors
/// As for [`Store::upgrade`]; calling it again resumes.
pub async fn upgrade(
    store: &Arc<dyn Store>,
    id: &TenantId,
    incarnation: Incarnation,
) -> Result<bool, StoreError> {
    let mut changed = false;
    for context in Context::ALL {
        changed |= store.upgrade(&Namespace::new(*id, incarnation, context)).await?;
    }
    Ok(changed)
}

/// Removes staging and production with all of their data. Idempotent.
///
/// # Errors
/// As for [`Store::remove`]; calling it again resumes.
pub async fn remove(
    store: &Arc<dyn Store>,
    id: &TenantId,
    incarnation: Incarnation,
) -> Result<(), StoreError> {
    for context in Context::ALL {
        store.remove(&Namespace::new(*id, incarnation, context)).await?;
    }
    Ok(())
}
