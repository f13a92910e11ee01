//! What surrounds every handler, one thing a file.

mod cors;
mod render;
mod stamp;

pub(crate) use cors::cors;
pub(crate) use render::{panicked, render};
pub(crate) use stamp::stamp;
