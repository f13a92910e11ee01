//! [`TenantLayer`]: the options, and the one way to make a [`TenantService`].

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use http::header::HeaderName;
use http::request::Parts;
use ipnet::IpNet;
use tenant_core::{Clock, Host, HostRules, SystemClock, TenantDirectory};
use tower_layer::Layer;

use crate::admission::Admission;
use crate::current::CurrentTenant;
use crate::proxy::TrustedProxies;
use crate::reject::Rejection;
use crate::resolve::{Origin, Resolver};
use crate::service::TenantService;

/// Finds the tenant of each request, and answers those that have none. See the [crate] for what it does.
///
/// Cheap to clone: all clones share one directory. An option that is set on a clone is that clone's alone.
#[derive(Debug)]
pub struct TenantLayer<D> {
    pub(crate) shared: Arc<Shared<D>>,
}

/// What the layer and all its services share.
#[derive(Debug)]
pub(crate) struct Shared<D> {
    pub(crate) resolver: Resolver<D>,
    pub(crate) admission: Admission,
}

// By hand: the directory need not be `Clone`.
impl<D> Clone for TenantLayer<D> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<D> Clone for Shared<D> {
    fn clone(&self) -> Self {
        Self { resolver: self.resolver.clone(), admission: self.admission.clone() }
    }
}

impl<D: TenantDirectory> TenantLayer<D> {
    /// A layer that trusts no proxy and no tenant header, exempts nothing, and reads the system's clock.
    pub fn new(rules: HostRules, directory: D) -> Self {
        let resolver = Resolver {
            rules,
            directory: Arc::new(directory),
            proxies: TrustedProxies::default(),
            tenant_header: None,
            check_certificate: false,
            clock: Arc::new(SystemClock::default()),
        };
        Self { shared: Arc::new(Shared { resolver, admission: Admission::default() }) }
    }

    /// The networks of proxies whose `Forwarded` (RFC 7239) and `X-Forwarded-Host` headers count; default none.
    ///
    /// The server must tell the peer's address: by [`PeerAddr`](crate::PeerAddr), or with the feature `axum` by
    /// `ConnectInfo<SocketAddr>`. Of several forwarded hosts the one that the nearest proxy wrote counts. A trusted proxy
    /// must set or remove both headers: what it passes through unread counts as its own word.
    #[must_use]
    pub fn trusted_proxies(mut self, nets: impl IntoIterator<Item = IpNet>) -> Self {
        self.shared_mut().resolver.proxies = nets.into_iter().collect();
        self
    }

    /// A header that names the tenant (its name or bare id) in place of the host; default none.
    ///
    /// Where a request has it, it alone decides and the host is not read. Any client can send it, so enable it only
    /// behind something that sets or removes it.
    #[must_use]
    pub fn tenant_header(mut self, name: Option<HeaderName>) -> Self {
        self.shared_mut().resolver.tenant_header = name;
        self
    }

    /// Whether a request is refused with 421 where the connection's certificate is not for its host; default no.
    ///
    /// RFC 9110 section 7.4 wants that of a server that terminates TLS. The server tells by [`ServedCertificate`] in the
    /// request's extensions what it showed to the client; a request without one is not checked. Browsers use one
    /// connection for all hosts that its certificate covers, so another tenant under the same wildcard is as it should be.
    ///
    /// Requests of [trusted proxies](TenantLayer::trusted_proxies) are not checked, as that section allows: which host the
    /// client asked for, and by which certificate, was settled at the proxy. Nor is the host looked at where it does not
    /// name the tenant: with the [tenant header](TenantLayer::tenant_header), and with [`HostRules::fixed`].
    ///
    /// [`ServedCertificate`]: crate::ServedCertificate
    #[must_use]
    pub fn check_certificate(mut self, check: bool) -> Self {
        self.shared_mut().resolver.check_certificate = check;
        self
    }

    /// The clock that tells whether a tenant has expired.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.shared_mut().resolver.clock = clock;
        self
    }

    /// Requests that reach the inner service whatever was found out; default none.
    ///
    /// They get a [`Resolution`](crate::Resolution) in their extensions, and a
    /// [`CurrentTenant`](crate::CurrentTenant) as well where there is one. They wait for the directory like any other.
    #[must_use]
    pub fn exempt(mut self, is_exempt: impl Fn(&Parts) -> bool + Send + Sync + 'static) -> Self {
        self.shared_mut().admission.exempt = Some(Arc::new(is_exempt));
        self
    }

    /// Renders refusals; where it answers `None`, the layer's own answer is sent.
    ///
    /// The answer is sent as it is; [`Rejection::response`] gives the layer's own to start from.
    #[must_use]
    pub fn on_reject(
        mut self,
        render: impl Fn(&Rejection, &Parts) -> Option<Response<Bytes>> + Send + Sync + 'static,
    ) -> Self {
        self.shared_mut().admission.on_reject = Some(Arc::new(render));
        self
    }

    /// Whose host this is, without a request: as the layer finds it, waiting for the directory where it must.
    ///
    /// Neither proxies nor certificates nor the tenant header come into it.
    ///
    /// # Errors
    /// The refusal that a request for the host would meet.
    ///
    /// # Cancellation
    /// Dropping the future loses nothing.
    pub async fn find(&self, host: &Host) -> Result<CurrentTenant, Rejection> {
        let resolver = &self.shared.resolver;
        let origin =
            if resolver.rules.fixed_key().is_some() { Origin::Fixed } else { Origin::Host(host.clone()) };
        resolver.ask(&origin).await
    }

    fn shared_mut(&mut self) -> &mut Shared<D> {
        Arc::make_mut(&mut self.shared)
    }
}

impl<S, D> Layer<S> for TenantLayer<D> {
    type Service = TenantService<S, D>;

    fn layer(&self, inner: S) -> TenantService<S, D> {
        TenantService { inner, shared: Arc::clone(&self.shared) }
    }
}
