//! What surrounds the layer in every stack: it marks requests as the setup says, and has each of them explained first.

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use http::{Extensions, Request};
use tenant_core::{HostRules, Incarnation, StaticDirectory, Tenant};
use tenant_router::{CurrentTenant, Explanation, PeerAddr, ServedCertificate, TenantLayer};
use tower::{Layer, Service};

use crate::table::Setup;

/// A host of the greatest length, 253 characters, with labels of the greatest length, 63.
pub(crate) const LONGEST: &str = concat!(
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.",
    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.",
    "ccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc.",
    "ddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
);

/// The own domains of `acme`, which is also `acme.base.example`.
const OWN: &[&str] = &[
    "shop.example",
    "localhost",
    "3com.example",
    "123.example",
    "1.2.3.4.example",
    "a--b.example",
    "xn--bcher-kva.example",
    LONGEST,
];

/// The layer of a setup.
pub(crate) fn layer(setup: Setup) -> TenantLayer<StaticDirectory> {
    let mut acme = Tenant::new("acme".parse().unwrap(), Incarnation::fixed("acme"));
    acme.hosts = OWN.iter().map(ToString::to_string).collect();
    let company_x = Tenant::new("company-x".parse().unwrap(), Incarnation::fixed("company-x"));
    let rules = HostRules::base_domains(["base.example".parse().unwrap()]);
    let layer = TenantLayer::new(rules, StaticDirectory::from_iter([acme, company_x]));
    let trusted: &[&str] = match setup {
        Setup::Proxy | Setup::CertificateToProxy => &["127.0.0.0/8", "10.0.0.0/8", "fd00::/8"],
        Setup::Elsewhere | Setup::MappedProxy => &["10.0.0.0/8"],
        _ => &[],
    };
    let checks = !matches!(
        setup,
        Setup::Direct | Setup::Proxy | Setup::Elsewhere | Setup::MappedProxy | Setup::CertificateUnchecked
    );
    layer.trusted_proxies(trusted.iter().map(|net| net.parse().unwrap())).check_certificate(checks)
}

/// What a server of this setup tells of its connections, beside the real peer.
fn mark(setup: Setup, extensions: &mut Extensions) {
    match setup {
        Setup::Certificate | Setup::CertificateToProxy | Setup::CertificateUnchecked => {
            extensions.insert(ServedCertificate::new(["*.base.example", "base.example"]));
        }
        Setup::OtherCertificate => {
            extensions.insert(ServedCertificate::new(["shop.example"]));
        }
        Setup::MappedProxy => {
            extensions.insert(PeerAddr("[::ffff:10.0.0.1]:4711".parse().unwrap()));
        }
        Setup::Direct | Setup::Proxy | Setup::Elsewhere | Setup::NoCertificate => {}
    }
}

/// What the handler says: `id@host`.
pub(crate) fn describe(extensions: &Extensions) -> String {
    let current = extensions.get::<CurrentTenant>().expect("an admitted request has a tenant");
    describe_tenant(current)
}

pub(crate) fn describe_tenant(current: &CurrentTenant) -> String {
    format!("{}@{}", current.tenant().id(), current.host().map_or("-", |host| host.as_str()))
}

/// Outermost in every stack; the explanation of the last request is kept.
#[derive(Clone)]
pub(crate) struct Watch {
    setup: Setup,
    layer: TenantLayer<StaticDirectory>,
    explained: Arc<Mutex<Option<Explanation>>>,
}

impl Watch {
    pub(crate) fn new(setup: Setup) -> Self {
        Self { setup, layer: layer(setup), explained: Arc::default() }
    }

    /// The explanation of the last request, if one came as far as the layer since the last time.
    pub(crate) fn take(&self) -> Option<Explanation> {
        self.explained.lock().unwrap().take()
    }
}

impl<S> Layer<S> for Watch {
    type Service = Watched<S>;

    fn layer(&self, inner: S) -> Watched<S> {
        Watched { inner, watch: self.clone() }
    }
}

#[derive(Clone)]
pub(crate) struct Watched<S> {
    inner: S,
    watch: Watch,
}

impl<S, B> Service<Request<B>> for Watched<S>
where
    S: Service<Request<B>, Future: Send> + Clone + Send + 'static,
    B: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let clone = self.inner.clone();
        let mut ready = std::mem::replace(&mut self.inner, clone);
        let watch = self.watch.clone();
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            mark(watch.setup, &mut parts.extensions);
            let explanation = watch.layer.explain(&parts).await;
            *watch.explained.lock().unwrap() = Some(explanation);
            ready.call(Request::from_parts(parts, body)).await
        })
    }
}
