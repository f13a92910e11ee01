//! Tenants and stores for the tests.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use storage::{
    Body, DocumentId, EmbeddedConfig, EmbeddedStore, FieldType, Kind, Schema, Store, StoreError, lifecycle,
};
use tenant_core::{ActiveTenant, Context, Incarnation, Tenant};

/// How many random calls a backend is attacked with: ten thousand, and a million where `TENANTRY_LONG` is 1.
pub(crate) fn operations() -> usize {
    if std::env::var_os("TENANTRY_LONG").is_some_and(|long| long == "1") { 1_000_000 } else { 10_000 }
}

pub(crate) fn schema() -> Schema {
    let event = Kind::new("event").with_field("time", FieldType::Date).with_time_field("time");
    Schema::new(1, vec![event, Kind::new("profile")]).expect("a schema")
}

pub(crate) fn tenant(name: &str) -> ActiveTenant {
    let name = name.parse().expect("a name");
    let tenant = Tenant::new(name, Incarnation::fixed("first"));
    tenant.admit(Timestamp::UNIX_EPOCH).expect("an active tenant")
}

pub(crate) fn open(folder: &Path) -> Result<Arc<dyn Store>, StoreError> {
    let store = EmbeddedStore::open(EmbeddedConfig::new(folder), schema())?;
    Ok(Arc::new(store))
}

/// Where a tenant's file is.
pub(crate) fn file(folder: &Path, tenant: &ActiveTenant, context: Context) -> PathBuf {
    let incarnation = tenant.incarnation().to_string();
    folder.join("tenants").join(tenant.id().as_str()).join(incarnation).join(format!("{context}.db"))
}

pub(crate) async fn install(store: &Arc<dyn Store>, tenant: &ActiveTenant) -> lifecycle::LifecycleHandle {
    lifecycle::install(store, tenant.id(), tenant.incarnation()).await.expect("an install")
}

pub(crate) fn id(text: &str) -> DocumentId {
    DocumentId::new(text).expect("an id")
}

pub(crate) fn body(value: Value) -> Body {
    match value {
        Value::Object(body) => body,
        other => panic!("{other} is no object"),
    }
}
