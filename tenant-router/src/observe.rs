//! Who watches a decision being made: an explanation, or nobody. The rules are written once, for both.

use http::HeaderMap;
use http::header::AsHeaderName;

use crate::bad_host::BadHost;
use crate::explanation::{Effect, Rule, Step};

/// Told of the steps of a decision while it is made.
pub(crate) trait Observer {
    /// Whether anybody watches: what only tells can be left out where nobody does.
    const WATCHES: bool;

    /// The closure runs only where somebody watches.
    fn tell(&mut self, step: impl FnOnce() -> Step);
}

/// Nobody watches; it compiles to nothing.
pub(crate) struct Nobody;

impl Observer for Nobody {
    const WATCHES: bool = false;

    #[inline(always)]
    fn tell(&mut self, _: impl FnOnce() -> Step) {}
}

impl Observer for Vec<Step> {
    const WATCHES: bool = true;

    fn tell(&mut self, step: impl FnOnce() -> Step) {
        self.push(step());
    }
}

/// What a client sent, fit for a terminal.
pub(crate) fn shown(bytes: &[u8]) -> impl std::fmt::Display {
    bytes.escape_ascii()
}

/// All values of a header, fit for a terminal.
pub(crate) fn all_shown(headers: &HeaderMap, name: impl AsHeaderName) -> String {
    let values: Vec<String> =
        headers.get_all(name).iter().map(|value| shown(value.as_bytes()).to_string()).collect();
    values.join(", ")
}

/// A rule that refuses what it was given.
pub(crate) fn refused(rule: Rule, why: BadHost, given: &str) -> Step {
    Step::new(rule, Effect::Refuses, format!("{why}: {given}"))
}
