//! The handlers, one file for each group of endpoints.

pub(crate) mod api_key;
pub(crate) mod audit;
pub(crate) mod changes;
pub(crate) mod docs;
pub(crate) mod health;
pub(crate) mod keys;
pub(crate) mod list;
pub(crate) mod metrics;
pub(crate) mod tenants;
