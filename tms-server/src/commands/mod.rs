//! The commands that work on the database itself, beside a running server or without one.
//!
//! Standard output has what was asked for and nothing else; what a person should know is told on standard error.

pub(crate) mod backup;
pub(crate) mod keys;
pub(crate) mod restore;
pub(crate) mod secrets;
mod sqlite_file;
pub(crate) mod tenants;
mod unfinished;

use std::error::Error;
use std::io::{self, Write as _};

/// How a command ends.
pub(crate) type Done = Result<(), Box<dyn Error>>;

/// Writes what was asked for.
pub(crate) fn say(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Tells a person something, in a line.
pub(crate) fn tell(text: impl AsRef<str>) {
    // Where standard error is closed there is nobody to tell.
    let _ = writeln!(io::stderr(), "{}", text.as_ref());
}
