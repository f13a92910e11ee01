//! Middleware that finds the tenant of a request by its host, for any tower or hyper stack.
//!
//! [`TenantLayer`] reads the host, turns it into a key by the rules of [`HostRules`](tenant_core::HostRules), asks a
//! [`TenantDirectory`](tenant_core::TenantDirectory), and hands the request on with a [`CurrentTenant`] in its
//! extensions, or answers it. No handler runs on a refusal, and an answer from the directory's memory costs no task, no
//! lock and no boxed future.
//!
//! ```
//! use std::convert::Infallible;
//!
//! use bytes::Bytes;
//! use http::{Request, Response, StatusCode};
//! use http_body_util::Full;
//! use tenant_core::{HostRules, Incarnation, StaticDirectory, Tenant};
//! use tenant_router::{CurrentTenant, TenantLayer};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let rules = HostRules::base_domains(["your-domain.com".parse()?]);
//! let acme = Tenant::new("acme".parse()?, Incarnation::fixed("acme"));
//! let layer = TenantLayer::new(rules, StaticDirectory::from_iter([acme]));
//!
//! let handler = service_fn(|request: Request<Full<Bytes>>| async move {
//!     let current = request.extensions().get::<CurrentTenant>().expect("the layer put it there");
//!     Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(current.tenant().name.to_string())))
//! });
//! let service = layer.layer(handler);
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
//! # What the handler sees
//!
//! A [`CurrentTenant`] in the request's extensions: the tenant, the [`ActiveTenant`](tenant_core::ActiveTenant) that
//! opens its data, and the host that named it. An [exempt](TenantLayer::exempt) request always reaches the handler, with
//! a [`Resolution`] that holds either that or the [`Rejection`] that it would have met. Where the current `tracing` span
//! has an empty field `tenant.id`, it is filled in.
//!
//! # Refusals
//!
//! | case | status | code | gRPC |
//! |---|---|---|---|
//! | the host is malformed, missing or ambiguous, a bare base domain, or nobody's | 400 | `host_invalid` | `INVALID_ARGUMENT` |
//! | no such tenant, or it is being deleted | 404 | `tenant_unknown` | `NOT_FOUND` |
//! | its install has not finished | 503, `Retry-After` | `tenant_pending` | `UNAVAILABLE` |
//! | suspended | 403 | `tenant_suspended` | `PERMISSION_DENIED` |
//! | expired | 403 | `tenant_expired` | `PERMISSION_DENIED` |
//! | the directory could not be asked | 503, `Retry-After` | `tenant_unavailable` | `UNAVAILABLE` |
//!
//! The body is `{"detail", "code"}`, or `application/problem+json` for a client whose `Accept` names it. A request whose
//! content type is `application/grpc` is answered with status 200 and trailers only, and where trying again may help
//! with `grpc-retry-pushback-ms`. Every refusal has
//! `cache-control: no-store`. [`TenantLayer::on_reject`] replaces any of them.
//!
//! # Which host counts
//!
//! The `Host` header, of which there must be exactly one in HTTP/1.1; the target of the request (absolute form, or
//! `:authority` of HTTP/2), which must agree with it; or, from a [trusted proxy](TenantLayer::trusted_proxies) alone,
//! what the proxy forwarded. Two sources that disagree are a 400, never a choice.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `axum` | no | [`CurrentTenant`] and [`Resolution`] as extractors, `IntoResponse` for [`Rejection`], and `ConnectInfo<SocketAddr>` as the peer's address beside [`PeerAddr`] |
//! | `testing` | no | `testing`: an isolation kit for services of your own, of any stack |

mod admission;
mod answer;
mod authority;
mod body;
mod current;
#[cfg(feature = "axum")]
mod extract;
mod forwarded;
mod future;
mod layer;
mod proxy;
mod reject;
mod resolve;
mod service;
#[cfg(feature = "testing")]
pub mod testing;

pub use authority::BadHost;
pub use body::RejectOr;
pub use current::{CurrentTenant, Resolution};
pub use future::ResponseFuture;
pub use layer::TenantLayer;
pub use proxy::PeerAddr;
pub use reject::{Rejection, RejectionKind};
pub use service::TenantService;
