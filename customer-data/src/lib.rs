//! What a customer data platform does for one tenant: sources, identity, profiles, sessions, events, users.
//!
//! Everything works on a [`NamespacedStore`](storage::NamespacedStore): it can see no other tenant, and it knows nothing
//! of HTTP. [`schema`] declares the kinds of documents that the store is to be built with.
//!
//! A [`Collector`] turns what a website sends into one batch of documents. [`source`], [`records`], [`user`] and
//! [`token`] are what the customer's people work with.

mod collect;
mod error;
mod event;
mod identity;
mod json;
mod kinds;
mod password;
mod payload;
mod profile;
pub mod records;
mod session;
pub mod source;
pub mod token;
pub mod user;

pub use collect::{Collected, Collector, Hit, storable_headers};
pub use error::{DataError, LoginRefusal, SourceRefusal};
pub use kinds::schema;
pub use password::Passwords;
pub use payload::{EventPayload, SaveOptions, TrackerPayload};

/// The start in README.md compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
