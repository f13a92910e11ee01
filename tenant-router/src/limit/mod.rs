//! Limits on what clients and tenants use: requests a second, requests at once, bytes of a body.
//!
//! Two layers, around and inside of the [`TenantLayer`](crate::TenantLayer):
//!
//! ```
//! use tenant_core::{HostRules, Limits, StaticDirectory};
//! use tenant_router::TenantLayer;
//! use tenant_router::limit::{AddressLimitLayer, TenantLimitLayer};
//! use tower::ServiceBuilder;
//!
//! # let rules = HostRules::base_domains(["your-domain.com".parse()?]);
//! # let directory = StaticDirectory::from_iter([]);
//! # let handler = tower::service_fn(|_: http::Request<tenant_router::limit::LimitedBody<tenant_router::limit::LimitedBody<
//! #     http_body_util::Empty<bytes::Bytes>>>>| async {
//! #     Ok::<_, std::convert::Infallible>(http::Response::new(http_body_util::Empty::<bytes::Bytes>::new()))
//! # });
//! let limits = |rate, concurrent| Limits {
//!     requests_per_second: Some(rate),
//!     concurrent: Some(concurrent),
//!     body_bytes: Some(1 << 20),
//!     ..Limits::default()
//! };
//! let service = ServiceBuilder::new()
//!     .layer(AddressLimitLayer::new(limits(50, 20)).trusted_proxies(["10.0.0.0/8".parse()?]))
//!     .layer(TenantLayer::new(rules, directory))
//!     .layer(TenantLimitLayer::new().defaults(limits(500, 100)).total(limits(5000, 1000)))
//!     .service(handler);
//! # fn is_a_service<S: tower::Service<http::Request<http_body_util::Empty<bytes::Bytes>>>>(_: S) {}
//! # is_a_service(service);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is refused, and how
//!
//! With 429 and `Retry-After` (RFC 6585 section 4), or 413 (RFC 9110 section 15.5.14): the codes are among all
//! [refusals](crate#refusals).
//!
//! - **Rate**: `requests_per_second` over time and `burst` at once; in any time `t` never more than the one times `t` plus
//!   the other. A tenant's or client's burst is full when it is first seen.
//! - **Concurrency**: a request counts until the body of its response has ended or was dropped: by the server when its
//!   client goes away, or because a handler panicked. `Retry-After` is 1.
//! - **Body**: a request whose `Content-Length` says too much is refused before anything else is counted. One that sends
//!   more than it said, or does not say, is cut off, and whatever the handler answers to that becomes the 413. If the
//!   handler answers before it has read the whole body, its answer stands.
//!
//! # Whose limit counts
//!
//! First the client address's, then the tenant's, then the total; a request that one of them refuses counts in none of
//! those after it, nor in the one that refused it. So a client that is over its own limit takes nothing from its tenant,
//! and a tenant that is over its own nothing from the others. Without a limit on addresses, anybody can use up the limit of
//! a tenant, as long as they keep at it, and without one on tenants a tenant can use up the total: give addresses a small
//! part of what a tenant has, and tenants a part of what there is.
//!
//! A tenant's limits are those of its record (`Tenant::limits`), one by one, then the defaults of the layer. A record that
//! changes counts from the next request on. The change itself adds nothing to what is left: a larger burst fills up at the
//! new rate, and nothing is owed for what was used at a higher one.
//!
//! An address is an IPv4 address or the /64 of an IPv6 address; see
//! [`trusted_proxies`](AddressLimitLayer::trusted_proxies) for whose it is. A request whose address is not known, because
//! the server does not tell it or a trusted proxy hides it, is in no address's limit.
//!
//! # Limits of the limits
//!
//! They hold for each process by itself: behind a balancer with three of them a tenant gets up to three times its rate. A
//! process that starts again starts with full bursts.
//!
//! What is remembered is a few numbers (some 100 bytes) for each key that was used in the last seconds, and for at most
//! 100 000 keys (`max_keys`) of each layer. Beyond that, the keys which used least make room and start anew when they
//! return; one that is being refused is among the last to go. If every key has requests under way, a new one is let in
//! without being counted by that layer: it is never refused for want of memory.
//!
//! Where neither a record nor the layers set a limit, no clock is read and nothing is locked. Refusals are counted in
//! `tenant_router_limited_total` of the `metrics` facade, by whose limit it was (`by`) and which (`limit`).

mod address;
mod body;
mod by_address;
mod by_tenant;
mod counts;
mod future;
mod gate;
mod keys;
#[cfg(test)]
mod model;
mod rate;
mod refused;
mod service;
mod shared;
mod table;
mod total;

pub use body::{HeldBody, LimitedBody};
pub use by_address::AddressLimitLayer;
pub use by_tenant::TenantLimitLayer;
pub use future::LimitFuture;
pub use service::LimitService;

/// How many keys a layer knows at once, unless it is told otherwise.
const MAX_KEYS: usize = 100_000;
