use jiff::Timestamp;
use storage::Namespace;
use tenant_core::{Context, Incarnation, Tenant};

pub(crate) fn main() {
    let tenant = Tenant::new("acme".parse().expect("a name"), Incarnation::fixed("acme"));
    let active = tenant.admit(Timestamp::UNIX_EPOCH).expect("an active tenant");
    Namespace::new(*active.id(), active.incarnation(), Context::Staging);
}
