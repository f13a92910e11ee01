//! [`Setting`]: where a question is asked, and how thoroughly.

use std::fs;
use std::path::PathBuf;

use crate::Result;

/// Where a question is asked, and how thoroughly.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The folder for everything that is written.
    pub folder: PathBuf,
    /// Seconds instead of minutes: shows that everything runs, and little else.
    pub quick: bool,
}

impl Setting {
    /// A size: the one to measure with, or the one that is only there to run.
    pub fn size<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }

    /// How often each contestant is measured.
    pub fn repetitions(&self) -> usize {
        self.size(5, 2)
    }

    /// An empty folder of this name.
    ///
    /// # Errors
    /// If it exists or cannot be made.
    pub fn fresh_folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.folder.join(name);
        fs::create_dir(&folder)?;
        Ok(folder)
    }
}
