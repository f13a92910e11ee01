//! [`Range`]: sends volleys and judges what comes of them.

use super::attack::Attack;
use super::draft::Draft;
use super::fire::{fire, once};
use super::judge::judge;
use super::report::{Breach, Exchange, Finding, Outcome};
use super::volley::{Expect, How, Shot, Sides, Volley, Who};
use super::wire::{Answer, Came, Fault, Limits, Protocol};

/// A count of the service's handlers' runs.
pub(crate) type Handled = dyn Fn() -> u64 + Send + Sync;

/// The service, and what its answers are searched for.
pub(crate) struct Range<'a> {
    pub(crate) limits: Limits,
    pub(crate) sides: &'a Sides,
    pub(crate) handled: Option<&'a Handled>,
}

/// What came of the sides' own requests.
pub(crate) struct Own {
    pub(crate) outcome: Outcome,
    /// What the service speaks.
    pub(crate) protocols: Vec<Protocol>,
    pub(crate) answers: Vec<(Who, Answer, String)>,
}

impl Own {
    /// The validators of both sides' answers.
    pub(crate) fn etags(&self) -> [Option<String>; 2] {
        Who::BOTH.map(|who| {
            let of_side = self.answers.iter().filter(|(side, ..)| *side == who);
            of_side.filter_map(|(_, answer, _)| answer.header("etag")).next().map(str::to_owned)
        })
    }

    /// Which of them a cache that many share may keep.
    pub(crate) fn shared_caches(&self) -> Outcome {
        let exchanges = self.answers.iter().map(|(_, answer, sent)| Exchange {
            sent: sent.clone(),
            came: answer.summary(),
            breaches: Vec::new(),
            findings: if cacheable(answer) { vec![Finding::Cacheable] } else { Vec::new() },
        });
        Outcome { attack: Attack::SharedCaches, exchanges: exchanges.collect(), skipped: None }
    }
}

/// RFC 9111 section 5.2.2.
fn cacheable(answer: &Answer) -> bool {
    let mut directives = answer.values("cache-control").flat_map(|value| value.split(','));
    directives.any(|directive| {
        let name = directive.split('=').next().unwrap_or_default().trim();
        name.eq_ignore_ascii_case("public") || name.eq_ignore_ascii_case("s-maxage")
    })
}

impl Range<'_> {
    /// Stores the secrets, where a side can, and asks for them in every protocol.
    pub(crate) async fn own_requests(&self) -> Own {
        let mut own = Own {
            outcome: Outcome { attack: Attack::OwnRequests, exchanges: self.plant().await, skipped: None },
            protocols: Vec::new(),
            answers: Vec::new(),
        };
        let volley = Volley::new(How::Apart, Who::BOTH.map(|who| self.sides.own(who)));
        let mut unspoken = Vec::new();
        for protocol in [Protocol::Http1, Protocol::Http2] {
            let came = fire(self.limits, protocol, &volley).await;
            let exchanges = self.judged(protocol, &volley, &came, "");
            if came.iter().all(Result::is_err) {
                unspoken.extend(exchanges);
                continue;
            }
            own.protocols.push(protocol);
            own.outcome.exchanges.extend(exchanges);
            for (who, came) in Who::BOTH.into_iter().zip(came) {
                let sent = self.sent(protocol, &self.sides.read(who));
                own.answers.extend(came.ok().map(|answer| (who, answer, sent)));
            }
        }
        if own.protocols.is_empty() {
            own.outcome.exchanges.append(&mut unspoken);
        }
        own
    }

    /// Stores the secret of each side that can write, by the side itself.
    pub(crate) async fn plant(&self) -> Vec<Exchange> {
        let mut exchanges = Vec::new();
        for who in Who::BOTH {
            let side = self.sides.get(who);
            let Some(plants) = &side.plants else { continue };
            let draft = self.sides.ask(&plants.planting(&side.secret), who, Some(who));
            let mut protocol = Protocol::Http1;
            let mut came = once(self.limits, protocol, &draft).await;
            if came.is_err() {
                protocol = Protocol::Http2;
                came = once(self.limits, protocol, &draft).await;
            }
            let stored = came.as_ref().is_ok_and(Answer::serves);
            let breach = Breach::NotItsOwn { host: side.host.clone() };
            exchanges.push(Exchange {
                sent: self.sent(protocol, &draft),
                came: summary(&came),
                breaches: if stored { vec![] } else { vec![breach] },
                findings: vec![],
            });
        }
        exchanges
    }

    /// Sends a volley and judges it.
    pub(crate) async fn exchange(&self, protocol: Protocol, volley: &Volley, mark: &str) -> Vec<Exchange> {
        let before = self.handled.map(|count| count());
        let came = fire(self.limits, protocol, volley).await;
        let ran = before != self.handled.map(|count| count());
        let mut exchanges = self.judged(protocol, volley, &came, mark);
        let all_refused = volley.shots.iter().all(|shot| shot.expect == Expect::Refusal);
        if ran
            && all_refused
            && let Some(exchange) = exchanges.first_mut()
        {
            exchange.breaches.push(Breach::Handled);
        }
        exchanges
    }

    /// What of the sides' own requests does not hold any more.
    pub(crate) async fn aftermath(&self, protocol: Protocol) -> Vec<Exchange> {
        let volley = Volley::new(How::Apart, Who::BOTH.map(|who| self.sides.own(who)));
        let mut exchanges = self.exchange(protocol, &volley, "").await;
        exchanges.retain(|exchange| !exchange.breaches.is_empty());
        for exchange in &mut exchanges {
            exchange.sent.insert_str(0, "afterwards ");
        }
        exchanges
    }

    fn judged(&self, protocol: Protocol, volley: &Volley, came: &[Came], mark: &str) -> Vec<Exchange> {
        let sent = volley.shots.iter().zip(came).filter(|(_, came)| !matches!(came, Err(Fault::Unsendable)));
        let judged = |(shot, came): (&Shot, &Came)| {
            let verdict = judge(self.sides, mark, shot, volley.how, came);
            Exchange {
                sent: self.sent(protocol, &shot.draft),
                came: summary(came),
                breaches: verdict.breaches,
                findings: verdict.findings,
            }
        };
        sent.map(judged).collect()
    }

    fn sent(&self, protocol: Protocol, draft: &Draft) -> String {
        format!("{protocol} {}", draft.summary(&self.sides.0))
    }
}

fn summary(came: &Came) -> String {
    came.as_ref().map_or_else(Fault::summary, Answer::summary)
}
