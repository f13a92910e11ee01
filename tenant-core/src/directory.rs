//! The two traits that everything meets at, and [`StaticDirectory`].

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;
use secrecy::SecretString;

use crate::fields::FieldError;
use crate::id::TenantId;
use crate::lookup::{Cached, Lookup, TenantRef};
use crate::name::TenantName;
use crate::rules::TenantKey;
use crate::shared::SharedTenant;
use crate::tenant::{Placement, Tenant, TenantRecord};

/// Answers a key with a tenant.
///
/// The middleware asks `cached` first, on every request, and awaits `find` on [`Cached::RefreshDue`] and
/// [`Cached::Miss`] alone. It checks itself that the key [names](TenantKey::names) the tenant, so a directory may look a
/// label up by its id.
pub trait TenantDirectory: Send + Sync + 'static {
    /// What is known at once: no runtime, no lock, no allocation, no I/O.
    fn cached(&self, key: &TenantKey<'_>) -> Cached;

    /// Finds the tenant, asking whoever keeps the records where that is needed.
    ///
    /// # Cancellation
    /// Dropping the future loses nothing: what others wait for goes on.
    fn find(&self, key: &TenantKey<'_>) -> impl Future<Output = Lookup> + Send;
}

impl<D: TenantDirectory> TenantDirectory for Arc<D> {
    fn cached(&self, key: &TenantKey<'_>) -> Cached {
        (**self).cached(key)
    }

    fn find(&self, key: &TenantKey<'_>) -> impl Future<Output = Lookup> + Send {
        (**self).find(key)
    }
}

/// A directory of tenants that are known from the start and never change.
#[derive(Debug, Clone, Default)]
pub struct StaticDirectory {
    by_id: HashMap<TenantId, Arc<SharedTenant>, RandomState>,
    by_domain: HashMap<String, Arc<SharedTenant>, RandomState>,
}

impl FromIterator<Tenant> for StaticDirectory {
    /// Of two tenants with the same id or own domain the later one counts.
    fn from_iter<I: IntoIterator<Item = Tenant>>(tenants: I) -> Self {
        let mut directory = Self::default();
        for tenant in tenants {
            let tenant = Arc::new(SharedTenant::new(tenant));
            directory.by_domain.extend(tenant.hosts.iter().map(|host| (host.clone(), Arc::clone(&tenant))));
            directory.by_id.insert(tenant.id(), tenant);
        }
        directory
    }
}

impl StaticDirectory {
    fn get(&self, key: &TenantKey<'_>) -> Option<TenantRef> {
        match key {
            TenantKey::Label { id, .. } => self.by_id.get(id),
            TenantKey::Domain(domain) => self.by_domain.get(*domain),
        }
        .map(|tenant| tenant.get())
    }
}

impl TenantDirectory for StaticDirectory {
    fn cached(&self, key: &TenantKey<'_>) -> Cached {
        self.get(key).map_or(Cached::Unknown, Cached::Known)
    }

    async fn find(&self, key: &TenantKey<'_>) -> Lookup {
        self.get(key).map_or(Lookup::Unknown, Lookup::Known)
    }
}

/// What a new tenant is registered with.
#[derive(Debug, Clone)]
pub struct NewTenant {
    /// What it is called.
    pub name: TenantName,
    /// Whom to write to.
    pub email: String,
    /// The secret that lets its holder finish the install; `None` or empty lets the registry make one.
    pub install_token: Option<SecretString>,
    /// Where its data will be.
    pub storage: Option<Placement>,
}

/// Why an operator or a rule suspends a tenant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SuspendReason {
    /// What the tenant's visitors may be told.
    pub public: Option<String>,
    /// What the operator alone may read.
    pub private: Option<String>,
}

/// Keeps the records of tenants: registers, activates, suspends.
pub trait TenantRegistry: Send + Sync {
    /// Registers a tenant as pending.
    ///
    /// A taken id is a [`RegistryErrorKind::Conflict`]; whether the tenant there is one's own, unfinished one is for the
    /// caller to read from its record.
    fn create(&self, new: &NewTenant) -> impl Future<Output = Result<TenantRecord, RegistryError>> + Send;

    /// The record, if there is one.
    fn get(&self, id: &TenantId) -> impl Future<Output = Result<Option<TenantRecord>, RegistryError>> + Send;

    /// Makes a pending tenant active; an active one stays so.
    fn activate(&self, id: &TenantId) -> impl Future<Output = Result<TenantRecord, RegistryError>> + Send;

    /// Stops an active tenant from being served; its data stays.
    fn suspend(
        &self,
        id: &TenantId,
        reason: &SuspendReason,
    ) -> impl Future<Output = Result<TenantRecord, RegistryError>> + Send;

    /// Ends a suspension.
    fn resume(&self, id: &TenantId) -> impl Future<Output = Result<TenantRecord, RegistryError>> + Send;
}

/// Why a registry did not do what it was asked.
#[derive(Debug)]
pub struct RegistryError {
    kind: RegistryErrorKind,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// The kinds of [`RegistryError`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistryErrorKind {
    /// The id, or something else that must be unique, is taken; or the tenant's status forbids it.
    Conflict,
    /// The registry does not take this value.
    Invalid(Vec<FieldError>),
    /// The key does not allow it.
    Forbidden,
    /// There is no such tenant.
    NotFound,
    /// The registry could not be asked; the outcome is unknown, and asking again is safe.
    Unavailable {
        /// When asking again may help.
        retry_after: Duration,
    },
    /// The registry answered something that is no answer.
    Protocol,
}

impl RegistryError {
    /// An error with a message in lower case and without a full stop.
    pub fn new(kind: RegistryErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// Keeps what caused it.
    #[must_use]
    pub fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// What sort of failure it is.
    pub fn kind(&self) -> &RegistryErrorKind {
        &self.kind
    }

    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self.kind, RegistryErrorKind::Unavailable { .. })
    }
}

impl fmt::Display for RegistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for RegistryError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
