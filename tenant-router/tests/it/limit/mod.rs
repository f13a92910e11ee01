//! Limits: what is refused, what that costs others, and what comes back.

mod body;
mod concurrency;
mod contract;
mod memory;
mod metrics;
mod rate;
mod site;
mod weapon;
