//! The steps of a tenant's install, each of them idempotent: the same call resumes what a crash cut short.
//!
//! This is the one file of the program that works on tenants which are not active yet, and so the only one that may
//! name [`storage::lifecycle`].

use std::fmt;
use std::sync::Arc;

use customer_data::user::{self, Email};
use customer_data::{DataError, Passwords};
use secrecy::{ExposeSecret, SecretString};
pub(crate) use storage::lifecycle::Created;
use storage::{NamespacedStore, Store, lifecycle};
use tenant_core::{
    Clock, Context, Incarnation, NewTenant, Placement, RegistryError, RegistryErrorKind, Standing, Tenant,
    TenantId, TenantName, TenantRecord, TenantRegistry, TenantStatus,
};
use tms_client::{TmsClient, TmsDirectory};
use tokio::sync::Mutex;
use tracing::info;

use crate::error::ApiError;

/// A step of an install that is done and on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstallStep {
    /// The tenant is registered as pending.
    Registered,
    /// Its staging and production storage exists.
    StoragePrepared,
    /// Its admin can log in as soon as it is active.
    AdminCreated,
    /// It is active; the answer has not left yet.
    Activated,
}

/// Is told of each step of each install, and may take its time. For tests that stop a process at a step.
pub type InstallObserver = Arc<dyn Fn(InstallStep, &TenantId) + Send + Sync>;

/// Installs tenants.
pub(crate) struct Installer {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) passwords: Passwords,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) observer: Option<InstallObserver>,
    pub(crate) authority: Authority,
    /// Installs take turns: of two for one tenant, the second finds it active and changes nothing.
    pub(crate) turn: Mutex<()>,
}

/// Who says which tenants there are.
pub(crate) enum Authority {
    /// The management service; the client has the process's own key.
    Tms { client: TmsClient, directory: TmsDirectory, placement: Option<Placement> },
    /// Nobody: there is one tenant, opened by the process's own token.
    Fixed { token: Option<SecretString> },
}

/// What an install is asked for, beside the key.
pub(crate) struct InstallRequest {
    pub(crate) name: TenantName,
    pub(crate) email: Email,
    pub(crate) password: SecretString,
    pub(crate) needs_admin: bool,
}

/// The first admin of a tenant.
pub(crate) struct Admin {
    pub(crate) email: Email,
    pub(crate) password: SecretString,
}

/// What becomes of an admin who is there already.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Existing {
    /// Nothing: an install token makes the first admin, and takes over nobody's account.
    Stays,
    /// An operator's call that resumes sets the password.
    GetsThePassword,
}

/// What an install did.
pub(crate) struct Installed {
    pub(crate) tenant: Tenant,
    /// Staging and production.
    pub(crate) created: [Created; 2],
}

impl Installer {
    /// Whether `/tenant/install` exists here.
    pub(crate) fn is_multi_tenant(&self) -> bool {
        matches!(self.authority, Authority::Tms { .. })
    }

    /// Proves an operator's key at the management service. The key is sent as a header, never as part of a path.
    pub(crate) async fn operator(&self, key: SecretString) -> Result<Operator<'_>, ApiError> {
        let Authority::Tms { client, .. } = &self.authority else { return Err(not_multi_tenant()) };
        let tms = client.with_key(key);
        tms.authorize().await.map_err(RegistryError::from)?;
        Ok(Operator { installer: self, tms })
    }

    /// Finishes the install of a tenant for whoever holds its install token (contract 4). An active tenant stays as it
    /// is, and gets an admin only if it has none.
    pub(crate) async fn with_token(
        &self,
        tenant: &Tenant,
        token: &SecretString,
        admin: Option<Admin>,
    ) -> Result<Installed, ApiError> {
        let refused = || ApiError::forbidden("Installation forbidden. Invalid installation token.");
        match &self.authority {
            Authority::Fixed { token: expected } => {
                if expected.as_ref().is_some_and(|expected| !same(expected, token)) {
                    return Err(refused());
                }
                let _turn = self.turn.lock().await;
                let created =
                    self.prepare(tenant.id(), tenant.incarnation, admin.as_ref(), Existing::Stays).await?;
                Ok(Installed { tenant: tenant.clone(), created })
            }
            Authority::Tms { client, directory, .. } => {
                if !client.verify_token(&tenant.id(), token).await.map_err(RegistryError::from)? {
                    return Err(refused());
                }
                let _turn = self.turn.lock().await;
                if tenant.status == TenantStatus::Active {
                    return self.complete_active(tenant, admin).await;
                }
                let created =
                    self.prepare(tenant.id(), tenant.incarnation, admin.as_ref(), Existing::Stays).await?;
                let tenant =
                    client.activate_with_token(&tenant.id(), token).await.map_err(RegistryError::from)?;
                directory.invalidate(&tenant.id());
                self.done(InstallStep::Activated, &tenant.id());
                Ok(Installed { tenant, created })
            }
        }
    }

    async fn complete_active(&self, tenant: &Tenant, admin: Option<Admin>) -> Result<Installed, ApiError> {
        let people = self.people_of_active(tenant)?;
        if let Some(admin) = admin
            && !user::has_admin(&people).await?
        {
            user::ensure_admin(&people, &self.passwords, &admin.email, admin.password.expose_secret())
                .await?;
        }
        Ok(Installed { tenant: tenant.clone(), created: Default::default() })
    }

    /// Storage, then the admin: everything between registering and activating.
    async fn prepare(
        &self,
        id: TenantId,
        incarnation: Incarnation,
        admin: Option<&Admin>,
        existing: Existing,
    ) -> Result<[Created; 2], ApiError> {
        let handle = lifecycle::install(&self.store, &id, incarnation).await?;
        self.done(InstallStep::StoragePrepared, &id);
        if let Some(Admin { email, password }) = admin {
            let people = handle.data(Context::Staging);
            if existing == Existing::GetsThePassword || !user::has_admin(&people).await? {
                user::ensure_admin(&people, &self.passwords, email, password.expose_secret()).await?;
            }
            self.done(InstallStep::AdminCreated, &id);
        }
        Ok(Context::ALL.map(|context| handle.created(context).clone()))
    }

    fn people_of_active(&self, tenant: &Tenant) -> Result<NamespacedStore, ApiError> {
        let active = tenant.admit(self.clock.wall()).map_err(|standing| not_installable(&standing))?;
        Ok(NamespacedStore::new(Arc::clone(&self.store), &active, Context::Staging))
    }

    fn done(&self, step: InstallStep, id: &TenantId) {
        info!(tenant.id = %id, step = ?step, "install of tenant {id}");
        if let Some(observer) = &self.observer {
            observer(step, id);
        }
    }
}

/// An installer in the hands of somebody with an operator's key.
pub(crate) struct Operator<'a> {
    installer: &'a Installer,
    tms: TmsClient,
}

impl Operator<'_> {
    /// Registers a tenant, prepares its storage, creates its admin and activates it; or goes on where an earlier call of
    /// the same name and e-mail stopped.
    pub(crate) async fn install(&self, request: InstallRequest) -> Result<Installed, ApiError> {
        let _turn = self.installer.turn.lock().await;
        let record = self.register(&request).await?;
        match record.tenant.status {
            TenantStatus::Pending => self.finish(record.tenant, request).await,
            TenantStatus::Active => self.confirm(record.tenant, &request).await,
            TenantStatus::Suspended | TenantStatus::Deleting => {
                Err(not_installable(&record.tenant.standing(self.installer.clock.wall())))
            }
        }
    }

    /// The record of this request's tenant: a new one, or the one that an earlier call made.
    async fn register(&self, request: &InstallRequest) -> Result<TenantRecord, ApiError> {
        let Authority::Tms { placement, .. } = &self.installer.authority else {
            return Err(not_multi_tenant());
        };
        let new = NewTenant {
            name: request.name,
            email: request.email.to_string(),
            install_token: None,
            storage: *placement,
        };
        match self.tms.create(&new).await {
            Ok(record) => {
                self.installer.done(InstallStep::Registered, &request.name.id());
                Ok(record)
            }
            Err(failure) if *failure.kind() == RegistryErrorKind::Conflict => self.own(request).await,
            Err(failure) => Err(failure.into()),
        }
    }

    /// The taken id's record, if it is this request's tenant.
    async fn own(&self, request: &InstallRequest) -> Result<TenantRecord, ApiError> {
        let record = self.tms.get(&request.name.id()).await?;
        let own = record.filter(|record| {
            record.tenant.name == request.name && record.email.eq_ignore_ascii_case(request.email.as_str())
        });
        own.ok_or_else(|| ApiError::conflict(format!("The name `{}` is taken.", request.name)))
    }

    async fn finish(&self, tenant: Tenant, request: InstallRequest) -> Result<Installed, ApiError> {
        let InstallRequest { email, password, needs_admin, .. } = request;
        let admin = needs_admin.then_some(Admin { email, password });
        let admin = admin.as_ref();
        let created =
            self.installer.prepare(tenant.id(), tenant.incarnation, admin, Existing::GetsThePassword).await?;
        let active = self.tms.activate(&tenant.id()).await?.tenant;
        if let Authority::Tms { directory, .. } = &self.installer.authority {
            directory.invalidate(&active.id());
        }
        self.installer.done(InstallStep::Activated, &active.id());
        Ok(Installed { tenant: active, created })
    }

    /// An active tenant is installed already: whoever knows the admin's password is told so, and nothing is changed.
    async fn confirm(&self, tenant: Tenant, request: &InstallRequest) -> Result<Installed, ApiError> {
        let people = self.installer.people_of_active(&tenant)?;
        if request.needs_admin {
            let now = self.installer.clock.wall();
            let (address, password) = (request.email.as_str(), request.password.expose_secret());
            match user::log_in(&people, &self.installer.passwords, address, password, now).await {
                Err(DataError::Login(_)) => {
                    let text = format!("The tenant `{}` is installed, with another password.", tenant.name);
                    return Err(ApiError::conflict(text));
                }
                other => other?,
            };
        }
        Ok(Installed { tenant, created: Default::default() })
    }
}

fn same(expected: &SecretString, given: &SecretString) -> bool {
    use subtle::ConstantTimeEq;
    expected.expose_secret().as_bytes().ct_eq(given.expose_secret().as_bytes()).into()
}

fn not_multi_tenant() -> ApiError {
    ApiError::new(axum::http::StatusCode::NOT_FOUND, "not_found", "Not Found")
}

fn not_installable(standing: &Standing<'_>) -> ApiError {
    ApiError::conflict(match standing {
        Standing::Suspended { public_reason: Some(reason) } => format!("The tenant is suspended: {reason}"),
        Standing::Suspended { public_reason: None } => "The tenant is suspended.".to_owned(),
        Standing::Expired => "The tenant has expired.".to_owned(),
        Standing::Deleting => "The tenant is being deleted.".to_owned(),
        Standing::Pending => "The tenant's install has not finished.".to_owned(),
        Standing::Active => "The tenant is active.".to_owned(),
    })
}

impl fmt::Debug for Installer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Installer").field("multi_tenant", &self.is_multi_tenant()).finish_non_exhaustive()
    }
}
