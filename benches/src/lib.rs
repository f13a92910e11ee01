//! The figures that are promised, measured beside their opponents in the same run.
//!
//! One file per question under [`questions`]; each answers with [`Row`]s, and [`report`] prints all of them as one table
//! and says which goals are met. To ask something new: write a file there, and add it to [`questions::ALL`].

pub mod append;
pub mod bare;
pub mod calls;
pub mod child;
pub mod contest;
pub mod counted;
pub mod crowd;
pub mod engine;
pub mod events;
pub mod hosts;
pub mod machine;
pub mod met;
pub mod opponents;
pub mod platform;
pub mod questions;
pub mod recorder;
pub mod replay;
pub mod replica;
pub mod report;
pub mod row;
pub mod samples;
pub mod server;
pub mod setting;
pub mod stacks;
pub mod table;
pub mod tenants;
pub mod threads;
pub mod tms;
pub mod zipf;

pub use contest::Contest;
pub use row::{Goal, Row, Unit};
pub use samples::Samples;
pub use setting::Setting;

/// What stops a bench; nobody tells one cause from another.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// What can fail in a bench.
pub type Result<T> = std::result::Result<T, Error>;
