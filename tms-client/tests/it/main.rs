//! The client and the directory over real sockets: against a real TMS, and against one that fails as it is told.

mod auth;
mod cache;
mod errors;
mod faulty;
mod outage;
mod registry;
mod support;
