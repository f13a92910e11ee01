//! [`Log`]: the opponent that only appends to a file and syncs it. Nothing can be found in it.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

use crate::Result;
use crate::events::Event;

/// A file of lines.
#[derive(Debug)]
pub struct Log(File);

impl Log {
    /// An empty file.
    ///
    /// # Errors
    /// If it exists or cannot be made.
    pub fn create(path: &Path) -> Result<Self> {
        Ok(Self(OpenOptions::new().append(true).create_new(true).open(path)?))
    }

    /// Appends events and syncs once.
    ///
    /// # Errors
    /// If the disk is full or failed.
    pub fn commit(&mut self, events: Vec<Event>) -> Result<()> {
        let mut lines = Vec::with_capacity(events.len() * 700);
        for (id, body) in events {
            lines.extend_from_slice(id.as_str().as_bytes());
            lines.push(b' ');
            serde_json::to_writer(&mut lines, &body)?;
            lines.push(b'\n');
        }
        self.0.write_all(&lines)?;
        Ok(self.0.sync_data()?)
    }
}
