//! Middleware that finds the tenant of a request by its host, for any tower or hyper stack.
//!
//! [`TenantLayer`] reads the host, turns it into a key by the rules of [`HostRules`](tenant_core::HostRules), asks a
//! [`TenantDirectory`](tenant_core::TenantDirectory), and hands the request on with a [`CurrentTenant`] in its
//! extensions, or answers it. No handler runs on a refusal.
//!
//! # Ten lines for each stack
//!
//! Each start takes the rules and a directory of tenants. This one never changes; `TmsDirectory` of `tenantry-tms-client`
//! follows a management service, and a table of your own is a [`TenantDirectory`](tenant_core::TenantDirectory) in under 80
//! lines (`examples/src/bin/own-directory.rs` in the repository).
//!
//! ```
//! use tenant_core::{HostRules, Incarnation, StaticDirectory, Tenant};
//!
//! let rules = HostRules::base_domains(["your-domain.com".parse()?]); // acme.your-domain.com is the tenant acme
//! let tenants = StaticDirectory::from_iter([Tenant::new("acme".parse()?, Incarnation::fixed("acme"))]);
//! # tenant_router::TenantLayer::new(rules, tenants);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **axum** (feature `axum`): the layer goes around the router, and the handler takes the tenant.
//!
//! ```
//! # #[cfg(feature = "axum")]
//! # async fn start(rules: tenant_core::HostRules, tenants: tenant_core::StaticDirectory) -> std::io::Result<()> {
//! use axum::{Router, routing::get};
//! use tenant_router::{CurrentTenant, TenantLayer};
//!
//! async fn hello(current: CurrentTenant) -> String {
//!     format!("hello, {}\n", current.tenant().name)
//! }
//!
//! let app = Router::new().route("/", get(hello)).layer(TenantLayer::new(rules, tenants));
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//! axum::serve(listener, app).await
//! # }
//! ```
//!
//! **hyper** 1, HTTP/1 and HTTP/2: the layer goes around a tower service, once, and each connection gets a clone.
//!
//! ```
//! # use std::convert::Infallible;
//! # use http::{Request, Response};
//! # use hyper::body::Incoming;
//! # use http_body_util::Full;
//! # use tower::{Layer, service_fn};
//! # async fn hello(request: Request<Incoming>) -> Result<Response<Full<bytes::Bytes>>, Infallible> {
//! #     let current = request.extensions().get::<tenant_router::CurrentTenant>().expect("the layer put it there");
//! #     Ok(Response::new(format!("hello, {}\n", current.tenant().name).into()))
//! # }
//! # async fn start(rules: tenant_core::HostRules, tenants: tenant_core::StaticDirectory) -> std::io::Result<()> {
//! use hyper_util::rt::{TokioExecutor, TokioIo};
//! use hyper_util::{server::conn::auto, service::TowerToHyperService};
//!
//! let service = tenant_router::TenantLayer::new(rules, tenants).layer(service_fn(hello));
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//! loop {
//!     let (stream, _) = listener.accept().await?;
//!     let service = TowerToHyperService::new(service.clone());
//!     tokio::spawn(async move {
//!         auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await
//!     });
//! }
//! # }
//! ```
//!
//! **tonic**: the layer goes around the server, and the handler reads `request.extensions().get::<CurrentTenant>()`. A client
//! sets its authority with `Endpoint::origin`.
//!
//! ```
//! # use std::{convert::Infallible, future::{Ready, ready}, task::{Context, Poll}};
//! # #[derive(Clone)]
//! # struct GreeterServer;
//! # impl GreeterServer { fn new(_: ()) -> Self { Self } }
//! # impl tonic::server::NamedService for GreeterServer { const NAME: &'static str = "hello.Greeter"; }
//! # impl tower::Service<http::Request<tonic::body::Body>> for GreeterServer {
//! #     type Response = http::Response<tonic::body::Body>;
//! #     type Error = Infallible;
//! #     type Future = Ready<Result<Self::Response, Infallible>>;
//! #     fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> { Poll::Ready(Ok(())) }
//! #     fn call(&mut self, _: http::Request<tonic::body::Body>) -> Self::Future { ready(Ok(Default::default())) }
//! # }
//! # async fn start(rules: tenant_core::HostRules, tenants: tenant_core::StaticDirectory, greeter: ())
//! #     -> Result<(), Box<dyn std::error::Error>> {
//! use tenant_router::TenantLayer;
//! use tonic::transport::Server;
//!
//! Server::builder()
//!     .layer(TenantLayer::new(rules, tenants))
//!     .add_service(GreeterServer::new(greeter))
//!     .serve("127.0.0.1:50051".parse()?)
//!     .await?;
//! # Ok(())
//! # }
//! ```
//!
//! Each start is also a program in the repository's `examples/`: `hello-tenant`, `hyper-without-axum`, `tonic-service`. Where
//! [trusted proxies](TenantLayer::trusted_proxies) or limits by address are configured, the layer has to know who a request
//! came from: axum tells by `into_make_service_with_connect_info`; with hyper and tonic it takes a line of yours, see
//! [`PeerAddr`].
//!
//! # What the handler sees
//!
//! A [`CurrentTenant`] in the request's extensions: the tenant, the [`ActiveTenant`](tenant_core::ActiveTenant) that
//! opens its data, and the host that named it. Without a server:
//!
//! ```
//! use std::convert::Infallible;
//!
//! use bytes::Bytes;
//! use http::{Request, Response, StatusCode};
//! use http_body_util::Full;
//! use tenant_router::{CurrentTenant, TenantLayer};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # use tenant_core::{HostRules, Incarnation, StaticDirectory, Tenant};
//! # let rules = HostRules::base_domains(["your-domain.com".parse()?]);
//! # let tenants = StaticDirectory::from_iter([Tenant::new("acme".parse()?, Incarnation::fixed("acme"))]);
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let handler = service_fn(|request: Request<Full<Bytes>>| async move {
//!     let current = request.extensions().get::<CurrentTenant>().expect("the layer put it there");
//!     Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(current.tenant().name.to_string())))
//! });
//! let service = TenantLayer::new(rules, tenants).layer(handler);
//!
//! let request = |host| Request::builder().header("host", host).body(Full::default());
//! let answer = service.clone().oneshot(request("acme.your-domain.com")?).await?;
//! assert_eq!(answer.status(), StatusCode::OK);
//! let answer = service.oneshot(request("globex.your-domain.com")?).await?;
//! assert_eq!(answer.status(), StatusCode::NOT_FOUND);
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! An [exempt](TenantLayer::exempt) request always reaches the handler, with a [`Resolution`] that holds either the tenant
//! or the [`Rejection`] that the request would have met. Where the current `tracing` span has an empty field `tenant.id`, it
//! is filled in.
//!
//! # Refusals
//!
//! | case | status | code | gRPC |
//! |---|---|---|---|
//! | the host is malformed, missing or ambiguous, a bare base domain, or nobody's | 400 | `host_invalid` | `INVALID_ARGUMENT` |
//! | the connection's certificate is not for the host, where that is [checked](TenantLayer::check_certificate) | 421 | `host_misdirected` | `INVALID_ARGUMENT` |
//! | no such tenant, or it is being deleted | 404 | `tenant_unknown` | `NOT_FOUND` |
//! | its install has not finished | 503, `Retry-After` | `tenant_pending` | `UNAVAILABLE` |
//! | suspended | 403 | `tenant_suspended` | `PERMISSION_DENIED` |
//! | expired | 403 | `tenant_expired` | `PERMISSION_DENIED` |
//! | the directory could not be asked | 503, `Retry-After` | `tenant_unavailable` | `UNAVAILABLE` |
//! | more requests a second than a [limit](#limits) allows | 429, `Retry-After` | `rate_limited` | `RESOURCE_EXHAUSTED` |
//! | more requests at once | 429, `Retry-After` | `concurrency_limited` | `RESOURCE_EXHAUSTED` |
//! | a larger body | 413 | `body_too_large` | `RESOURCE_EXHAUSTED` |
//!
//! The body is `{"detail", "code"}`, or `application/problem+json` for a client whose `Accept` names it. A request whose
//! content type is `application/grpc` is answered with status 200 and trailers only, and where trying again may help
//! with `grpc-retry-pushback-ms`. Every refusal has `cache-control: no-store`. [`TenantLayer::on_reject`] replaces any of
//! the first seven, and `on_reject` of each limiting layer its own.
//!
//! # Which host counts
//!
//! The `Host` header, of which there must be exactly one in HTTP/1.1; the target of the request (absolute form, or
//! `:authority` of HTTP/2), which must agree with it; or, from a [trusted proxy](TenantLayer::trusted_proxies) alone,
//! what the proxy forwarded. Two sources that disagree are a 400, never a choice. A
//! [header that names the tenant](TenantLayer::tenant_header), where one is configured and sent, goes before all of them.
//!
//! One label before a base domain is a tenant's name or id, and more than one are nobody's; any other host is a tenant's own
//! domain, or nobody's. [`HostRules`](tenant_core::HostRules) has the ways to run without base domains, and with one tenant
//! for every host.
//!
//! [`TenantLayer::explain`] tells rule by rule why a request has the tenant that it has, or none: its [`Explanation`] is made
//! by the functions that decide. What to set behind which proxy, and every rule with its RFC: `docs/hosts.md` in the
//! repository.
//!
//! # Limits
//!
//! With the feature `limit` two layers more hold clients, tenants and all together to requests a second, requests at once
//! and bytes of a body. The one by address stands outside of the tenant layer, where it also counts requests for hosts that
//! are nobody's; the one by tenant and in total stands inside, where the tenant is known. In axum the layer that is added
//! last is the outermost:
//!
//! ```
//! # #[cfg(all(feature = "axum", feature = "limit"))]
//! # fn limited(app: axum::Router, rules: tenant_core::HostRules, tenants: tenant_core::StaticDirectory) -> axum::Router {
//! # use tenant_core::Limits;
//! # use tenant_router::{TenantLayer, limit::{AddressLimitLayer, TenantLimitLayer}};
//! let a_second = |requests| Limits { requests_per_second: Some(requests), ..Limits::default() };
//! let app = app
//!     .layer(TenantLimitLayer::new().defaults(a_second(500)).total(a_second(5000)))
//!     .layer(TenantLayer::new(rules, tenants))
//!     .layer(AddressLimitLayer::new(a_second(50)));
//! # app
//! # }
//! ```
//!
//! A tenant's record goes before the defaults. The limits are those of one process. Why all three belong together, and the
//! same with `ServiceBuilder`: `limit`, the module.
//!
//! # Metrics
//!
//! Counters of the `metrics` facade, for the recorder that is installed when a layer is made. No label names a tenant or an
//! address.
//!
//! | name | labels | what |
//! |---|---|---|
//! | `tenant_router_requests_total` | `outcome`: `served`, `bad_host`, `misdirected`, `unknown`, `pending`, `suspended`, `expired`, `unavailable` | what the tenant layer found; of an exempt request what would have become of it |
//! | `tenant_router_limited_total` | `by`: `address`, `tenant`, `total`; `limit`: `rate`, `concurrency`, `body` | refusals of the limiting layers |
//!
//! # What it costs
//!
//! An answer from the directory's memory costs no task, no lock and no boxed future. The figures, beside those of other ways to
//! do it, and how to measure them: `benches/README.md` in the repository.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `axum` | no | [`CurrentTenant`] and [`Resolution`] as extractors, `IntoResponse` for [`Rejection`], and `ConnectInfo<SocketAddr>` as the peer's address beside [`PeerAddr`] |
//! | `limit` | no | `limit`: requests a second, requests at once and body bytes, by client address, tenant and in total |
//! | `testing` | no | `testing`: an isolation kit for services of your own, of any stack |

mod admission;
mod answer;
mod authority;
mod bad_host;
mod body;
mod certificate;
mod current;
mod explain;
mod explanation;
#[cfg(feature = "axum")]
mod extract;
mod forwarded;
mod forwarded_element;
mod future;
mod head;
mod layer;
#[cfg(feature = "limit")]
pub mod limit;
mod loose;
mod observe;
mod outcomes;
mod own;
mod proxy;
mod recording;
mod reject;
mod resolve;
mod service;
#[cfg(feature = "testing")]
pub mod testing;

pub use bad_host::BadHost;
pub use body::RejectOr;
pub use certificate::ServedCertificate;
pub use current::{CurrentTenant, Resolution};
pub use explanation::{Effect, Explanation, Rule, Step};
pub use future::ResponseFuture;
pub use layer::TenantLayer;
pub use proxy::PeerAddr;
pub use reject::{LimitScope, Rejection, RejectionKind};
pub use service::TenantService;

/// The start in README.md compiles.
#[cfg(all(doctest, feature = "axum"))]
#[doc = include_str!("../README.md")]
struct Readme;
