//! A TMS for tests that fails as it is told: [`FaultyTms`] (feature `testing`).
//!
//! A service has to get through the outages of its directory: a TMS that is down, hangs, answers rubbish, or answers too
//! late what was true before. A real TMS does none of that when a test needs it. This one is a real server too, in the
//! same process and on a port of its own, with the tenants in memory and the whole wire of the directory: tokens,
//! lookups, the list, the changes of status and the change feed. What goes wrong is said by the test:
//!
//! ```
//! use tenant_core::{Lookup, TenantDirectory, TenantKey, TenantStatus};
//! use tms_client::testing::{FaultyTms, Gate, Route};
//! use tms_client::{Mode, TmsClient, TmsDirectory};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let tms = FaultyTms::start().await;
//! tms.add("company-x");
//! let client = TmsClient::builder(&tms.url(), "any-key".into()).build()?;
//! // Asked for each tenant, not followed: a list could bring it before it is asked for.
//! let directory = TmsDirectory::builder(client).mode(Mode::Cache).build()?;
//! let key = TenantKey::label("company-x").expect("a label that a tenant can have");
//!
//! // Two answers are errors; the third one, on its way when the tenant is suspended, is late.
//! let gate = Gate::closed();
//! tms.on(Route::Tenant).times(2).status(500);
//! tms.on(Route::Tenant).behind(&gate).well();
//! let (found, ()) = tokio::join!(directory.find(&key), async {
//!     tms.until_calls(Route::Tenant, 3).await;
//!     tms.suspend("company-x", "unpaid");
//!     gate.open();
//! });
//! assert!(matches!(found, Lookup::Known(tenant) if tenant.status == TenantStatus::Active));
//!
//! // Down is not unknown.
//! tms.stop().await;
//! let found = directory.find(&TenantKey::label("globex").expect("a label")).await;
//! assert!(matches!(found, Lookup::Unavailable { .. }));
//! # Ok(())
//! # }
//! ```
//!
//! | fault | said by |
//! |---|---|
//! | errors, rubbish, `null`, another's record, no cursor | [`FaultyTms::on`] and the last words of [`Fault`] |
//! | late answers, answers in another order | [`Fault::delayed`], [`Fault::behind`] a [`Gate`], [`Fault::reversed`] |
//! | answers that break off | [`Fault::cut`], [`Fault::truncated`], [`Fault::never`] |
//! | nobody there, or somebody who never answers | [`FaultyTms::stop`], [`FaultyTms::half_open`] |
//! | keys and tokens that are refused | [`FaultyTms::revoke_key`], [`FaultyTms::forget_tokens`] |
//! | a feed that is silent, cut, reset, incomplete, absent | [`FaultyTms::feed`] |
//! | a backup that was restored | [`FaultyTms::restore`], [`FaultyTms::new_database`] |
//! | clocks that jump | [`ManualClock`], given to the builders |
//!
//! A test never has to sleep: it waits with [`FaultyTms::until_calls`] and its like for what has to happen, and these fail
//! the test with all that did happen. They and the real delays need tokio's clock as it is, not paused.

mod answer;
mod calls;
mod endpoints;
mod feed;
mod gate;
mod records;
mod route;
mod script;
mod server;
mod state;
mod tenants;
mod tokens;

pub use calls::Call;
pub use feed::Feed;
pub use gate::Gate;
pub use route::Route;
pub use script::Fault;
pub use server::FaultyTms;
#[doc(no_inline)]
pub use tenant_core::ManualClock;
pub use tenants::Backup;
