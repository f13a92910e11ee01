//! [`Explanation`] and its [`Step`]s: why a request has the tenant that it has, or none.

use std::fmt;

use http::StatusCode;

use crate::current::{CurrentTenant, Resolved};
use crate::reject::Rejection;

/// Rule by rule, why a request reaches a handler or does not; from [`TenantLayer::explain`](crate::TenantLayer::explain).
///
/// Its `Display` is one aligned line for each step, the verdict last. What a client sent is escaped in it.
#[derive(Debug, Clone)]
pub struct Explanation {
    pub(crate) steps: Vec<Step>,
    pub(crate) resolved: Resolved,
}

/// One rule, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Step {
    /// The rule.
    pub rule: Rule,
    /// What came of it.
    pub effect: Effect,
    /// The same for a person: plain words in one line.
    pub text: String,
}

/// The rules, in the order in which they are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Rule {
    /// There is one tenant whatever the host.
    OneTenant,
    /// The header that names the tenant, where one is enabled.
    TenantHeader,
    /// What the request's target says: its absolute form, or `:authority`.
    Target,
    /// The `Host` header.
    HostHeader,
    /// Who sent the request, and whether it may speak for another.
    Peer,
    /// One element of `Forwarded` (RFC 7239).
    Forwarded,
    /// `X-Forwarded-Host`.
    XForwardedHost,
    /// The host that counts, in normal form.
    Host,
    /// The certificate of the connection.
    Certificate,
    /// The base domain that the host is under.
    BaseDomain,
    /// The label before the base domain: a tenant's name.
    Label,
    /// The whole host: a tenant's own domain.
    OwnDomain,
    /// What the directory had in memory.
    Memory,
    /// What the directory said when it was asked.
    Directory,
    /// Whether the tenant that was found answers to this spelling.
    Spelling,
    /// Status and expiry of the tenant.
    Standing,
    /// What becomes of the request.
    Verdict,
}

/// What came of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Effect {
    /// It is what decides.
    Counts,
    /// It is as it should be.
    Holds,
    /// There is nothing to look at.
    Absent,
    /// It is there and does not count.
    Ignored,
    /// It refuses the request.
    Refuses,
    /// It cannot be told.
    Unclear,
}

impl Explanation {
    /// The steps, in the order in which they were taken; the last one is the [`Verdict`](Rule::Verdict).
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The tenant, or the refusal that the layer answers with.
    ///
    /// # Errors
    /// The refusal.
    pub fn outcome(&self) -> Result<&CurrentTenant, &Rejection> {
        self.resolved.as_ref()
    }

    /// The status that the layer answers with; `None` where the request reaches a handler.
    pub fn status(&self) -> Option<StatusCode> {
        self.resolved.as_ref().err().map(Rejection::status)
    }
}

impl Step {
    pub(crate) fn new(rule: Rule, effect: Effect, text: impl Into<String>) -> Self {
        Self { rule, effect, text: text.into() }
    }
}

impl Rule {
    fn word(self) -> &'static str {
        match self {
            Self::OneTenant => "one tenant",
            Self::TenantHeader => "tenant header",
            Self::Target => "target",
            Self::HostHeader => "Host",
            Self::Peer => "peer",
            Self::Forwarded => "Forwarded",
            Self::XForwardedHost => "X-Forwarded-Host",
            Self::Host => "host",
            Self::Certificate => "certificate",
            Self::BaseDomain => "base domain",
            Self::Label => "label",
            Self::OwnDomain => "own domain",
            Self::Memory => "memory",
            Self::Directory => "directory",
            Self::Spelling => "spelling",
            Self::Standing => "standing",
            Self::Verdict => "verdict",
        }
    }
}

impl Effect {
    fn word(self) -> &'static str {
        match self {
            Self::Counts => "counts",
            Self::Holds => "ok",
            Self::Absent => "-",
            Self::Ignored => "ignored",
            Self::Refuses => "refused",
            Self::Unclear => "unclear",
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, step) in self.steps.iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{step}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<17} {:<8} {}", self.rule.word(), self.effect.word(), self.text)
    }
}
