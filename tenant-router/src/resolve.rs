//! Request to tenant: at once where the directory knows, else by asking it.

use std::sync::Arc;

use http::header::HeaderName;
use http::request::Parts;
use tenant_core::{
    Cached, Clock, Host, HostKeys, HostRefused, HostRules, LabelText, Lookup, Standing, TenantDirectory,
    TenantId, TenantKey, TenantName, TenantNameError, TenantRef,
};

use crate::authority::host_of;
use crate::bad_host::BadHost;
use crate::certificate;
use crate::current::{CurrentTenant, Resolved};
use crate::head::Head;
use crate::observe::{Nobody, Observer};
use crate::own::only_place;
use crate::proxy::TrustedProxies;
use crate::reject::{Rejection, RejectionKind};

/// What it takes to resolve a request.
#[derive(Debug)]
pub(crate) struct Resolver<D> {
    pub(crate) rules: HostRules,
    pub(crate) directory: Arc<D>,
    pub(crate) proxies: TrustedProxies,
    pub(crate) tenant_header: Option<HeaderName>,
    pub(crate) check_certificate: bool,
    pub(crate) clock: Arc<dyn Clock>,
}

impl<D> Clone for Resolver<D> {
    fn clone(&self) -> Self {
        self.with_directory(Arc::clone(&self.directory))
    }
}

impl<D> Resolver<D> {
    /// The same, asking another directory.
    pub(crate) fn with_directory<E>(&self, directory: Arc<E>) -> Resolver<E> {
        Resolver {
            rules: self.rules.clone(),
            directory,
            proxies: self.proxies.clone(),
            tenant_header: self.tenant_header.clone(),
            check_certificate: self.check_certificate,
            clock: Arc::clone(&self.clock),
        }
    }
}

/// What names the tenant.
#[derive(Debug, Clone)]
pub(crate) enum Origin {
    /// The rules: there is only one.
    Fixed,
    /// The tenant header.
    Header(TenantName),
    /// The host.
    Host(Host),
}

impl Origin {
    fn host(&self) -> Option<Host> {
        match self {
            Self::Host(host) => Some(host.clone()),
            Self::Fixed | Self::Header(_) => None,
        }
    }
}

/// What can be said of a request without waiting.
pub(crate) enum AtOnce {
    /// Everything.
    Settled(Resolved),
    /// Whom to ask the directory for.
    Ask(Box<Origin>),
}

impl<D: TenantDirectory> Resolver<D> {
    /// Resolves a request from what the directory holds in memory, the way that nearly every request takes: one authority, and
    /// a label under a base domain. `None` says nothing of the request: [`Resolver::at_once`] has to tell.
    #[inline]
    pub(crate) fn straight(&self, head: Head<'_>) -> Option<AtOnce> {
        let mut text = LabelText::default();
        let found = self.rules.subdomain(self.only_authority(head)?, &mut text);
        // It stays where it is: moving it costs as much as reading it did.
        let subdomain = found.as_ref()?;
        Some(match self.remembered([subdomain.key()], || Some(subdomain.host())) {
            Some(resolved) => AtOnce::Settled(resolved),
            None => AtOnce::Ask(Box::new(Origin::Host(subdomain.host()))),
        })
    }

    /// The one thing that names the tenant, where there is no other.
    fn only_authority<'a>(&self, head: Head<'a>) -> Option<&'a [u8]> {
        let has_header = |header| head.headers.contains_key(header);
        if self.tenant_header.as_ref().is_some_and(has_header)
            || self.check_certificate
            || self.proxies.sent(head.extensions, &mut Nobody)
        {
            return None;
        }
        only_place(head)
    }

    /// Resolves any request from what the directory holds in memory, if that is enough.
    pub(crate) fn at_once(&self, parts: &Parts) -> AtOnce {
        let origin = match self.origin(parts, &mut Nobody) {
            Ok(origin) => origin,
            Err(rejection) => return AtOnce::Settled(Err(rejection)),
        };
        match self.keys(&origin).map(|keys| self.remembered(in_order(&keys), || origin.host())) {
            Ok(Some(resolved)) => AtOnce::Settled(resolved),
            Ok(None) => AtOnce::Ask(Box::new(origin)),
            Err(rejection) => AtOnce::Settled(Err(rejection)),
        }
    }

    fn remembered<'k>(
        &self,
        keys: impl IntoIterator<Item = &'k TenantKey<'k>, IntoIter: Clone>,
        host: impl Fn() -> Option<Host>,
    ) -> Option<Resolved> {
        let keys = keys.into_iter();
        for key in keys.clone() {
            match self.directory.cached(key) {
                Cached::Known(tenant) if key.names(&tenant) => return Some(self.admit(tenant, host())),
                Cached::Known(_) | Cached::Unknown => {}
                Cached::RefreshDue(_) | Cached::Miss => return None,
            }
        }
        Some(Err(unknown(keys, host())))
    }

    /// Resolves what [`Resolver::at_once`] could not, asking the directory for what it does not hold.
    pub(crate) async fn ask(&self, origin: &Origin) -> Resolved {
        let keys = self.keys(origin)?;
        for key in in_order(&keys) {
            match self.look_up(key).await {
                Lookup::Known(tenant) if key.names(&tenant) => return self.admit(tenant, origin.host()),
                Lookup::Known(_) | Lookup::Unknown => {}
                Lookup::Unavailable { retry_after } => {
                    let kind = RejectionKind::Unavailable { retry_after };
                    return Err(Rejection::new(kind).with_host(origin.host()).with_id(id_of(key)));
                }
            }
        }
        Err(unknown(in_order(&keys), origin.host()))
    }

    async fn look_up(&self, key: &TenantKey<'_>) -> Lookup {
        match self.directory.cached(key) {
            Cached::Known(tenant) => Lookup::Known(tenant),
            Cached::Unknown => Lookup::Unknown,
            Cached::RefreshDue(_) | Cached::Miss => self.directory.find(key).await,
        }
    }

    /// What names the tenant.
    pub(crate) fn origin(&self, parts: &Parts, observer: &mut impl Observer) -> Result<Origin, Rejection> {
        if self.rules.fixed_key().is_some() {
            return Ok(Origin::Fixed);
        }
        if let Some(header) = &self.tenant_header
            && parts.headers.contains_key(header)
        {
            return from_header(parts, header).map(Origin::Header);
        }
        let host = host_of(parts, &self.proxies, observer)
            .map_err(|why| Rejection::new(RejectionKind::BadHost(why)))?;
        if self.check_certificate && certificate::is_misdirected(parts, &host, &self.proxies, observer) {
            return Err(Rejection::new(RejectionKind::Misdirected).with_host(Some(host)));
        }
        Ok(Origin::Host(host))
    }

    fn keys<'a>(&'a self, origin: &'a Origin) -> Result<HostKeys<'a>, Rejection> {
        let only = |first| HostKeys { first, second: None };
        match origin {
            Origin::Fixed => {
                let key = self.rules.fixed_key().expect("the origin was made of the same rules");
                Ok(only(key))
            }
            Origin::Header(name) => Ok(only(TenantKey::name(name))),
            Origin::Host(host) => self.rules.keys(host).map_err(|refused| {
                let kind = match refused {
                    HostRefused::BareBase => RejectionKind::BareBaseDomain,
                    HostRefused::Foreign => RejectionKind::Foreign,
                    HostRefused::NotATenant { stripped } => RejectionKind::Unknown { id: stripped },
                };
                Rejection::new(kind).with_host(origin.host())
            }),
        }
    }

    fn admit(&self, tenant: TenantRef, host: Option<Host>) -> Resolved {
        let kind = match tenant.admit(self.clock.coarse_wall()) {
            Ok(active) => return Ok(CurrentTenant::new(tenant, active, host)),
            Err(Standing::Pending) => RejectionKind::Pending,
            Err(Standing::Suspended { public_reason }) => {
                RejectionKind::Suspended { public_reason: public_reason.map(str::to_owned) }
            }
            Err(Standing::Expired) => RejectionKind::Expired,
            // `admit` never refuses an active tenant; were it to, the tenant must not be served.
            Err(Standing::Deleting | Standing::Active) => RejectionKind::Deleting,
        };
        Err(Rejection::new(kind).with_host(host).with_tenant(tenant))
    }
}

/// The one label of the tenant header. A label that cannot be a tenant's name is a tenant that does not exist.
fn from_header(parts: &Parts, header: &HeaderName) -> Result<TenantName, Rejection> {
    let malformed = || Rejection::new(RejectionKind::BadHost(BadHost::TenantHeader));
    let mut values = parts.headers.get_all(header).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Err(malformed()) };
    let label = value.to_str().map_err(|_| malformed())?;
    TenantName::parse(label).map_err(|why| match why {
        TenantNameError::NotALabel => malformed(),
        TenantNameError::ReservedHyphens | TenantNameError::Id(_) => {
            let id = label.chars().filter(char::is_ascii_alphanumeric).collect::<String>();
            Rejection::new(RejectionKind::Unknown { id: id.to_ascii_lowercase() })
        }
    })
}

fn in_order<'k>(keys: &'k HostKeys<'k>) -> impl Iterator<Item = &'k TenantKey<'k>> + Clone {
    [Some(&keys.first), keys.second.as_ref()].into_iter().flatten()
}

fn id_of(key: &TenantKey<'_>) -> Option<TenantId> {
    match key {
        TenantKey::Label { id, .. } => Some(*id),
        TenantKey::Domain(_) => None,
    }
}

/// A label that nobody has is an unknown tenant; a domain that nobody has is no tenant's at all.
fn unknown<'k>(mut keys: impl Iterator<Item = &'k TenantKey<'k>>, host: Option<Host>) -> Rejection {
    let id = keys.find_map(id_of);
    let kind = id.map_or(RejectionKind::Foreign, |id| RejectionKind::Unknown { id: id.as_str().to_owned() });
    Rejection::new(kind).with_host(host).with_id(id)
}
