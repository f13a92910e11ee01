//! What the platform does for one tenant, on a real store.

mod events;
mod identity;
mod logins;
mod support;
