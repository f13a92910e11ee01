//! Faults of the disk, and of those who write too much: told clearly, to those whom they concern, without loss.

mod damage;
mod frozen;
mod full;
mod ledger;
mod mount;
mod pressure;
mod read_only;
mod segments;
mod sync;
mod tails;

use std::sync::Arc;

use storage::{NamespacedStore, Store};
use tenant_core::{ActiveTenant, Context};

fn production(store: &Arc<dyn Store>, tenant: &ActiveTenant) -> NamespacedStore {
    NamespacedStore::new(Arc::clone(store), tenant, Context::Production)
}
