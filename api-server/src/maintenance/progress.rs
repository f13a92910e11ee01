//! How far a command over many tenants is, on standard error: a bar where a person looks on, lines where a file does.

use std::io::{self, Write};

use indicatif::{ProgressBar, ProgressStyle};

/// After how many tenants there is a line.
const EVERY: usize = 100;

pub(super) struct Progress {
    /// `None` where standard error is no terminal.
    bar: Option<ProgressBar>,
    done: usize,
    all: usize,
}

impl Progress {
    pub(super) fn start(all: usize) -> Self {
        let bar = ProgressBar::new(all.try_into().unwrap_or(u64::MAX));
        let bar =
            if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos} of {len} tenants, {eta} to go") {
                bar.with_style(style)
            } else {
                bar
            };
        let progress = Self { bar: (!bar.is_hidden()).then_some(bar), done: 0, all };
        progress.say(&format!("{all} tenants; if this is interrupted, running it again does the rest"));
        progress
    }

    /// Says something that is no progress.
    pub(super) fn say(&self, what: &str) {
        // Where nobody can read it, the work goes on.
        let say = || drop(writeln!(io::stderr(), "{what}"));
        match &self.bar {
            Some(bar) => bar.suspend(say),
            None => say(),
        }
    }

    /// One more tenant is done.
    pub(super) fn step(&mut self) {
        self.done += 1;
        match &self.bar {
            Some(bar) => bar.inc(1),
            None if self.done.is_multiple_of(EVERY) && self.done < self.all => self.say_how_far(),
            None => {}
        }
    }

    pub(super) fn end(self) {
        match &self.bar {
            Some(bar) => bar.finish_and_clear(),
            None => self.say_how_far(),
        }
    }

    fn say_how_far(&self) {
        self.say(&format!("{} of {} tenants are done", self.done, self.all));
    }
}
