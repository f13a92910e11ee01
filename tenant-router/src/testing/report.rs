//! [`Report`]: what was sent, what came back, and what that gives away.

use std::fmt;

use super::attack::Attack;
use super::secret::Form;

/// All that [`Isolation::run`](super::Isolation::run) found out. Its `Display` is a list for a person.
#[derive(Debug, Clone)]
#[must_use = "nothing is asserted by making a report"]
pub struct Report {
    pub(crate) outcomes: Vec<Outcome>,
}

/// What came of an attack.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Outcome {
    /// Which one.
    pub attack: Attack,
    /// Every request of it, in the order of sending.
    pub exchanges: Vec<Exchange>,
    /// Why it was not tried, where it was not.
    pub skipped: Option<&'static str>,
}

/// A request and what came back.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Exchange {
    /// What was sent, in one line; credentials are named and not shown.
    pub sent: String,
    /// What came back, in a few words; no body is shown.
    pub came: String,
    /// What is wrong with that.
    pub breaches: Vec<Breach>,
    /// What is no breach and worth knowing.
    pub findings: Vec<Finding>,
}

/// A hole in the wall.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Breach {
    /// The answer holds the secret of a tenant that the request must not be answered for.
    Leaked {
        /// The host of the tenant whose secret it is.
        host: String,
        /// Where in the answer.
        place: Place,
        /// In which form.
        form: Form,
    },
    /// A tenant's own request was not answered as its own: without its secret, with an error, or not at all.
    NotItsOwn {
        /// The tenant's host.
        host: String,
    },
    /// The answer holds what was written with another tenant's credentials.
    Written,
    /// A success, where there was to be a refusal.
    Served,
    /// The handler ran, though the request was refused: see [`Isolation::handled`](super::Isolation::handled).
    Handled,
}

/// Where a secret was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// In the first line, the headers or the trailers.
    Head,
    /// In the body.
    Body,
}

/// What is no breach by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// Another spelling of a tenant's own host is refused (RFC 9110 section 4.2.3: hosts are the same in any case).
    SpellingRefused,
    /// A malformed host, or one host twice, is served as the tenant's that it resembles.
    MalformedServed,
    /// Target and Host header disagree, and the target was served. RFC 9112 section 3.2.2 allows that; what stands in
    /// front of the service may have gone by the header.
    TargetServed,
    /// A success without a secret, where a refusal was likely.
    ServedWithoutSecret,
    /// No answer in time, or none that could be read.
    NoAnswer,
    /// The body was longer than [`Isolation::max_body`](super::Isolation::max_body): the rest of it was not looked at.
    BodyCut,
    /// `Cache-Control` lets shared caches keep it (`public`, `s-maxage`). One that goes by the path alone would hand it to
    /// other tenants, and one that goes by the host to clients without credentials.
    Cacheable,
}

impl Report {
    /// What came of each attack, in the order of [`Attack::ALL`].
    pub fn outcomes(&self) -> &[Outcome] {
        &self.outcomes
    }

    /// What came of one attack.
    pub fn of(&self, attack: Attack) -> Option<&Outcome> {
        self.outcomes.iter().find(|outcome| outcome.attack == attack)
    }

    /// The attacks that came through.
    pub fn breached(&self) -> Vec<Attack> {
        let breached = self.outcomes.iter().filter(|outcome| outcome.is_breached());
        breached.map(|outcome| outcome.attack).collect()
    }

    /// Whether no attack came through. What was skipped did not.
    pub fn is_isolated(&self) -> bool {
        !self.outcomes.iter().any(Outcome::is_breached)
    }

    /// Fails the test if an attack came through.
    ///
    /// # Panics
    /// If one did, with the whole list: every attack, and of those that came through each request, with what came back.
    #[track_caller]
    pub fn assert_isolated(&self) {
        assert!(self.is_isolated(), "the tenants are not isolated:\n{self}");
    }
}

impl Outcome {
    /// Whether it came through.
    pub fn is_breached(&self) -> bool {
        self.exchanges.iter().any(|exchange| !exchange.breaches.is_empty())
    }

    /// What was found that is no breach.
    pub fn findings(&self) -> impl Iterator<Item = Finding> {
        self.exchanges.iter().flat_map(|exchange| exchange.findings.iter().copied())
    }

    fn verdict(&self) -> &'static str {
        if self.is_breached() {
            "BREACHED"
        } else if self.skipped.is_some() {
            "skipped"
        } else {
            "held"
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.outcomes.iter().try_for_each(|outcome| writeln!(f, "{outcome}"))
    }
}

/// A line, and three more for each request of which there is something to tell.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<9} {:<20} ", self.verdict(), self.attack)?;
        match self.skipped {
            Some(why) => write!(f, "{why}")?,
            None => write!(f, "{} requests", self.exchanges.len())?,
        }
        for exchange in &self.exchanges {
            if !exchange.breaches.is_empty() || !exchange.findings.is_empty() {
                write!(f, "\n    sent  {}\n    came  {}", exchange.sent, exchange.came)?;
            }
            exchange.breaches.iter().try_for_each(|breach| write!(f, "\n      !!  {breach}"))?;
            exchange.findings.iter().try_for_each(|finding| write!(f, "\n       ?  {finding}"))?;
        }
        Ok(())
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leaked { host, place, form } => write!(f, "the secret of {host} is in the {place}, {form}"),
            Self::NotItsOwn { host } => {
                write!(f, "{host}'s own request was not answered with its own secret")
            }
            Self::Written => f.write_str("it holds what was written with the other's credentials"),
            Self::Served => f.write_str("it was served, and had to be refused"),
            Self::Handled => f.write_str("the handler ran"),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Head => "head",
            Self::Body => "body",
        })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SpellingRefused => "another spelling of its own host is refused",
            Self::MalformedServed => "a malformed host is served",
            Self::TargetServed => "target and Host header disagree, and the target is served",
            Self::ServedWithoutSecret => "it is served, without a secret",
            Self::NoAnswer => "no answer, or none that could be read",
            Self::BodyCut => "the body is longer than what is looked at",
            Self::Cacheable => "caches that many share may keep it",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(breaches: Vec<Breach>) -> Report {
        let (sent, came) = ("HTTP/1.1 GET /".to_owned(), "200, 7 bytes".to_owned());
        let exchange = Exchange { sent, came, breaches, findings: vec![Finding::Cacheable] };
        let outcome = |attack, exchanges, skipped| Outcome { attack, exchanges, skipped };
        Report {
            outcomes: vec![
                outcome(Attack::KeptAnswers, vec![exchange], None),
                outcome(Attack::Streams, vec![], Some("it speaks no HTTP/2")),
            ],
        }
    }

    #[test]
    fn a_report_is_a_list_for_a_person() {
        let host = "acme.example".to_owned();
        let leaked = Breach::Leaked { host, place: Place::Head, form: Form::Base64 };
        let text = "BREACHED  kept-answers         1 requests\n    sent  HTTP/1.1 GET /\n    came  200, 7 bytes\
            \n      !!  the secret of acme.example is in the head, in Base64\
            \n       ?  caches that many share may keep it\n\
            skipped   streams              it speaks no HTTP/2\n";
        assert_eq!(report(vec![leaked]).to_string(), text);
    }

    #[test]
    fn findings_do_not_fail_a_test() {
        let report = report(vec![]);
        report.assert_isolated();
        assert_eq!(report.of(Attack::KeptAnswers).map(|outcome| outcome.findings().count()), Some(1));
    }

    #[test]
    #[should_panic(expected = "the handler ran")]
    fn a_breach_fails_a_test() {
        report(vec![Breach::Handled]).assert_isolated();
    }
}
