use std::sync::Arc;

use jiff::Timestamp;
use storage::{MemoryStore, Namespace, NamespacedStore, Schema, Store};
use tenant_core::{Context, Incarnation, Tenant};

pub(crate) fn main() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new(Schema::new(1, Vec::new()).expect("a schema")));
    let tenant = Tenant::new("acme".parse().expect("a name"), Incarnation::fixed("acme"));
    let active = tenant.admit(Timestamp::UNIX_EPOCH).expect("an active tenant");
    drop(NamespacedStore::new(Arc::clone(&store), &active, Context::Staging));
    NamespacedStore::of_namespace(store, Namespace::of(&active, Context::Staging));
}
