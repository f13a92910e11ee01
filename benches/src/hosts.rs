//! Hosts as clients send them: the names of so many tenants, and requests for them.

use fastrand::Rng;
use jiff::Timestamp;
use tenant_core::{Incarnation, Tenant};

use crate::zipf::Popularity;

/// What all tenants are under.
pub const BASE: &str = "your-domain.com";
/// The base domain and its dot, as opponents compare it.
pub const DOTTED_BASE: &str = ".your-domain.com";

/// The name of a tenant: half of them have a hyphen.
pub fn name(tenant: usize) -> String {
    if tenant.is_multiple_of(2) { format!("tenant-{tenant}") } else { format!("tenant{tenant}") }
}

/// The own domain of a tenant.
pub fn domain(tenant: usize) -> String {
    format!("shop{tenant}.example")
}

/// An active tenant with an end, as most have that pay.
///
/// # Panics
/// Never: all names are names.
pub fn tenant(tenant: usize) -> Tenant {
    let name = name(tenant);
    let mut tenant = Tenant::new(name.parse().expect("a name"), Incarnation::fixed(&name));
    tenant.expire = Some(Timestamp::from_second(4_000_000_000).expect("a time"));
    tenant
}

/// So many `Host` headers for so many tenants, few of which are busy: plain, with a port, in mixed case, a third each.
pub fn requests(tenants: usize, calls: usize) -> Vec<Vec<u8>> {
    let popularity = Popularity::zipf(tenants, 0.99);
    let mut random = Rng::with_seed(6);
    // Which tenants are busy says nothing of their place in memory.
    let mut ranks: Vec<usize> = (0..tenants).collect();
    random.shuffle(&mut ranks);
    (0..calls)
        .map(|_| {
            let mut host = format!("{}{DOTTED_BASE}", name(ranks[popularity.draw(&mut random)]));
            match random.u8(0..3) {
                0 => {}
                1 => host.push_str(":8585"),
                _ => host = host.replace("tenant", "Tenant").replace("domain", "Domain"),
            }
            host.into_bytes()
        })
        .collect()
}
