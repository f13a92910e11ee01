//! [`AppState`]: what handlers share. The store in it can be opened for an active tenant, and in no other way.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName};
use customer_data::{Collector, Passwords};
use storage::{NamespacedStore, Store};
use tenant_core::{ActiveTenant, Clock, Context};

use crate::install::Installer;

/// What handlers share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct AppState {
    shared: Arc<Shared>,
    listener: Listener,
}

/// Which listener a request came in by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listener {
    /// The collector: always production.
    Public,
    /// Everything: the request chooses its context, unless the process is pinned.
    Private,
}

struct Shared {
    /// Private to this file: see [`AppState::store`].
    store: Arc<dyn Store>,
    collector: Collector,
    passwords: Passwords,
    installer: Installer,
    clock: Arc<dyn Clock>,
    settings: Settings,
}

/// The settings that handlers look at.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// `MULTI_TENANT`
    pub(crate) multi_tenant: bool,
    /// `PRODUCTION`
    pub(crate) production: bool,
    /// `EXPOSE_GUI_API`
    pub(crate) expose_gui_api: bool,
    /// `USE_X_FORWARDED_IP`
    pub(crate) client_ip_header: Option<HeaderName>,
    /// `PUBLIC_URL`
    pub(crate) public_url: Option<PublicUrl>,
}

/// Where a tenant is found from outside: a URL with `{name}` in it, and `{port}` where the private listener's is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl(String);

impl PublicUrl {
    /// A pattern such as `https://{name}.your-domain.com`.
    pub fn new(pattern: impl Into<String>) -> Self {
        Self(pattern.into())
    }

    /// The same with the private listener's port filled in.
    pub(crate) fn with_port(&self, port: u16) -> Self {
        Self(self.0.replace("{port}", &port.to_string()))
    }

    /// The URL of the tenant of this name.
    pub fn of(&self, name: &str) -> String {
        self.0.replace("{name}", name)
    }
}

impl AppState {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        installer: Installer,
        passwords: Passwords,
        clock: Arc<dyn Clock>,
        settings: Settings,
    ) -> Self {
        let shared = Shared { store, collector: Collector::default(), passwords, installer, clock, settings };
        Self { shared: Arc::new(shared), listener: Listener::Private }
    }

    /// The same state behind the other listener.
    pub(crate) fn behind(&self, listener: Listener) -> Self {
        Self { shared: Arc::clone(&self.shared), listener }
    }

    /// An active tenant's documents. There is no other way from a handler to any document.
    pub(crate) fn store(&self, tenant: &ActiveTenant, context: Context) -> NamespacedStore {
        NamespacedStore::new(Arc::clone(&self.shared.store), tenant, context)
    }

    /// Where an active tenant's users and logins are, whatever context a request works on.
    pub(crate) fn people(&self, tenant: &ActiveTenant) -> NamespacedStore {
        self.store(tenant, Context::Staging)
    }

    /// The context that a request works on.
    pub(crate) fn context(&self, headers: &HeaderMap) -> Context {
        if self.listener == Listener::Public || self.settings().production {
            return Context::Production;
        }
        headers
            .get("x-context")
            .and_then(|value| Context::parse(value.as_bytes()))
            .unwrap_or(Context::Staging)
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    pub(crate) fn collector(&self) -> &Collector {
        &self.shared.collector
    }

    pub(crate) fn passwords(&self) -> &Passwords {
        &self.shared.passwords
    }

    pub(crate) fn installer(&self) -> &Installer {
        &self.shared.installer
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.shared.clock
    }
}
