use jiff::Timestamp;
use tenant_core::{ActiveTenant, Incarnation, Tenant};

pub(crate) fn main() {
    let tenant = Tenant::new("acme".parse().expect("a name"), Incarnation::fixed("acme"));
    let _: Timestamp = Timestamp::UNIX_EPOCH;
    let _: ActiveTenant = tenant.admit(Timestamp::UNIX_EPOCH).expect("an active tenant");
}
