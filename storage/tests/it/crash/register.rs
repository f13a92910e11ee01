//! A register: documents of one file that are always written together, step by step. What they hold follows from the name
//! and the step, so that the parent knows it without being told.

use serde_json::json;
use storage::Body;

use crate::support::body;

/// What is done to a register, step by step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// Three events that are put, and perhaps removed later.
    Events,
    /// Two profiles, created and then replaced, each under the guard of its version, for ever.
    Pair,
    /// One profile that is put, put again and removed, for ever.
    Flip,
}

impl Sort {
    /// The name of a register says of which sort it is.
    pub(super) fn of(register: &str) -> Self {
        match register.split('-').next() {
            Some("events") => Self::Events,
            Some("pair") => Self::Pair,
            Some("flip") => Self::Flip,
            _ => panic!("{register} is no register"),
        }
    }

    pub(super) fn kind(self) -> &'static str {
        if self == Self::Events { "event" } else { "profile" }
    }

    pub(super) fn parts(self) -> usize {
        match self {
            Self::Events => 3,
            Self::Pair => 2,
            Self::Flip => 1,
        }
    }

    /// Whether the documents exist after a step; 0 is before the first one.
    pub(super) fn exists_at(self, step: u64) -> bool {
        match self {
            Self::Events => step == 1,
            Self::Pair => step > 0,
            Self::Flip => !step.is_multiple_of(3),
        }
    }
}

pub(super) fn part(register: &str, part: usize) -> String {
    format!("{register}/{part}")
}

/// What each of the documents holds after a step; `None` if they are removed.
pub(super) fn content(register: &str, step: u64) -> Option<Body> {
    if !Sort::of(register).exists_at(step) {
        return None;
    }
    let seed = register.bytes().map(u64::from).sum::<u64>() + step;
    // Now and then more than a page of the file.
    let length = if seed.is_multiple_of(29) { 9000 } else { seed * 37 % 600 };
    let fill = char::from(b'a' + u8::try_from(seed % 26).expect("small"));
    let text: String = std::iter::repeat_n(fill, usize::try_from(length).expect("small")).collect();
    Some(body(json!({
        "time": format!("2026-01-01T{:02}:{:02}:00Z", seed % 24, seed % 60),
        "tag": tag(seed),
        "step": step,
        "register": register,
        "text": text,
    })))
}

pub(super) const TAGS: u64 = 7;

pub(super) fn tag(number: u64) -> String {
    format!("tag-{}", number % TAGS)
}
