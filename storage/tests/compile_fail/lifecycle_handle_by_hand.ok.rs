use std::sync::Arc;

use storage::lifecycle::LifecycleHandle;
use storage::{MemoryStore, Schema, Store};
use tenant_core::{Incarnation, Tenant};

pub(crate) fn main() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new(Schema::new(1, Vec::new()).expect("a schema")));
    let tenant = Tenant::new("acme".parse().expect("a name"), Incarnation::fixed("acme"));
    let handle: Option<LifecycleHandle> = { drop((store, tenant)); None };
    drop(handle);
}
