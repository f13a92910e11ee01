//! The client and the directory over real sockets: against a real TMS, and against one that fails as it is told.

mod auth;
mod cache;
mod disk;
mod errors;
mod feed;
mod outage;
mod proof;
mod proof_cold;
mod proof_faults;
mod proof_spray;
mod reconnect;
mod registry;
mod replica;
mod support;
mod testing;
mod testing_feed;
