//! [`Namespace`]: a tenant's part of a store; [`NamespacedStore`]: the only handle to it.

use std::fmt;
use std::sync::Arc;

use tenant_core::{ActiveTenant, Context, Incarnation, TenantId};
use uuid::Uuid;

use crate::document::{Applied, Batch, Document, DocumentId};
use crate::error::StoreError;
use crate::query::{Aggregation, Buckets, Filter, Page, Query};
use crate::store::Store;

/// Whose data, in which life of that tenant, in which context. Nothing else tells two tenants' data apart, and nothing
/// of it is ever made from what a client sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Namespace {
    id: TenantId,
    incarnation: Incarnation,
    context: Context,
}

impl Namespace {
    /// The part of an active tenant.
    pub fn of(tenant: &ActiveTenant, context: Context) -> Self {
        Self { id: *tenant.id(), incarnation: tenant.incarnation(), context }
    }

    /// For the lifecycle alone, which works on tenants that are not active yet.
    pub(crate) fn new(id: TenantId, incarnation: Incarnation, context: Context) -> Self {
        Self { id, incarnation, context }
    }

    /// Whose data.
    pub fn id(&self) -> &TenantId {
        &self.id
    }

    /// In which life of that tenant.
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// In which context.
    pub fn context(&self) -> Context {
        self.context
    }

    /// A uuid that is this namespace's alone: the seed of ids that must be the same when something is sent again.
    pub fn uuid(&self) -> Uuid {
        Uuid::new_v5(self.incarnation.as_uuid(), self.to_string().as_bytes())
    }
}

impl fmt::Display for Namespace {
    /// `<id>/<incarnation>/<context>/`: injective, and never the beginning of another one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/", self.id, self.incarnation, self.context)
    }
}

/// One tenant's documents in one context. It names the namespace in every call, and offers no way to name another.
///
/// Cheap to clone. Each method's contract is that of [`Store`].
#[derive(Clone)]
pub struct NamespacedStore {
    store: Arc<dyn Store>,
    namespace: Namespace,
}

impl NamespacedStore {
    /// The documents of an active tenant.
    pub fn new(store: Arc<dyn Store>, tenant: &ActiveTenant, context: Context) -> Self {
        Self { store, namespace: Namespace::of(tenant, context) }
    }

    pub(crate) fn of_namespace(store: Arc<dyn Store>, namespace: Namespace) -> Self {
        Self { store, namespace }
    }

    /// Whose documents these are.
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// See [`Store::write`].
    ///
    /// # Errors
    /// See [`Store::write`].
    pub async fn write(&self, batch: Batch) -> Result<Vec<Applied>, StoreError> {
        self.store.write(&self.namespace, batch).await
    }

    /// See [`Store::get`].
    ///
    /// # Errors
    /// See [`Store::get`].
    pub async fn get(&self, kind: &str, id: &DocumentId) -> Result<Option<Document>, StoreError> {
        self.store.get(&self.namespace, kind, id).await
    }

    /// See [`Store::search`].
    ///
    /// # Errors
    /// See [`Store::search`].
    pub async fn search(&self, kind: &str, query: &Query) -> Result<Page, StoreError> {
        self.store.search(&self.namespace, kind, query).await
    }

    /// See [`Store::count`].
    ///
    /// # Errors
    /// See [`Store::count`].
    pub async fn count(&self, kind: &str, filter: &Filter) -> Result<u64, StoreError> {
        self.store.count(&self.namespace, kind, filter).await
    }

    /// See [`Store::aggregate`].
    ///
    /// # Errors
    /// See [`Store::aggregate`].
    pub async fn aggregate(
        &self,
        kind: &str,
        filter: &Filter,
        aggregation: &Aggregation,
    ) -> Result<Buckets, StoreError> {
        self.store.aggregate(&self.namespace, kind, filter, aggregation).await
    }

    /// See [`Store::scan`].
    ///
    /// # Errors
    /// See [`Store::scan`].
    pub async fn scan(
        &self,
        kind: &str,
        after: Option<&DocumentId>,
        limit: usize,
    ) -> Result<Vec<Document>, StoreError> {
        self.store.scan(&self.namespace, kind, after, limit).await
    }

    /// See [`Store::refresh`].
    ///
    /// # Errors
    /// See [`Store::refresh`].
    pub async fn refresh(&self) -> Result<(), StoreError> {
        self.store.refresh(&self.namespace).await
    }
}

impl fmt::Debug for NamespacedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NamespacedStore({})", self.namespace)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Few letters and few lives, so that ids are often equal, or one the beginning of the other.
    fn namespace() -> impl Strategy<Value = Namespace> {
        (1usize..4, 0u128..3, any::<bool>()).prop_map(|(length, life, staging)| {
            let id = "aaa"[..length].parse().expect("an id");
            let context = if staging { Context::Staging } else { Context::Production };
            Namespace::new(id, Uuid::from_u128(life).into(), context)
        })
    }

    proptest! {
        #[test]
        fn namespaces_are_told_apart_by_text_and_by_uuid(a in namespace(), b in namespace()) {
            let (left, right) = (a.to_string(), b.to_string());
            prop_assert_eq!(a == b, left == right);
            prop_assert_eq!(a == b, left.starts_with(&right));
            prop_assert_eq!(a == b, a.uuid() == b.uuid());
        }
    }
}
