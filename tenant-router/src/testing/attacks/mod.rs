//! What each attack sends.

mod caches;
mod connections;
mod credentials;
mod forwarded;
mod hosts;

use super::attack::Attack;
use super::volley::{Expect, How, Shot, Sides, Volley, Who};

/// What attacks are made of.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    pub(crate) sides: &'a Sides,
    /// The port at which the service listens.
    pub(crate) port: u16,
    /// What is written through the wall.
    pub(crate) mark: &'a str,
    /// The validators of the sides' own answers.
    pub(crate) etags: [Option<String>; 2],
    pub(crate) unknown: &'a [String],
    pub(crate) suspended: &'a [String],
    pub(crate) spoofs: &'a [(String, String)],
}

impl Plan<'_> {
    /// The requests of an attack.
    ///
    /// # Errors
    /// Why there are none.
    pub(crate) fn volleys(&self, attack: Attack) -> Result<Vec<Volley>, &'static str> {
        let volleys = match attack {
            // Not attacks: they are made of what came of each side's own request.
            Attack::OwnRequests | Attack::SharedCaches => vec![],
            Attack::MissingCredentials => self.missing_credentials()?,
            Attack::ForeignCredentials => self.foreign_credentials()?,
            Attack::ForeignPath => self.foreign_path()?,
            Attack::ForeignWrite => self.foreign_write()?,
            Attack::ForwardedHeaders => self.forwarded_headers(),
            Attack::TwoHosts => self.two_hosts(),
            Attack::Disagreement => self.disagreement(),
            Attack::OtherSpellings => self.other_spellings(),
            Attack::LookAlikes => self.look_alikes(),
            Attack::MalformedHosts => self.malformed_hosts(),
            Attack::KeptAnswers => self.kept_answers(),
            Attack::Validators => self.validators()?,
            Attack::OneConnection => self.one_connection(),
            Attack::Pipelining => self.pipelining(),
            Attack::Streams => self.streams(),
            Attack::UnknownHosts => self.closed(self.unknown)?,
            Attack::SuspendedHosts => self.closed(self.suspended)?,
        };
        Ok(volleys)
    }

    /// The same for each side, on connections of their own.
    fn apart(&self, shots: impl Fn(Who) -> Vec<Shot>) -> Vec<Volley> {
        vec![Volley::new(How::Apart, Who::BOTH.into_iter().flat_map(shots))]
    }

    /// A side's own request at other hosts.
    fn at_hosts<H: Into<Vec<u8>>>(
        &self,
        who: Who,
        hosts: impl IntoIterator<Item = H>,
        expect: Expect,
    ) -> Vec<Shot> {
        let shot = |host: H| Shot { draft: self.sides.read(who).hosts([host]), by: Some(who), expect };
        hosts.into_iter().map(shot).collect()
    }

    /// Every side's own request at hosts where nobody is served.
    fn closed(&self, hosts: &[String]) -> Result<Vec<Volley>, &'static str> {
        if hosts.is_empty() {
            return Err("no such host was told");
        }
        Ok(self.apart(|who| self.at_hosts(who, hosts.iter().cloned(), Expect::Refusal)))
    }
}
