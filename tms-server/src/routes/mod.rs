//! The handlers, one file for each group of endpoints.

pub(crate) mod api_key;
pub(crate) mod health;
pub(crate) mod keys;
pub(crate) mod tenants;
