//! What a test does to the tenants of a [`FaultyTms`], as an operator would.

use tenant_core::{Tenant, TenantStatus};

use super::records::{Records, new_incarnation, record_of};
use super::server::FaultyTms;

/// All that a [`FaultyTms`] knew of its tenants at a moment; see [`FaultyTms::backup`].
#[derive(Debug, Clone)]
pub struct Backup(Records);

/// Its tenants. Each change is one number of the feed, and told to every feed that is open.
///
/// A tenant is named by its id, its name or its incarnation.
impl FaultyTms {
    /// Registers an active tenant of this name, without own domains, in a new life.
    ///
    /// # Panics
    /// If no tenant can have this name.
    pub fn add(&self, name: &str) -> Tenant {
        let name = name.parse().expect("a name that a tenant can have");
        let tenant = Tenant::new(name, new_incarnation());
        self.put(tenant.clone());
        tenant
    }

    /// Registers a tenant, or puts its record in the place of the one with its id. What routing does not need, the install
    /// token (`install-token` at first), e-mail and labels, stays as it is.
    pub fn put(&self, tenant: Tenant) {
        self.shared().change(|state| {
            let known = state.records.find(tenant.id().as_str()).map(|kept| kept.record.clone());
            let mut record = known.unwrap_or_else(|| record_of(tenant.clone()));
            record.tenant = tenant;
            state.records.put(record);
        });
    }

    /// The tenant as it is now, if there is one.
    pub fn tenant(&self, tenant: &str) -> Option<Tenant> {
        self.shared().lock().records.find(tenant).map(|kept| kept.record.tenant.clone())
    }

    /// Changes a tenant's record.
    ///
    /// # Panics
    /// If there is no such tenant.
    pub fn edit(&self, tenant: &str, edit: impl FnOnce(&mut Tenant)) {
        let mut changed = self.tenant(tenant).unwrap_or_else(|| panic!("there is no tenant {tenant:?}"));
        edit(&mut changed);
        self.put(changed);
    }

    /// Suspends a tenant, whatever its status, with the reason that its visitors may be told.
    ///
    /// # Panics
    /// If there is no such tenant.
    pub fn suspend(&self, tenant: &str, public_reason: &str) {
        self.edit(tenant, |tenant| {
            tenant.status = TenantStatus::Suspended;
            tenant.public_reason = Some(public_reason.to_owned());
        });
    }

    /// Makes a tenant active, whatever its status.
    ///
    /// # Panics
    /// If there is no such tenant.
    pub fn resume(&self, tenant: &str) {
        self.edit(tenant, |tenant| (tenant.status, tenant.public_reason) = (TenantStatus::Active, None));
    }

    /// Takes a tenant's record out. The same name, added again, begins a new life.
    ///
    /// # Panics
    /// If there is no such tenant.
    pub fn remove(&self, tenant: &str) {
        let id = self.tenant(tenant).map(|tenant| tenant.id());
        let was_there = id.is_some_and(|id| self.shared().change(|state| state.records.remove(&id)));
        assert!(was_there, "there is no tenant {tenant:?}");
    }

    /// A backup of the database.
    pub fn backup(&self) -> Backup {
        Backup(self.shared().lock().records.clone())
    }

    /// Restores a backup of the database: its tenants, its changes and its head. Open feeds are cut. What is written from
    /// now on has the numbers of what was lost, but no cursor of before fits it.
    pub fn restore(&self, backup: &Backup) {
        self.replace(|_| backup.0.clone());
    }

    /// Moves the tenants to a database with another id, as a restore into a new one does. Open feeds are cut; no cursor of
    /// before fits.
    pub fn new_database(&self) {
        self.replace(Records::moved);
    }

    fn replace(&self, records: impl FnOnce(&Records) -> Records) {
        self.shared().change(|state| {
            state.records = records(&state.records);
            state.feed.cut();
        });
    }
}
