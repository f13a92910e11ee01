//! An isolation kit for services of your own: [`Isolation`] (feature `testing`).
//!
//! A service that is running, of any stack and language, is asked over its socket as two of its tenants and as strangers,
//! with everything that could bring the one to what is the other's. A [`Report`] says what was sent, what came back and
//! whose secret was in it.
//!
//! ```
//! use tenant_router::testing::{Ask, Attack, Isolation, Side};
//! # use std::convert::Infallible;
//! # use http::{Request, Response};
//! # use http_body_util::Full;
//! # use hyper::body::Incoming;
//! # use hyper_util::{rt::{TokioExecutor, TokioIo}, server::conn::auto, service::TowerToHyperService};
//! # use tenant_core::{HostRules, Incarnation, StaticDirectory, Tenant};
//! # use tenant_router::{CurrentTenant, TenantLayer};
//! # use tower::{Layer, service_fn};
//! # async fn start() -> Result<std::net::SocketAddr, Box<dyn std::error::Error>> {
//! #     let tenant = |name: &str| Tenant::new(name.parse().unwrap(), Incarnation::fixed(name));
//! #     let tenants = StaticDirectory::from_iter([tenant("acme"), tenant("globex")]);
//! #     let layer = TenantLayer::new(HostRules::base_domains(["localhost".parse()?]), tenants);
//! #     let service = layer.layer(service_fn(async |request: Request<Incoming>| {
//! #         let name = &request.extensions().get::<CurrentTenant>().unwrap().tenant().name;
//! #         Ok::<_, Infallible>(Response::new(Full::<bytes::Bytes>::from(format!("the notes of {name}"))))
//! #     }));
//! #     let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! #     let address = listener.local_addr()?;
//! #     tokio::spawn(async move {
//! #         while let Ok((stream, _)) = listener.accept().await {
//! #             let service = TowerToHyperService::new(service.clone());
//! #             tokio::spawn(async move {
//! #                 auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await
//! #             });
//! #         }
//! #     });
//! #     Ok(address)
//! # }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let token = |name: &str| format!("Bearer {name}");
//! let address = start().await?; // your service, on a port of its own
//! let side = |name: &str| {
//!     let secret = format!("the notes of {name}");
//!     Side::new(format!("{name}.localhost"), Ask::get("/notes"), secret)
//! };
//! let isolation = Isolation::new(address, side("acme"), side("globex")).unknown_host("nobody.localhost");
//! let report = isolation.run().await;
//! report.assert_isolated();
//! # assert!(report.of(Attack::ForwardedHeaders).unwrap().exchanges.len() > 50);
//! # Ok(())
//! # }
//! ```
//!
//! [`Side::credential`] tells the kit what proves who asks, and [`Side::plants`] how to write: both open further attacks,
//! and what was not tried is in the report as skipped. Each attack is sent in HTTP/1.1 and in HTTP/2 without TLS, as far as
//! the service speaks them; a malformed host goes out as raw bytes. [`Attack`] lists what is tried, [`Breach`] what fails
//! a test, and [`Finding`] what is only told.
//!
//! # What it does not see
//!
//! It looks for the two secrets, so it sees nothing of a leak that does not hold one: a count, a name, the time that an
//! answer takes. It comes from one address and opens sixteen connections at once, no more. Compressed bodies are not
//! unpacked; it asks for none. What stands in front of a service in production, with its own idea of which host counts,
//! can be tested the same way at its own address.

mod attack;
mod attacks;
mod draft;
mod fire;
mod isolation;
mod judge;
mod range;
mod report;
mod secret;
mod side;
mod volley;
mod wire;

pub use attack::Attack;
pub use isolation::Isolation;
pub use report::{Breach, Exchange, Finding, Outcome, Place, Report};
pub use secret::Form;
pub use side::{Ask, Side};
