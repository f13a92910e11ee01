//! [`SharedTenant`]: a tenant that many threads are handed at the same time.

use std::ops::Deref;
use std::sync::OnceLock;
use std::thread::available_parallelism;

use crate::lookup::TenantRef;
use crate::place::place;
use crate::tenant::Tenant;

/// The most copies of one tenant.
const MAX_COPIES: usize = 8;

/// A tenant in a directory, for one who hands it out on every request.
///
/// A [`TenantRef`] is counted, and processors that count in the same place wait for each other. Once a tenant was asked for
/// while it was in use, each processor gets a copy of its own, up to eight. A tenant that is asked for now and then has none.
///
/// ```
/// use tenant_core::{Incarnation, SharedTenant, Tenant};
///
/// let acme = SharedTenant::new(Tenant::new("acme".parse()?, Incarnation::fixed("acme")));
/// let handed_out = acme.get();
/// assert_eq!(*handed_out, *acme);
/// # Ok::<(), tenant_core::TenantNameError>(())
/// ```
#[derive(Debug)]
pub struct SharedTenant {
    tenant: TenantRef,
    /// As many as a power of two.
    copies: OnceLock<Box<[TenantRef]>>,
}

impl SharedTenant {
    /// A tenant that nobody has been handed yet.
    pub fn new(tenant: Tenant) -> Self {
        Self { tenant: tenant.into(), copies: OnceLock::new() }
    }

    /// Hands it out. No lock, and no allocation but once, for the copies.
    #[inline]
    pub fn get(&self) -> TenantRef {
        if let Some(copies) = self.copies.get() {
            return copies[place() & (copies.len() - 1)].clone();
        }
        let tenant = self.tenant.clone();
        // This one, the one that is kept here, and somebody's.
        if tenant.holders() > 2 {
            self.copy();
        }
        tenant
    }

    #[cold]
    fn copy(&self) {
        let processors = available_parallelism().map_or(1, usize::from);
        let copies = processors.next_power_of_two().min(MAX_COPIES);
        self.copies.get_or_init(|| (0..copies).map(|_| Tenant::clone(&self.tenant).into()).collect());
    }
}

impl Deref for SharedTenant {
    type Target = Tenant;

    #[inline]
    fn deref(&self) -> &Tenant {
        &self.tenant
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Incarnation;

    #[test]
    fn copies_are_made_for_a_tenant_that_is_in_use() {
        let acme =
            SharedTenant::new(Tenant::new("acme".parse().expect("a name"), Incarnation::fixed("acme")));
        for _ in 0..3 {
            assert_eq!(*acme.get(), *acme, "one after the other");
        }
        assert!(acme.copies.get().is_none());
        let (_first, second, third) = (acme.get(), acme.get(), acme.get());
        assert!(acme.copies.get().is_some_and(|copies| copies.len().is_power_of_two()));
        assert_eq!((&*second, &*third), (&*acme, &*acme));
        assert_eq!(second.holders(), 3, "it was handed out before there were copies");
    }
}
