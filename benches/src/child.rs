//! [`Child`]: this program once more, as a process that serves something.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::process::{self, Command, Stdio};

use crate::Result;

/// A process that says where it serves; it ends with this.
pub struct Child {
    /// What it said first.
    pub address: String,
    process: process::Child,
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Child {
    /// Starts this program with other arguments, and waits for its first line.
    ///
    /// # Errors
    /// If it does not start.
    pub fn start(arguments: &[&str]) -> Result<Self> {
        let mut process = Command::new(env::current_exe()?)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(process.stdout.take().ok_or("it has an output")?).read_line(&mut line)?;
        Ok(Self { address: line.trim().to_owned(), process })
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.process.id()
    }
}

/// In the child: says where it serves, and waits until its parent is gone.
///
/// # Errors
/// If nobody reads it.
pub fn serve_at(address: impl std::fmt::Display) -> Result<()> {
    writeln!(std::io::stdout(), "{address}")?;
    std::io::stdin().read_line(&mut String::new())?;
    Ok(())
}
